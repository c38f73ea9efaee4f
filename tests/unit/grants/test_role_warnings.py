"""What a person is warned of when a role is given."""

import pytest

from argogrant.grants.conditions import BindingOutcome, grant_conditions
from argogrant.grants.role_warnings import RoleRisks, role_warning
from support.builders import a_grant, decided

WAYS = ("accounts update", "applications create", "exec create", "projects update")
BOTH = RoleRisks(has_deny=True, persistent_permissions=WAYS)


@pytest.mark.parametrize(
    ("traits", "said", "not_said"),
    [
        pytest.param(RoleRisks(has_deny=True), "deny rules", "outlast", id="denies"),
        pytest.param(
            RoleRisks(persistent_permissions=WAYS[:1]),
            "outlast the grant (accounts update);",
            "deny",
            id="one way to persist",
        ),
        pytest.param(
            BOTH, "applications create, exec create and 1 more);", "projects", id="many"
        ),
    ],
)
def test_a_role_is_warned_of(traits, said, not_said) -> None:
    assert said in role_warning(traits)
    assert not_said not in role_warning(traits)


def test_of_other_roles_nothing_is_said() -> None:
    assert role_warning(RoleRisks()) == ""
    assert not RoleRisks().can_persist


def test_who_is_bound_reads_the_warning() -> None:
    decision = decided(a_grant(), role_risks={"role:deployer": BOTH})
    ready = grant_conditions(decision, BindingOutcome(is_bound=True))[1]

    assert ready.message.endswith(f"Z. {role_warning(BOTH)}")


def test_who_is_not_in_force_is_not_warned() -> None:
    decision = decided(a_grant(revoked=True), role_risks={"role:deployer": BOTH})

    assert decision.role_warning == ""
