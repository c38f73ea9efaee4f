"""Decisions by the grant's own object alone, if nothing else is known."""

import pytest

from argogrant.grants.decide import DesiredBinding, decide_alone
from argogrant.grants.model.grant import RecordedFinding
from argogrant.grants.model.reasons import Finding, Reason
from support.builders import HOUR, NOON, SECOND, a_grant

UNKNOWN = Finding(Reason.INTERNAL_ERROR, "Nobody knows.", is_unknown=True)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param({"being_deleted": True}, Reason.DELETED, id="is being deleted"),
        pytest.param({"revoked": True}, Reason.REVOKED, id="was revoked"),
        pytest.param(
            {"recorded_finding": RecordedFinding(Reason.DENIED, "No.")},
            Reason.DENIED,
            id="was denied",
        ),
        pytest.param({"frozen_end": NOON}, Reason.EXPIRED, id="has its end reported"),
        pytest.param({"expires_at": NOON}, Reason.EXPIRED, id="has an end in its spec"),
    ],
)
def test_binding_is_removed_of_a_grant_that(fields, reason) -> None:
    decision = decide_alone(a_grant(**fields), NOON, UNKNOWN)

    assert decision.desired_binding is DesiredBinding.ABSENT
    assert decision.finding is not None
    assert decision.finding.reason is reason


@pytest.mark.parametrize(
    ("fields", "recheck_at"),
    [
        pytest.param({}, None, id="a duration, which may count from an approval"),
        pytest.param({"frozen_end": NOON + HOUR}, NOON + HOUR, id="a reported end"),
        pytest.param({"expires_at": NOON + HOUR}, NOON + HOUR, id="an end in the spec"),
    ],
)
def test_any_other_binding_stays_until(fields, recheck_at) -> None:
    decision = decide_alone(a_grant(**fields), NOON + HOUR - SECOND, UNKNOWN)

    assert decision.desired_binding is DesiredBinding.UNCHANGED
    assert decision.finding is UNKNOWN
    assert decision.policy_result.finding is UNKNOWN
    assert decision.recheck_at == recheck_at
