"""What is said about a grant, from the decision and what became of the binding."""

import pytest

from argogrant.grants.checks import Finding
from argogrant.grants.conditions import Delivery, grant_conditions
from argogrant.grants.reasons import Reason
from builders import HOUR, NOON, a_grant, decided

MISSING = Finding(Reason.CONFIG_MAP_MISSING, "argocd-rbac-cm is missing.")


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
    delivery = Delivery(is_bound=False, blocked=MISSING)
    ready = grant_conditions(decision, delivery)[1]

    assert (ready.status, ready.reason) == (False, reason)
