"""Conditions of a grant, from its decision and the state of its binding."""

import pytest

from argogrant.grants.conditions import BindingOutcome, Condition, grant_conditions
from argogrant.grants.model.reasons import (
    Finding,
    GrantCondition,
    InstanceCondition,
    Reason,
)
from support.builders import HOUR, NOON, a_grant, decided

BLOCKED = Finding(Reason.CONFIG_MAP_MISSING, "argocd-rbac-cm is missing.")
UNKNOWN = {"rbac_policy_is_known": False}


def statuses(conditions: tuple[Condition, ...]) -> dict[str, tuple[bool | None, str]]:
    return {str(c.type): (c.status, str(c.reason)) for c in conditions}


@pytest.mark.parametrize(
    ("grant", "now", "instance", "outcome", "ready"),
    [
        pytest.param(
            a_grant(),
            NOON,
            {},
            BindingOutcome(is_bound=True),
            (True, "Bound"),
            id="in force and bound",
        ),
        pytest.param(
            a_grant(),
            NOON,
            {},
            BindingOutcome(is_bound=False),
            (False, "Binding"),
            id="in force and not yet bound",
        ),
        pytest.param(
            a_grant(),
            NOON,
            {},
            BindingOutcome(is_bound=False, blocked=BLOCKED),
            (False, "ConfigMapMissing"),
            id="blocked write",
        ),
        pytest.param(
            a_grant(),
            NOON,
            {},
            BindingOutcome(is_bound=True, blocked=BLOCKED),
            (True, "Bound"),
            id="bound and blocked write",
        ),
        pytest.param(
            a_grant(),
            NOON,
            UNKNOWN,
            BindingOutcome(is_bound=True),
            (True, "Bound"),
            id="unknown and bound",
        ),
        pytest.param(
            a_grant(),
            NOON,
            UNKNOWN,
            BindingOutcome(is_bound=False),
            (False, "InstanceUnavailable"),
            id="unknown and not bound",
        ),
        pytest.param(
            a_grant(),
            NOON + HOUR,
            {},
            BindingOutcome(is_bound=True),
            (False, "Expired"),
            id="expired and still bound",
        ),
        pytest.param(
            a_grant(role="role:none"),
            NOON,
            {},
            BindingOutcome(is_bound=False, blocked=BLOCKED),
            (False, "RoleNotFound"),
            id="finding of the grant takes precedence over the blocked write",
        ),
    ],
)
def test_ready_reports_whether_argo_cd_allows_the_access(
    grant, now, instance, outcome, ready
) -> None:
    conditions = grant_conditions(decided(grant, now, **instance), outcome)

    assert statuses(conditions)["Ready"] == ready
    assert statuses(conditions)["Approved"] == (True, "PolicyNotRequired")


@pytest.mark.parametrize(
    ("grant", "now", "ended"),
    [
        pytest.param(a_grant(), NOON, None, id="in force"),
        pytest.param(a_grant(being_deleted=True), NOON, None, id="being deleted"),
        pytest.param(a_grant(), NOON + HOUR, (True, "Expired"), id="expired"),
        pytest.param(a_grant(revoked=True), NOON, (True, "Revoked"), id="revoked"),
    ],
)
def test_ended_is_reported_for_ended_grants_only(grant, now, ended) -> None:
    conditions = grant_conditions(decided(grant, now), BindingOutcome(is_bound=False))

    assert statuses(conditions).get("Ended") == ended


def test_message_of_a_bound_grant_has_subject_role_and_end() -> None:
    decision = decided(a_grant(duration=2 * HOUR), max_duration=HOUR)
    _, ready = grant_conditions(decision, BindingOutcome(is_bound=True))

    assert ready.message == (
        'Argo CD gives "alice" the role "role:deployer" until 2026-11-24T13:00:00Z.'
        " It is shortened to the instance's maxDuration of 1h."
    )


def test_condition_types_are_part_of_the_api() -> None:
    """Users select by these names. New ones may be added, none may be renamed."""
    assert {"Approved", "Ready", "Ended"} <= set(GrantCondition)
    assert {"Ready", "RBACTextValid"} <= set(InstanceCondition)
