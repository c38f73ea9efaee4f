"""Condition ``Ready`` of grants whose binding cannot be written."""

import pytest

from argogrant.grants.conditions import BindingOutcome, grant_conditions
from argogrant.grants.model.reasons import Finding, Reason
from support.builders import HOUR, NOON, a_grant, decided

MISSING = Finding(Reason.CONFIG_MAP_MISSING, "argocd-rbac-cm is missing.")


@pytest.mark.parametrize("end", ["expired", "revoked", "deleted"])
def test_grant_that_may_still_apply_has_not_ended(end) -> None:
    """The reason is the cause of the delay; the message contains both."""
    grant, now = a_grant(), NOON
    if end == "expired":
        now += 2 * HOUR
    else:
        grant = a_grant(**{{"deleted": "being_deleted"}.get(end, end): True})
    outcome = BindingOutcome(is_bound=False, blocked=MISSING, may_still_apply=True)
    decision = decided(grant, now)
    assert decision.finding is not None
    approved_and_ready = grant_conditions(decision, outcome)
    _, ready = approved_and_ready

    assert (ready.status, ready.reason) == (False, Reason.CONFIG_MAP_MISSING)
    assert ready.message.startswith(decision.finding.message)
    assert ready.message.endswith(MISSING.message)


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        pytest.param(
            decided(a_grant()),
            Reason.CONFIG_MAP_MISSING,
            id="in force",
        ),
        pytest.param(
            decided(a_grant(), rbac_policy_is_known=False),
            Reason.CONFIG_MAP_MISSING,
            id="unknown",
        ),
        pytest.param(
            decided(a_grant(), NOON + 2 * HOUR, rbac_policy_is_known=False),
            Reason.EXPIRED,
            id="expired",
        ),
        pytest.param(
            decided(a_grant(), roles=frozenset()),
            Reason.ROLE_NOT_FOUND,
            id="missing role",
        ),
    ],
)
def test_ready_reports_a_blocked_write_unless_the_grant_has_a_finding(
    decision, reason
) -> None:
    outcome = BindingOutcome(is_bound=False, blocked=MISSING)
    ready = grant_conditions(decision, outcome)[1]

    assert (ready.status, ready.reason) == (False, reason)
