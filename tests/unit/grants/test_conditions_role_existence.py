"""What is said about a grant, from the decision and what became of the binding."""

import pytest

from argogrant.grants.conditions import BindingOutcome, grant_conditions
from argogrant.grants.model.reasons import Finding, Reason
from support.builders import HOUR, NOON, a_grant, decided

MISSING = Finding(Reason.CONFIG_MAP_MISSING, "argocd-rbac-cm is missing.")


@pytest.mark.parametrize("holding", ["expired", "revoked", "deleted"])
def test_what_may_linger_is_not_over(holding) -> None:
    """What stands in the way comes first, and then what it stands in the way of."""
    grant, now = a_grant(), NOON
    if holding == "expired":
        now += 2 * HOUR
    else:
        grant = a_grant(**{{"deleted": "being_deleted"}.get(holding, holding): True})
    delivery = BindingOutcome(is_bound=False, blocked=MISSING, may_still_apply=True)
    decision = decided(grant, now)
    assert decision.finding is not None
    approved_and_ready = grant_conditions(decision, delivery)
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
            id="a grant in force says what stands in its way",
        ),
        pytest.param(
            decided(a_grant(), text_is_known=False),
            Reason.CONFIG_MAP_MISSING,
            id="a grant in doubt says what the doubt comes from",
        ),
        pytest.param(
            decided(a_grant(), NOON + 2 * HOUR, text_is_known=False),
            Reason.EXPIRED,
            id="a grant that is over says so whatever stands in the way",
        ),
        pytest.param(
            decided(a_grant(), roles=frozenset()),
            Reason.ROLE_NOT_FOUND,
            id="a grant without its role says so whatever stands in the way",
        ),
    ],
)
def test_ready_names_the_nearest_obstacle(decision, reason) -> None:
    delivery = BindingOutcome(is_bound=False, blocked=MISSING)
    ready = grant_conditions(decision, delivery)[1]

    assert (ready.status, ready.reason) == (False, reason)
