"""Warnings about risky roles."""

import pytest

from argogrant.grants.conditions import BindingOutcome, grant_conditions
from argogrant.grants.model.grant import RoleRisks, role_warning
from support.builders import a_grant, decided

PERMISSIONS = (
    "accounts update",
    "applications create",
    "exec create",
    "projects update",
)
BOTH = RoleRisks(has_deny=True, persistent_permissions=PERMISSIONS)


@pytest.mark.parametrize(
    ("risks", "included", "excluded"),
    [
        pytest.param(
            RoleRisks(has_deny=True), "deny rules", "outlast", id="deny rules"
        ),
        pytest.param(
            RoleRisks(persistent_permissions=PERMISSIONS[:1]),
            "outlast the grant (accounts update).",
            "deny",
            id="one persistent permission",
        ),
        pytest.param(
            BOTH,
            "applications create, exec create and 1 more).",
            "projects",
            id="deny rules and four persistent permissions",
        ),
    ],
)
def test_warning_describes_the_risks(risks, included, excluded) -> None:
    assert included in role_warning(risks)
    assert excluded not in role_warning(risks)


def test_role_without_risks_has_no_warning() -> None:
    assert role_warning(RoleRisks()) == ""
    assert not RoleRisks().can_persist


def test_message_of_a_bound_grant_contains_the_warning() -> None:
    decision = decided(a_grant(), role_risks={"role:deployer": BOTH})
    ready = grant_conditions(decision, BindingOutcome(is_bound=True))[1]

    assert ready.message.endswith(f"Z. {role_warning(BOTH)}")


def test_grant_that_is_not_in_force_has_no_warning() -> None:
    decision = decided(a_grant(revoked=True), role_risks={"role:deployer": BOTH})

    assert decision.role_warning == ""
