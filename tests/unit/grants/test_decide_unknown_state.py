"""What is decided while policies, approvals, or who checks them, are not known."""

import pytest

from argogrant.grants.decide import DesiredBinding
from argogrant.grants.model.identity import RequesterVerification
from argogrant.grants.model.reasons import Reason
from support.builders import HOUR, NOON, a_grant, a_policy, an_identity, decided

UNREADABLE = {"policies_are_known": False}
UNCHECKED = {
    "policies": (a_policy(),),
    "identities": RequesterVerification(reason=Reason.UNKNOWN, problem="403"),
}


@pytest.mark.parametrize(
    "doubt",
    [
        pytest.param(UNREADABLE, id="policies can not be read"),
        pytest.param(UNCHECKED, id="nobody knows whether requesters are checked"),
    ],
)
@pytest.mark.parametrize(
    ("wants", "at", "holding"),
    [
        pytest.param(
            {}, NOON, DesiredBinding.UNCHANGED, id="what may be bound is kept"
        ),
        pytest.param(
            {},
            NOON + HOUR,
            DesiredBinding.ABSENT,
            id="until a duration may be over, had nobody had to approve",
        ),
        pytest.param(
            {"frozen_end": NOON + 2 * HOUR},
            NOON + HOUR,
            DesiredBinding.UNCHANGED,
            id="a promised end is known",
        ),
        pytest.param(
            {"expires_at": NOON + 2 * HOUR},
            NOON + HOUR,
            DesiredBinding.UNCHANGED,
            id="and so is an absolute one",
        ),
    ],
)
def test_in_doubt(doubt, wants, at, holding) -> None:
    """Releasing is not final: the doubt may be resolved in the grant's favour."""
    grant = a_grant(requester=an_identity(), **wants)
    decision = decided(grant, at, **doubt)

    assert decision.desired_binding is holding
    assert decision.finding is not None
    assert decision.finding.reason is Reason.ACCESS_POLICIES_UNKNOWN
    assert not decision.has_ended


def test_a_doubt_is_looked_at_again_when_it_may_be_over() -> None:
    assert decided(a_grant(), **UNREADABLE).recheck_at == NOON + HOUR


def test_who_is_checked_does_not_matter_where_everybody_may_ask() -> None:
    identities = RequesterVerification(reason=Reason.UNKNOWN, problem="403")

    assert decided(a_grant(), identities=identities).finding is None
