"""Decisions while policies, approvals or their verification are unknown."""

import pytest

from argogrant.grants.access.policy_checks import RelatedObjects
from argogrant.grants.decide import DesiredBinding
from argogrant.grants.model.identity import RequesterVerification
from argogrant.grants.model.reasons import Reason
from support.builders import (
    HOUR,
    NOON,
    SECOND,
    a_grant,
    a_policy,
    an_identity,
    decided,
)

UNREADABLE = {"policies_are_known": False}
UNVERIFIABLE = {
    "policies": (a_policy(),),
    "identities": RequesterVerification(reason=Reason.UNKNOWN, problem="403"),
}


@pytest.mark.parametrize(
    "unknown",
    [
        pytest.param(UNREADABLE, id="policies not readable"),
        pytest.param(UNVERIFIABLE, id="verification of requesters unknown"),
    ],
)
@pytest.mark.parametrize(
    ("overrides", "at", "desired_binding"),
    [
        pytest.param({}, NOON, DesiredBinding.UNCHANGED, id="binding stays"),
        pytest.param(
            {},
            NOON + HOUR,
            DesiredBinding.ABSENT,
            id="binding is removed at the earliest possible end",
        ),
        pytest.param(
            {"frozen_end": NOON + 2 * HOUR},
            NOON + HOUR,
            DesiredBinding.UNCHANGED,
            id="reported end is known",
        ),
        pytest.param(
            {"expires_at": NOON + 2 * HOUR},
            NOON + HOUR,
            DesiredBinding.UNCHANGED,
            id="absolute end is known",
        ),
    ],
)
def test_unknown_policies_keep_a_binding_until_its_end(
    unknown, overrides, at, desired_binding
) -> None:
    """Removing the binding is not final: the grant may turn out to be approved."""
    grant = a_grant(requester=an_identity(), **overrides)
    decision = decided(grant, at, **unknown)

    assert decision.desired_binding is desired_binding
    assert decision.finding is not None
    assert decision.finding.reason is Reason.ACCESS_POLICIES_UNKNOWN
    assert not decision.has_ended


@pytest.mark.parametrize(
    ("at", "desired_binding"),
    [
        pytest.param(NOON + HOUR - SECOND, DesiredBinding.UNCHANGED, id="before it"),
        pytest.param(NOON + HOUR, DesiredBinding.ABSENT, id="at it"),
    ],
)
def test_unknown_policies_keep_no_binding_after_its_written_end(
    at, desired_binding
) -> None:
    """A status that reports a later end could be forged."""
    grant = a_grant(frozen_end=NOON + 9 * HOUR)
    related = RelatedObjects(written_end=NOON + HOUR)
    decision = decided(grant, at, related, **UNREADABLE)

    assert decision.desired_binding is desired_binding
    assert not decision.has_ended
    assert decided(grant, NOON, related, **UNREADABLE).recheck_at == NOON + HOUR


def test_unknown_policies_are_rechecked_at_the_earliest_possible_end() -> None:
    assert decided(a_grant(), **UNREADABLE).recheck_at == NOON + HOUR


def test_unknown_verification_does_not_matter_without_policies() -> None:
    identities = RequesterVerification(reason=Reason.UNKNOWN, problem="403")

    assert decided(a_grant(), identities=identities).finding is None
