"""What a person is warned of when a role is given."""

import pytest

from argogrant.grants.conditions import Delivery, grant_conditions
from argogrant.grants.role_warnings import RoleTraits, caution_about
from support.builders import a_grant, decided

WAYS = ("accounts update", "applications create", "exec create", "projects update")
BOTH = RoleTraits(has_deny=True, ways_to_persist=WAYS)


@pytest.mark.parametrize(
    ("traits", "said", "not_said"),
    [
        pytest.param(RoleTraits(has_deny=True), "deny rules", "outlast", id="denies"),
        pytest.param(
            RoleTraits(ways_to_persist=WAYS[:1]),
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
    assert said in caution_about(traits)
    assert not_said not in caution_about(traits)


def test_of_other_roles_nothing_is_said() -> None:
    assert caution_about(RoleTraits()) == ""
    assert not RoleTraits().can_persist


def test_who_is_bound_reads_the_warning() -> None:
    decision = decided(a_grant(), role_traits={"role:deployer": BOTH})
    ready = grant_conditions(decision, Delivery(is_bound=True))[1]

    assert ready.message.endswith(f"Z. {caution_about(BOTH)}")


def test_who_is_not_in_force_is_not_warned() -> None:
    decision = decided(a_grant(revoked=True), role_traits={"role:deployer": BOTH})

    assert decision.caution == ""
