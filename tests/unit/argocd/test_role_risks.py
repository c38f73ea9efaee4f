"""What a role takes away, and what of it outlasts a grant."""

import pytest

from argogrant.argocd.appproject.project import Project, ProjectRole
from argogrant.argocd.policy_csv import read_unmanaged_keys
from argogrant.argocd.role_risks import PERSISTENT, RolePermissions
from argogrant.argocd.roles import default_roles, discover_roles
from argogrant.grants.role_warnings import NO_RISKS, RoleRisks

NO_TEXT = read_unmanaged_keys({})
EVERY_WAY = tuple(sorted(f"{resource} {action}" for resource, action in PERSISTENT))


def traits(text: str, name: str = "role:x", mode: str = "", *projects: Project):
    data = {"policy.csv": text, "policy.matchMode": mode}
    return RolePermissions(read_unmanaged_keys(data), projects).risks_of(name)


def rule(resource: str, action: str, effect: str = "allow", object_: str = "*") -> str:
    return f"p, role:x, {resource}, {action}, {object_}, {effect}\n"


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        pytest.param("", "", id="a role without rules"),
        pytest.param(rule("applications", "sync"), "", id="syncing"),
        pytest.param(rule("applications", "action/*"), "", id="actions"),
        pytest.param(rule("exec", "create"), "exec create", id="a shell"),
        pytest.param(rule("exec", "create", "ALLOW"), "", id="an effect that is none"),
        pytest.param(
            rule('"{exec,gpgkeys}"', "c*"), "exec create, gpgkeys create", id="globs"
        ),
        pytest.param(
            rule("applications", "update/apps/Deployment/*"),
            "applications update/*",
            id="some objects of an Application",
        ),
        pytest.param(
            rule("exec", "*") + rule("exec", "create", "deny"),
            "exec debug",
            id="what is denied everywhere",
        ),
        pytest.param(
            rule("exec", "create", object_="a/*")
            + rule("exec", "create", "deny", "a/*"),
            "",
            id="what is denied where it is allowed",
        ),
        pytest.param(
            rule("exec", "create") + rule("exec", "create", "deny", "a/*"),
            "exec create",
            id="what is denied somewhere",
        ),
    ],
)
def test_a_role_can_persist_by(text, ways) -> None:
    assert ", ".join(traits(text).persistent_permissions) == ways


@pytest.mark.parametrize(
    ("mode", "pattern", "ways"),
    [
        pytest.param("", "exec|gpgkeys", (), id="a glob has no bars"),
        pytest.param(
            "regex", "exec|gpgkeys", ("exec create", "gpgkeys create"), id="found"
        ),
        pytest.param("regex", "ex.c", ("exec create",), id="a dot is any character"),
        pytest.param("regex", "*", (), id="no regular expression"),
    ],
)
def test_patterns_are_read_by_the_match_mode(mode, pattern, ways) -> None:
    assert traits(rule(pattern, "create"), mode=mode).persistent_permissions == ways


def test_a_regular_expression_of_subresources_is_no_prefix() -> None:
    text = rule("applications", "update/apps/.*")

    assert traits(text, mode="regex") == NO_RISKS


def test_the_administrator_can_do_everything() -> None:
    assert traits("", "role:admin").persistent_permissions == EVERY_WAY
    assert traits("g, role:x, role:admin").persistent_permissions == EVERY_WAY
    assert traits("", "role:readonly") == NO_RISKS


def test_what_readers_are_denied_administrators_are() -> None:
    text = "p, role:readonly, logs, get, */*, deny"

    assert traits(text, "role:admin").has_deny


def chain(length: int) -> str:
    """A role that inherits the last of so many others, which denies something."""
    links = (f"g, role:{n}, role:{n + 1}\n" for n in range(length))
    return "".join(links) + f"p, role:{length}, logs, get, */*, deny\n"


@pytest.mark.parametrize(
    ("links", "reaches"),
    [
        pytest.param(9, True, id="nine links and the grant are ten"),
        pytest.param(10, False, id="ten links and the grant are too many"),
    ],
)
def test_inheritance_ends_where_casbins_does(links, reaches) -> None:
    assert traits(chain(links), "role:0").has_deny is reaches


def test_a_circle_of_roles_ends() -> None:
    text = "g, role:x, role:y\ng, role:y, role:x\n" + rule("exec", "create", "deny")

    assert traits(text, "role:y") == RoleRisks(has_deny=True)


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
            id="its own rules",
        ),
        pytest.param(
            a_project("p, proj:a:r, logs, get, a/*, deny"),
            RoleRisks(has_deny=True),
            id="its own denials",
        ),
        pytest.param(
            a_project("p, proj:a:r, exec, create, a/*, allow", "bad line"),
            NO_RISKS,
            id="nothing of what Argo CD can not read",
        ),
    ],
)
def test_a_role_of_a_project_has(project, found) -> None:
    assert traits("", "proj:a:r", "", project) == found


def test_discovery_tells_of_each_role() -> None:
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
def test_everybody_has_the_default_role_and_what_it_inherits(default, roles) -> None:
    text = read_unmanaged_keys(
        {"policy.csv": "g, role:x, role:y", "policy.default": default}
    )

    assert default_roles(text, ()) == roles
