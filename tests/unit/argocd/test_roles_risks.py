"""Persistent permissions and deny rules of roles."""

from dataclasses import replace

import pytest

from argogrant.argocd.appproject.project import Project, ProjectRole
from argogrant.argocd.policy_csv import read_unmanaged_keys
from argogrant.argocd.roles import (
    MAX_PATTERN,
    PERSISTENT,
    RolePermissions,
    default_roles,
    default_roles_in,
    discover_roles,
)
from argogrant.grants.model.grant import NO_RISKS, RoleRisks

NO_TEXT = read_unmanaged_keys({})
ALL_PERMISSIONS = tuple(
    sorted(f"{resource} {action}" for resource, action in PERSISTENT)
)


def risks(text: str, name: str = "role:x", mode: str = "", *projects: Project):
    data = {"policy.csv": text, "policy.matchMode": mode}
    return RolePermissions(read_unmanaged_keys(data), projects).risks_of(name)


def rule(resource: str, action: str, effect: str = "allow", object_: str = "*") -> str:
    return f"p, role:x, {resource}, {action}, {object_}, {effect}\n"


@pytest.mark.parametrize(
    ("text", "permissions"),
    [
        pytest.param("", "", id="a role without rules"),
        pytest.param(rule("applications", "sync"), "", id="syncing"),
        pytest.param(rule("applications", "action/*"), "", id="actions"),
        pytest.param(rule("exec", "create"), "exec create", id="a shell"),
        pytest.param(rule("exec", "create", "ALLOW"), "", id="an invalid effect"),
        pytest.param(
            rule('"{exec,gpgkeys}"', "c*"), "exec create, gpgkeys create", id="globs"
        ),
        pytest.param(
            rule("applications", "update/apps/Deployment/*"),
            "applications update/*",
            id="some subresources of an Application",
        ),
        pytest.param(
            rule("exec", "*") + rule("exec", "create", "deny"),
            "exec debug",
            id="denied everywhere",
        ),
        pytest.param(
            rule("exec", "create", object_="a/*")
            + rule("exec", "create", "deny", "a/*"),
            "",
            id="denied for the allowed objects",
        ),
        pytest.param(
            rule("exec", "create") + rule("exec", "create", "deny", "a/*"),
            "exec create",
            id="denied for some objects",
        ),
    ],
)
def test_persistent_permissions_of_a_role(text, permissions) -> None:
    assert ", ".join(risks(text).persistent_permissions) == permissions


@pytest.mark.parametrize(
    ("mode", "pattern", "permissions"),
    [
        pytest.param("", "exec|gpgkeys", (), id="a glob has no alternation"),
        pytest.param(
            "regex",
            "exec|gpgkeys",
            ("exec create", "gpgkeys create"),
            id="an alternation",
        ),
        pytest.param("regex", "ex.c", ("exec create",), id="a dot is any character"),
        pytest.param("regex", "*", (), id="an invalid regular expression"),
    ],
)
def test_patterns_depend_on_the_match_mode(mode, pattern, permissions) -> None:
    assert (
        risks(rule(pattern, "create"), mode=mode).persistent_permissions == permissions
    )


def test_regular_expression_of_subresources_is_not_a_prefix() -> None:
    text = rule("applications", "update/apps/.*")

    assert risks(text, mode="regex") == NO_RISKS


def test_admin_role_has_all_persistent_permissions() -> None:
    assert risks("", "role:admin").persistent_permissions == ALL_PERMISSIONS
    assert risks("g, role:x, role:admin").persistent_permissions == ALL_PERMISSIONS
    assert risks("", "role:readonly") == NO_RISKS


def test_deny_rule_of_readonly_applies_to_admin() -> None:
    text = "p, role:readonly, logs, get, */*, deny"

    assert risks(text, "role:admin").has_deny


def chain(length: int) -> str:
    """Return a chain of roles whose last role has a deny rule."""
    links = (f"g, role:{n}, role:{n + 1}\n" for n in range(length))
    return "".join(links) + f"p, role:{length}, logs, get, */*, deny\n"


@pytest.mark.parametrize(
    ("links", "reaches"),
    [
        pytest.param(9, True, id="nine links and the grant are ten"),
        pytest.param(10, False, id="ten links and the grant are eleven"),
    ],
)
def test_inheritance_is_limited_as_in_casbin(links, reaches) -> None:
    assert risks(chain(links), "role:0").has_deny is reaches


def test_cycle_of_roles_terminates() -> None:
    text = "g, role:x, role:y\ng, role:y, role:x\n" + rule("exec", "create", "deny")

    assert risks(text, "role:y") == RoleRisks(has_deny=True)


def a_project(*policies: str, groups: tuple[str, ...] = ()) -> Project:
    role = ProjectRole(name="r", policies=policies, groups=groups)
    return Project(name="a", roles=(role,))


@pytest.mark.parametrize(
    ("project", "found"),
    [
        pytest.param(
            a_project("p, proj:a:r, applications, *, a/*, allow"),
            RoleRisks(
                persistent_permissions=(
                    *("applications create", "applications override"),
                    *("applications update", "applications update/*"),
                )
            ),
            id="rules of the role",
        ),
        pytest.param(
            a_project("p, proj:a:r, logs, get, a/*, deny"),
            RoleRisks(has_deny=True),
            id="deny rules of the role",
        ),
        pytest.param(
            a_project(
                "p, proj:a:r, exec, create, a/x, allow",
                "p, proj:a:r, exec, create, a/y, deny",
            ),
            RoleRisks(has_deny=True, persistent_permissions=("exec create",)),
            id="rules of the role for different objects",
        ),
        pytest.param(
            a_project("p, proj:a:r, exec, create, a/*, allow", "bad line"),
            NO_RISKS,
            id="no rules of an invalid project",
        ),
    ],
)
def test_risks_of_a_project_role(project, found) -> None:
    assert risks("", "proj:a:r", "", project) == found


def test_discovered_roles_have_their_risks() -> None:
    text = read_unmanaged_keys({"policy.csv": rule("exec", "create")})
    project = a_project("p, proj:a:r, logs, get, a/*, deny")
    found = {role.bound_as: role.risks for role in discover_roles(text, [project])}

    assert found["role:x"].can_persist
    assert found["proj:a:r"].has_deny
    assert found["role:readonly"] == NO_RISKS


@pytest.mark.parametrize(
    ("default", "roles"),
    [
        ("", set()),
        ("role:x", {"role:x", "role:y"}),
        ("role:admin", {"role:admin", "role:readonly"}),
    ],
)
def test_default_roles_include_inherited_roles(default, roles) -> None:
    text = read_unmanaged_keys(
        {"policy.csv": "g, role:x, role:y", "policy.default": default}
    )

    assert default_roles(text) == roles


def test_default_roles_are_limited_as_in_casbin() -> None:
    data = {"policy.csv": chain(12), "policy.default": "role:0"}

    assert default_roles(read_unmanaged_keys(data)) == {
        f"role:{number}" for number in range(10)
    }


LINK = "g, role:x, role:admin"


@pytest.mark.parametrize(
    ("role", "projects", "can_persist"),
    [
        pytest.param("role:x", [a_project(LINK)], False, id="a global role"),
        pytest.param(
            "proj:a:r",
            [a_project(LINK, "g, proj:a:r, role:x")],
            True,
            id="a role of that project, through a global role",
        ),
        pytest.param(
            "proj:a:r", [a_project("g, proj:a:r, role:x")], False, id="without the link"
        ),
        pytest.param(
            "proj:b:r",
            [
                a_project(LINK),
                replace(a_project("g, proj:b:r, role:x"), name="b"),
            ],
            False,
            id="a role of another project",
        ),
        pytest.param(
            "proj:a:r",
            [a_project(LINK, "g, proj:a:r, role:x", "bad line")],
            False,
            id="a role of an invalid project",
        ),
    ],
)
def test_line_of_a_project_is_a_risk_of_that_project_only(
    role, projects, can_persist
) -> None:
    assert risks("", role, "", *projects).can_persist is can_persist


def test_project_role_has_the_lines_of_the_config_map() -> None:
    text = "p, proj:a:r, exec, create, a/*, allow\ng, proj:a:r, role:y\n"
    text += "p, role:y, logs, get, */*, deny"

    assert risks(text, "proj:a:r", "", a_project()) == RoleRisks(
        has_deny=True, persistent_permissions=("exec create",)
    )


LONG = "exec" + "?" * MAX_PATTERN


@pytest.mark.parametrize(
    ("text", "permissions"),
    [
        pytest.param(rule(LONG, "create"), ALL_PERMISSIONS, id="allows everything"),
        pytest.param(
            rule("exec", "create") + rule(LONG, "create", "deny"),
            ("exec create",),
            id="denies nothing",
        ),
    ],
)
def test_pattern_that_is_too_long_to_compare(text, permissions) -> None:
    assert risks(text).persistent_permissions == permissions


def test_default_role_has_the_lines_of_a_project_in_that_project() -> None:
    data = {"policy.csv": "g, role:x, role:y", "policy.default": "role:x"}
    projects = [
        a_project("g, role:y, proj:a:r"),
        replace(a_project("g, devs, proj:b:r"), name="b"),
    ]
    text = read_unmanaged_keys(data)

    assert default_roles(text) == {"role:x", "role:y"}
    assert default_roles_in(text, projects) == {"a": {"role:x", "role:y", "proj:a:r"}}
    assert default_roles_in(NO_TEXT, projects) == {}
