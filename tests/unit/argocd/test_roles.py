"""Discovered roles, and names that must not become subjects."""

import pytest

from argogrant.argocd.appproject.project import Project, ProjectRole
from argogrant.argocd.policy_csv import OVERLAY_KEY, read_unmanaged_keys
from argogrant.argocd.roles import (
    BUILT_IN_ROLES,
    DiscoveredRole,
    discover_roles,
    names_used_as_roles,
    names_used_as_roles_in,
)

NO_TEXT = read_unmanaged_keys({})


def roles_of(text: str, *projects: Project) -> set[str]:
    found = discover_roles(read_unmanaged_keys({"policy.csv": text}), projects)
    return {role.bound_as for role in found} - BUILT_IN_ROLES


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        pytest.param("", set(), id="an empty policy"),
        pytest.param("p, role:a, x, y, z, allow", {"role:a"}, id="a role with a rule"),
        pytest.param(
            "p, bob, x, y, z, allow", set(), id="a rule of a user defines no role"
        ),
        pytest.param(
            "g, role:a, role:b\np, role:b, x, y, z, allow",
            {"role:a", "role:b"},
            id="a role that inherits a role with a rule",
        ),
        pytest.param("g, role:a, role:b", set(), id="roles without a rule"),
        pytest.param("g, devs, role: admin", set(), id="a blank in the name of a role"),
        pytest.param(
            "g, role:a, role:admin",
            {"role:a"},
            id="a role that inherits a built-in one",
        ),
        pytest.param(
            "g, devs, leads\np, leads, x, y, z, allow",
            {"leads"},
            id="the second field of a g line with a rule",
        ),
        pytest.param("g, devs, leads", set(), id="the second field without a rule"),
        pytest.param(
            "g, devs, leads\ng, leads, role:readonly", {"leads"}, id="one that inherits"
        ),
        pytest.param("g, x, proj:p:r", set(), id="a project role is not global"),
        pytest.param('g, x, ""', set(), id="an empty name is not a role"),
    ],
)
def test_global_roles(text, roles) -> None:
    assert roles_of(text) == roles


def test_built_in_roles_always_exist() -> None:
    assert {role.bound_as for role in discover_roles(NO_TEXT, ())} == BUILT_IN_ROLES


def test_managed_binding_does_not_define_a_role() -> None:
    """Otherwise a removed role would exist while a grant for it is bound."""
    text = read_unmanaged_keys({OVERLAY_KEY: "g, alice, role:gone"})

    assert {role.bound_as for role in discover_roles(text, ())} == BUILT_IN_ROLES


def test_roles_of_a_project_are_discovered() -> None:
    rules = [
        f"p, proj:team-a:{one}, logs, get, */*, allow" for one in ("deployer", "x")
    ]
    roles = (
        ProjectRole(name="deployer", description="Syncs.", policies=(rules[0],)),
        ProjectRole(name="x", policies=(rules[1],)),
    )
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
        pytest.param({}, "role:admin", True, id="a built-in role"),
        pytest.param(
            {"policy.csv": "g, a, leads"},
            "leads",
            True,
            id="the second field of a g line",
        ),
        pytest.param(
            {"policy.csv": "g, a, leads"}, "a", False, id="not the first field"
        ),
        pytest.param(
            {"policy.default": "readers"}, "readers", True, id="the default role"
        ),
        pytest.param({"policy.default": ""}, "", False, id="not an empty default role"),
    ],
)
def test_name_is_used_as_a_role(data, name, is_a_role) -> None:
    assert (name in names_used_as_roles(read_unmanaged_keys(data))) is is_a_role


def test_names_used_as_roles_in_a_project_count_for_that_project_only() -> None:
    role = ProjectRole(name="r", policies=("g, devs, leads",), groups=("ops",))
    projects = [Project(name="p", roles=(role,)), Project(name="q")]

    assert names_used_as_roles_in(projects) == {"p": {"leads", "proj:p:r"}}
