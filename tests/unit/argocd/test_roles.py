"""The roles that exist, and the names that must not be bound as subjects."""

import pytest

from argogrant.argocd.appproject.project import Project, ProjectRole
from argogrant.argocd.policy_csv import OVERLAY_KEY, read_unmanaged_keys
from argogrant.argocd.roles import (
    BUILT_IN_ROLES,
    DiscoveredRole,
    discover_roles,
    names_used_as_roles,
)

NO_TEXT = read_unmanaged_keys({})


def roles_of(text: str, *projects: Project) -> set[str]:
    found = discover_roles(read_unmanaged_keys({"policy.csv": text}), projects)
    return {role.bound_as for role in found} - BUILT_IN_ROLES


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        pytest.param("", set(), id="no text defines no role"),
        pytest.param("p, role:a, x, y, z, allow", {"role:a"}, id="a role with a rule"),
        pytest.param("p, bob, x, y, z, allow", set(), id="a user's rule is no role"),
        pytest.param("g, role:a, role:b", {"role:a", "role:b"}, id="a role with one"),
        pytest.param("g, devs, leads", {"leads"}, id="whatever others hold"),
        pytest.param("g, x, proj:p:r", set(), id="a project's role is its project's"),
        pytest.param('g, x, ""', set(), id="an empty name is none"),
    ],
)
def test_a_global_role_is(text, roles) -> None:
    assert roles_of(text) == roles


def test_the_built_in_roles_always_exist() -> None:
    assert {role.bound_as for role in discover_roles(NO_TEXT, ())} == BUILT_IN_ROLES


def test_our_own_overlay_keeps_no_role_alive() -> None:
    """Or a role that was removed would go on because we bound it."""
    text = read_unmanaged_keys({OVERLAY_KEY: "g, alice, role:gone"})

    assert {role.bound_as for role in discover_roles(text, ())} == BUILT_IN_ROLES


def test_a_project_has_the_roles_that_it_lists() -> None:
    roles = (ProjectRole(name="deployer", description="Syncs."), ProjectRole(name="x"))
    found = discover_roles(NO_TEXT, [Project(name="team-a", roles=roles)])

    assert [role for role in found if role.project] == [
        DiscoveredRole(project="team-a", name="deployer", description="Syncs."),
        DiscoveredRole(project="team-a", name="x"),
    ]
    assert found[-2].bound_as == "proj:team-a:deployer"
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    ("data", "name", "is_a_role"),
    [
        pytest.param({}, "role:admin", True, id="the built-in roles are"),
        pytest.param({"policy.csv": "g, a, leads"}, "leads", True, id="a held name is"),
        pytest.param({"policy.csv": "g, a, leads"}, "a", False, id="its holder is not"),
        pytest.param(
            {"policy.default": "everybody"}, "everybody", True, id="the default role is"
        ),
        pytest.param({"policy.default": ""}, "", False, id="no default role is none"),
    ],
)
def test_a_name_used_as_a_role(data, name, is_a_role) -> None:
    assert (name in names_used_as_roles(read_unmanaged_keys(data), ())) is is_a_role


def test_names_that_a_project_uses_as_roles_count() -> None:
    role = ProjectRole(name="r", policies=("g, devs, leads",), groups=("ops",))
    names = names_used_as_roles(NO_TEXT, [Project(name="p", roles=(role,))])

    assert names - BUILT_IN_ROLES == {"leads", "proj:p:r"}
