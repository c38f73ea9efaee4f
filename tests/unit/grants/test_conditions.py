"""What is said about a grant: conditions from the decision and the delivery."""

import pytest

from argogrant.grants.conditions import BindingOutcome, Condition, grant_conditions
from argogrant.grants.model.reason_table import DESCRIPTIONS
from argogrant.grants.model.reasons import (
    Finding,
    GrantCondition,
    InstanceCondition,
    Reason,
)
from support.builders import HOUR, NOON, a_grant, decided

BLOCKED = Finding(Reason.CONFIG_MAP_MISSING, "argocd-rbac-cm is missing.")
UNKNOWN = {"text_is_known": False}


def said(conditions: tuple[Condition, ...]) -> dict[str, tuple[bool | None, str]]:
    return {str(c.type): (c.status, str(c.reason)) for c in conditions}


@pytest.mark.parametrize(
    ("grant", "now", "instance", "delivery", "ready"),
    [
        pytest.param(
            a_grant(),
            NOON,
            {},
            BindingOutcome(is_bound=True),
            (True, "Bound"),
            id="in force and bound is ready",
        ),
        pytest.param(
            a_grant(),
            NOON,
            {},
            BindingOutcome(is_bound=False),
            (False, "Binding"),
            id="in force and not bound is being written",
        ),
        pytest.param(
            a_grant(),
            NOON,
            {},
            BindingOutcome(is_bound=False, blocked=BLOCKED),
            (False, "ConfigMapMissing"),
            id="what stands in the way is named",
        ),
        pytest.param(
            a_grant(),
            NOON,
            {},
            BindingOutcome(is_bound=True, blocked=BLOCKED),
            (True, "Bound"),
            id="what is bound is ready whatever stands in the way",
        ),
        pytest.param(
            a_grant(),
            NOON,
            UNKNOWN,
            BindingOutcome(is_bound=True),
            (True, "Bound"),
            id="in doubt and bound is ready",
        ),
        pytest.param(
            a_grant(),
            NOON,
            UNKNOWN,
            BindingOutcome(is_bound=False),
            (False, "InstanceUnavailable"),
            id="in doubt and not bound is not",
        ),
        pytest.param(
            a_grant(),
            NOON + HOUR,
            {},
            BindingOutcome(is_bound=True),
            (False, "Expired"),
            id="an end is told while the binding is still there",
        ),
        pytest.param(
            a_grant(role="role:none"),
            NOON,
            {},
            BindingOutcome(is_bound=False, blocked=BLOCKED),
            (False, "RoleNotFound"),
            id="the grant's own trouble comes before the instance's",
        ),
    ],
)
def test_ready_is_what_argo_cd_does_now(grant, now, instance, delivery, ready) -> None:
    conditions = grant_conditions(decided(grant, now, **instance), delivery)

    assert said(conditions)["Ready"] == ready
    assert said(conditions)["Approved"] == (True, "PolicyNotRequired")


@pytest.mark.parametrize(
    ("grant", "now", "ended"),
    [
        pytest.param(a_grant(), NOON, None, id="a grant in force has not ended"),
        pytest.param(
            a_grant(being_deleted=True), NOON, None, id="one that vanishes neither"
        ),
        pytest.param(
            a_grant(), NOON + HOUR, (True, "Expired"), id="one whose end came has"
        ),
        pytest.param(
            a_grant(revoked=True), NOON, (True, "Revoked"), id="so has a revoked one"
        ),
    ],
)
def test_ended_appears_with_the_end(grant, now, ended) -> None:
    conditions = grant_conditions(decided(grant, now), BindingOutcome(is_bound=False))

    assert said(conditions).get("Ended") == ended


def test_a_bound_grant_says_who_what_and_until_when() -> None:
    decision = decided(a_grant(duration=2 * HOUR), max_duration=HOUR)
    _, ready = grant_conditions(decision, BindingOutcome(is_bound=True))

    assert ready.message == (
        'Argo CD gives "alice" the role "role:deployer" until 2026-11-24T13:00:00Z.'
        " It is shortened to the instance's maxDuration of 1h."
    )


def test_every_reason_is_explained() -> None:
    """The reference documentation is made of these sentences."""
    assert set(DESCRIPTIONS) == set(Reason)
    assert all(text.endswith(".") for text in DESCRIPTIONS.values())


def test_the_condition_types_are_part_of_the_api() -> None:
    """People select by these names; they are added to, never renamed."""
    assert {"Approved", "Ready", "Ended"} <= set(GrantCondition)
    assert {"Ready", "RBACTextValid"} <= set(InstanceCondition)
