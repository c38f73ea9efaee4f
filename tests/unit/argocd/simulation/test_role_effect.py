"""Roles that allow nothing, and what is wrong with their rules."""

import pytest

from argogrant.argocd import roles as role_analysis
from argogrant.argocd.appproject.project import Project, ProjectRole
from argogrant.argocd.policy_csv import read_unmanaged_keys
from argogrant.argocd.roles import DiscoveredRole, discover_roles
from argogrant.argocd.simulation import role_effect

OK = ""


def roles(text: str, *projects: Project, mode: str = "") -> dict[str, DiscoveredRole]:
    data = {"policy.csv": text, "policy.matchMode": mode}
    found = discover_roles(read_unmanaged_keys(data), projects)
    return {role.bound_as: role for role in found}


def rule(resource="applications", action="sync", about="*/*", effect="allow") -> str:
    return f"p, role:x, {resource}, {action}, {about}, {effect}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(rule(), OK, id="a usual rule"),
        pytest.param(
            rule(effect="Allow"),
            'its effect is "Allow", and Argo CD knows allow and deny only',
            id="an effect in another case",
        ),
        pytest.param(rule(effect=""), 'its effect is ""', id="no effect"),
        pytest.param(
            rule(effect="allow # ops"),
            'its effect is "allow # ops": Argo CD has no comments behind a rule',
            id="a comment behind the effect",
        ),
        pytest.param(
            rule("application"),
            'Argo CD has no resource "application"',
            id="an unknown resource",
        ),
        pytest.param(
            rule("applications "),
            '"applications ", with a blank at its beginning or end',
            id="a blank behind the resource",
        ),
        pytest.param(rule("app*"), OK, id="a glob of a resource"),
        pytest.param(
            rule(action="read"), 'Argo CD has no action "read"', id="an unknown action"
        ),
        pytest.param(rule(action="Sync"), '"Sync"', id="an action in another case"),
        pytest.param(rule(action="action/*"), OK, id="actions of resources"),
        pytest.param(
            rule(action="action/apps/Deployment/restart"), OK, id="one such action"
        ),
        pytest.param(rule(action="update/*"), OK, id="objects of an Application"),
        pytest.param(
            rule(action="action/"), '"action/"', id="an action without a kind"
        ),
        pytest.param(rule(action="get/x"), '"get/x"', id="a detail that get lacks"),
        pytest.param(
            rule(about="team-a"),
            'an object of applications is PROJECT/NAME, unlike "team-a"',
            id="an object without a slash",
        ),
        pytest.param(rule(about="team-a/"), '"team-a/"', id="an object without a name"),
        pytest.param(rule(about="/web"), '"/web"', id="an object without a project"),
        pytest.param(rule(about="Team-A/*"), '"Team-A/*"', id="an upper-case project"),
        pytest.param(rule(about="team-a/Web"), '"team-a/Web"', id="an upper-case name"),
        pytest.param(
            rule(about="team-a/my_app"), '"team-a/my_app"', id="an underscore"
        ),
        pytest.param(
            rule(about="team-a/web/"), '"team-a/web/"', id="a slash at the end"
        ),
        pytest.param(rule(about="team-a/a/b/c"), "its namespace", id="too many names"),
        pytest.param(
            rule(about="team-a/.+"), '"team-a/.+"', id="a regular expression as a glob"
        ),
        pytest.param(rule(about="team-a/[a-z]*"), OK, id="a range of letters"),
        pytest.param(rule(about="*/*/web"), OK, id="every project and namespace"),
        pytest.param(rule(about="https://*"), '"https://*"', id="a URL of no project"),
        pytest.param(rule(about="*"), OK, id="every object"),
        pytest.param(rule(about="team-?/w*"), OK, id="a glob of objects"),
        pytest.param(rule(about="team-a/ns/web"), OK, id="an object with a namespace"),
        pytest.param(
            rule("projects", "get"),
            'an object of projects is a name without a slash, unlike "*/*"',
            id="a project with a slash",
        ),
        pytest.param(rule("projects", "get", "*"), OK, id="every project"),
        pytest.param(rule("accounts", "get", "a/b"), '"a/b"', id="a slash in a name"),
        pytest.param(rule("gpgkeys", "get", ""), OK, id="the list of keys"),
        pytest.param(rule("gpgkeys", "get", "/"), '"/"', id="a key with a slash"),
        pytest.param(rule("accounts", "get", ""), 'unlike ""', id="no name"),
        pytest.param(rule("clusters", "get", "https://k"), OK, id="a cluster"),
        pytest.param(rule("*", "*", "zz"), OK, id="any resource without a slash"),
        pytest.param(
            rule(about="[team-a/*"), '"[team-a/*" is not a valid glob', id="a bad glob"
        ),
        pytest.param(
            f"{rule()}\n{rule('*', '*', '*', 'deny')}",
            "deny rules cover what it allows",
            id="everything is denied",
        ),
        pytest.param(
            f"{rule(about='team-a/*')}\n{rule(about='team-?/*', effect='deny')}",
            "deny rules cover",
            id="a wider glob is denied",
        ),
        pytest.param(
            f"{rule(about='team-a/*')}\n{rule(about='team-a/web', effect='deny')}",
            OK,
            id="a part is denied",
        ),
        pytest.param(
            f"{rule()}\n{rule(about='[!t]*', effect='deny')}\n"
            f"{rule(about='t*', effect='deny')}",
            "deny rules cover",
            id="two deny rules together cover it",
        ),
        pytest.param(
            f"{rule()}\n{rule(about='[!t]*', effect='deny')}", OK, id="one of the two"
        ),
        pytest.param(
            f"{rule()}\n{rule(action='get', about='*', effect='deny')}",
            OK,
            id="another action is denied",
        ),
        pytest.param(
            f"{rule()}\n{rule(about='*', effect='Deny')}", OK, id="an inert deny rule"
        ),
        pytest.param(
            rule(about="*", effect="deny"), "it has only deny rules", id="only denies"
        ),
        pytest.param("g, role:x, role:readonly", OK, id="a built-in role is inherited"),
        pytest.param(
            f"p, role:y, {rule()[11:]}\ng, role:x, role:y", OK, id="a role is inherited"
        ),
        pytest.param(
            "p, role:y, projects, list, *, allow\ng, role:x, role:y",
            'no action "list"',
            id="an inherited role allows nothing",
        ),
        pytest.param(
            f"{rule()}\np, role:y, *, *, *, deny\ng, role:x, role:y",
            "deny rules cover",
            id="an inherited role denies everything",
        ),
    ],
)
def test_role_allows_something_or_says_why_not(text: str, why: str) -> None:
    found = roles(text)["role:x"].allows_nothing

    assert bool(found) is bool(why)
    assert why in found


def test_message_names_the_line_and_the_rule() -> None:
    assert roles(f"# x\n{rule(about='team-a')}")["role:x"].allows_nothing == (
        "policy.csv line 2 (p, role:x, applications, sync, team-a, allow): an object of"
        ' applications is PROJECT/NAME, unlike "team-a".'
    )


def test_message_explains_a_few_rules() -> None:
    text = "\n".join(rule(action=f"read{n}") for n in range(9))
    message = roles(text)["role:x"].allows_nothing

    assert "line 3 " in message
    assert "line 4 " not in message
    assert message.endswith("; and more.")


@pytest.mark.parametrize("name", ["role:admin", "role:readonly"])
def test_built_in_roles_allow_nothing_as_regular_expressions(name: str) -> None:
    assert roles("", mode="")[name].allows_nothing == ""
    message = roles("", mode="regex")[name].allows_nothing

    assert message.startswith("Argo CD's built-in policy (p, ")
    assert "is not a valid regular expression (policy.matchMode: regex)" in message


@pytest.mark.parametrize(
    ("rules", "is_empty"),
    [
        pytest.param([rule(about=".*")], False, id="every object"),
        pytest.param([rule(about="team-a/.*")], False, id="the objects of a project"),
        pytest.param([rule(about="*/*")], True, id="a glob is not valid"),
        pytest.param([rule(about="team-a")], False, id="it may match anywhere"),
        pytest.param([rule(about="^team-a$")], True, id="anchors, without a slash"),
        pytest.param([rule(about="^[^/]+$")], True, id="a class without the slash"),
        pytest.param([rule("*", about=".*")], True, id="an invalid resource"),
        pytest.param([rule(action="(", about=".*")], True, id="an invalid action"),
        pytest.param(
            [rule(about=".*"), rule(about="(", effect="Deny")],
            True,
            id="an invalid expression denies, whatever the effect",
        ),
        pytest.param(
            [rule(about=".*"), rule(action="get", about="(")],
            False,
            id="an invalid expression of another action",
        ),
        pytest.param(
            [rule(about="team-a/.*"), rule(about="^team", effect="deny")],
            False,
            id="an anchored deny rule leaves others",
        ),
        pytest.param(
            [rule(about="^team-a/.*"), rule(about="^team", effect="deny")],
            True,
            id="an anchored deny rule covers it",
        ),
        pytest.param(
            [rule(about=".*"), rule(about="^(a|b)", effect="deny")], False, id="a group"
        ),
        pytest.param(
            [rule(about=".*"), rule(about="x{3}", effect="deny")],
            False,
            id="what is not translated counts as allowed",
        ),
        pytest.param(
            [rule(about="x{3}"), rule(about="y", effect="deny")],
            False,
            id="an allow rule that is not translated counts as allowed",
        ),
        pytest.param(
            [rule(about=".*"), rule(about="", effect="deny")],
            True,
            id="the empty expression matches everything",
        ),
        pytest.param(
            [rule(about="x{3}"), rule("(")],
            True,
            id="an invalid expression denies what is not translated",
        ),
    ],
)
def test_roles_with_regular_expressions(rules, is_empty) -> None:
    found = roles("\n".join(rules), mode="regex")["role:x"].allows_nothing

    assert bool(found) is is_empty


def a_project(*policies: str, role: str = "deployer", groups: tuple[str, ...] = ()):
    return Project(
        name="team-a",
        roles=(
            ProjectRole(name=role, policies=policies, groups=groups),
            ProjectRole(
                name="viewer", policies=(POLICY.replace("deployer", "viewer"),)
            ),
        ),
    )


POLICY = "p, proj:team-a:deployer, applications, sync, team-a/*, allow"
DENY = "p, proj:team-a:deployer, applications, *, team-a/*, deny"


@pytest.mark.parametrize(
    ("project", "why"),
    [
        pytest.param(a_project(POLICY), OK, id="a usual policy"),
        pytest.param(a_project(), "it has no rules", id="no policies"),
        pytest.param(
            a_project(POLICY.replace("deployer", "other")),
            'its subject is "proj:team-a:other", not "proj:team-a:deployer"',
            id="policies of another role",
        ),
        pytest.param(
            a_project(POLICY.replace("allow", "Allow")),
            "AppProject team-a, role deployer (p, proj:team-a:deployer",
            id="an effect in another case",
        ),
        pytest.param(
            a_project("p, proj:team-a:deployer, projects, get, team-a, allow"),
            OK,
            id="the rule that Argo CD adds, written again",
        ),
        pytest.param(a_project(POLICY, DENY), "deny rules cover", id="all is denied"),
        pytest.param(
            a_project(POLICY.replace("team-a/*", "team-b/*")),
            'about AppProject "team-a" only, and "team-b/*" is about others',
            id="the objects of another project",
        ),
        pytest.param(
            a_project(
                POLICY.replace("applications, sync, team-a/*", "accounts, get, *")
            ),
            "and accounts are not part of AppProjects",
            id="a resource that no project has",
        ),
        pytest.param(
            a_project(POLICY.replace("applications, sync, team-a/*", "*, get, x/*")),
            '"x/*" is about others',
            id="every resource of another project",
        ),
        pytest.param(
            a_project(POLICY.replace("team-a/*", "*/*")), OK, id="all objects"
        ),
        pytest.param(a_project(POLICY.replace("team-a/*", "*")), OK, id="everything"),
        pytest.param(
            a_project(POLICY.replace("team-a/*", "team-?/web")), OK, id="a wide project"
        ),
        pytest.param(
            a_project(
                POLICY.replace(
                    "applications, sync, team-a/*", "projects, update, team-a"
                )
            ),
            OK,
            id="the project itself",
        ),
        pytest.param(
            a_project(
                POLICY.replace(
                    "applications, sync, team-a/*", "projects, update, team-b"
                )
            ),
            '"team-b" is about others',
            id="another project itself",
        ),
        pytest.param(
            a_project(
                POLICY.replace(
                    "applications, sync, team-a/*", "clusters, get, https://k"
                )
            ),
            '"https://k" is about others',
            id="a cluster of no project",
        ),
    ],
)
def test_roles_of_projects(project: Project, why: str) -> None:
    found = roles("", project)["proj:team-a:deployer"].allows_nothing

    assert bool(found) is bool(why)
    assert why in found


@pytest.mark.parametrize(
    ("text", "project", "is_empty"),
    [
        pytest.param(
            "g, role:x, proj:team-a:deployer",
            a_project(POLICY),
            False,
            id="a role of a project is inherited",
        ),
        pytest.param(
            "g, role:x, proj:team-a:deployer",
            a_project(),
            True,
            id="one without policies",
        ),
        pytest.param(
            "g, devs, role:x",
            a_project(POLICY, groups=("role:x",)),
            False,
            id="the role is a member in the project",
        ),
        pytest.param(
            f"{rule(about='team-a/*')}\ng, role:x, proj:team-a:deployer",
            a_project(DENY),
            True,
            id="the project denies what the text allows",
        ),
        pytest.param(
            f"{rule(about='*/*')}\ng, role:x, proj:team-a:deployer",
            a_project(DENY),
            False,
            id="other projects remain",
        ),
        pytest.param(
            f"{rule('accounts', 'get', '*')}\n"
            f"{rule('accounts', '*', '*', 'deny')}\n"
            "g, role:x, proj:team-a:deployer",
            a_project(DENY),
            True,
            id="a resource that no project has",
        ),
        pytest.param(
            f"{rule('projects', 'get', 'team-a')}\ng, role:x, proj:team-a:deployer",
            a_project("p, proj:team-a:deployer, projects, *, *, deny"),
            True,
            id="the project itself",
        ),
        pytest.param(
            f"{rule(about='team-a/*')}\ng, role:x, proj:team-a:deployer",
            a_project(DENY, "broken"),
            False,
            id="a project that Argo CD cannot parse denies nothing",
        ),
    ],
)
def test_roles_that_depend_on_a_project(text, project, is_empty) -> None:
    assert bool(roles(text, project)["role:x"].allows_nothing) is is_empty


def test_what_exceeds_a_limit_counts_as_allowed(monkeypatch) -> None:
    monkeypatch.setattr(role_effect, "MAX_PATTERNS", 2)
    denied = "\n".join(rule(about=f"p{n}/*", effect="deny") for n in range(3))
    everything = rule(about="{p0,p1,p2}/*").replace("{p0,p1,p2}/*", '"{p0,p1,p2}/*"')

    assert roles(f"{everything}\n{denied}")["role:x"].allows_nothing == ""


@pytest.mark.parametrize("limit", range(1, 5))
def test_role_that_takes_too_long_to_compare_counts_as_allowed(
    limit: int, monkeypatch
) -> None:
    """With five comparisons, it is found that all is denied."""
    monkeypatch.setattr(role_analysis, "MAX_COMPARED", limit)
    text = f"{rule(about='team-a/*')}\ng, role:x, proj:team-a:deployer"

    assert roles(text, a_project(DENY))["role:x"].allows_nothing == ""


@pytest.mark.parametrize("mode", ["", "regex"])
def test_long_pattern_counts_as_allowed(mode: str) -> None:
    assert roles(rule(about=f"team-a{'x' * 200}"), mode=mode)["role:x"] is not None
    assert roles(rule("a" * 200), mode=mode)["role:x"].allows_nothing == ""
