"""Simulated decisions of Argo CD; integration tests compare them with a real one."""

import pytest

from argogrant.argocd.appproject.project import Project, ProjectRole
from argogrant.argocd.simulation.enforcer import EnforceRequest
from argogrant.argocd.simulation.evaluate import (
    AccessEvaluator,
    AccessResult,
    Rules,
    SubjectSource,
    TokenSubject,
)
from argogrant.argocd.simulation.sourced_lines import SourcedBinding, source_config_map
from argogrant.grants.model.grant import Binding

SYNC = EnforceRequest(resource="applications", action="sync", object="team-a/web")
ALLOW = "p, role:deployer, applications, sync, team-a/*, allow\n"
TEAM_A = Project(
    name="team-a",
    roles=(
        ProjectRole(
            name="deployer",
            policies=("p, proj:team-a:deployer, applications, sync, team-a/*, allow",),
            groups=("devs",),
        ),
    ),
)
BROKEN = Project(
    name="team-a",
    roles=(*TEAM_A.roles, ProjectRole(name="x", groups=('a"b',))),
)


def rules(text: str = "", *projects: Project, **settings: str) -> Rules:
    return Rules(
        lines=source_config_map({"policy.csv": text}), projects=projects, **settings
    )


def evaluate(
    given: Rules, user_id: str = "ann", *compared: str, request: EnforceRequest = SYNC
) -> AccessResult:
    return AccessEvaluator(given).evaluate(
        TokenSubject(user_id=user_id, compared=compared), request
    )


@pytest.mark.parametrize(
    ("given", "names", "is_allowed"),
    [
        pytest.param(rules(), ["ann"], False, id="no line grants no access"),
        pytest.param(rules(), ["admin"], True, id="admin is allowed everything"),
        pytest.param(
            rules(ALLOW + "g, ann, role:deployer"), ["ann"], True, id="by a role"
        ),
        pytest.param(
            rules("p, ann, applications, sync, team-a/*, allow"),
            ["ann"],
            True,
            id="by a rule for the user",
        ),
        pytest.param(
            rules("p, devs, applications, sync, team-a/*, allow"),
            ["ann", "devs"],
            False,
            id="a rule for a group without a g line is ignored",
        ),
        pytest.param(
            rules(ALLOW + "g, devs, role:deployer"), ["ann", "devs"], True, id="group"
        ),
        pytest.param(
            rules(ALLOW + "g, devs, role:deployer"),
            ["", "devs"],
            True,
            id="a group of an unknown user id",
        ),
        pytest.param(
            rules(ALLOW + "g, Ann, role:deployer"),
            ["ann"],
            False,
            id="names are case-sensitive",
        ),
        pytest.param(
            rules(
                f"{ALLOW}g, ann, role:deployer\n"
                "p, role:deployer, applications, *, team-a/web, deny"
            ),
            ["ann"],
            False,
            id="a deny rule of the same name takes precedence",
        ),
        pytest.param(
            rules(f"{ALLOW}g, devs, role:deployer\np, ann, applications, *, */*, deny"),
            ["ann", "devs"],
            True,
            id="a deny rule of another name has no effect",
        ),
        pytest.param(
            rules(ALLOW + "p, ann, *, *, *, deny", default_role="role:deployer"),
            ["ann"],
            True,
            id="a deny rule does not override the default role",
        ),
        pytest.param(
            rules(ALLOW + 'g, "", role:deployer'), ["ann"], True, id="an empty subject"
        ),
        pytest.param(
            rules("p, ann, applications, sync, team-a/*, ALLOW"),
            ["ann"],
            False,
            id="an effect is case-sensitive",
        ),
        pytest.param(
            rules("", TEAM_A), ["ann", "devs"], True, id="a group of a project role"
        ),
        pytest.param(
            rules("g, ann, proj:team-a:deployer", TEAM_A),
            ["ann"],
            True,
            id="a project role bound in the ConfigMap",
        ),
        pytest.param(
            rules("g, ann, proj:team-a:deployer", BROKEN),
            ["ann", "devs"],
            False,
            id="an invalid project grants no access",
        ),
        pytest.param(
            rules("", TEAM_A),
            ["proj:team-a:deployer"],
            True,
            id="a token of the project",
        ),
        pytest.param(
            rules("p, proj:b:x, applications, *, team-a/*, allow", TEAM_A),
            ["proj:b:x", "devs"],
            False,
            id="a token of another project",
        ),
        pytest.param(
            rules("p, proj:b:x, applications, *, team-a/*, allow"),
            ["proj:b:x"],
            True,
            id="a token for a missing project",
        ),
        pytest.param(
            rules("", TEAM_A, default_role="proj:team-a:deployer"),
            ["ann"],
            True,
            id="a project role as the default role",
        ),
        pytest.param(
            rules("p, ann, app.*, ^sync$, web, allow", match_mode="regex"),
            ["ann"],
            True,
            id="regular expressions match anywhere",
        ),
        pytest.param(
            rules(
                "p, ann, applications, sync, web, allow\np, ann, applications, *, w, x",
                match_mode="regex",
            ),
            ["ann"],
            False,
            id="an invalid pattern denies the name",
        ),
        pytest.param(
            rules(f"{ALLOW}g, ann, a\ng, a, b\ng, b, a\ng, b, role:deployer"),
            ["ann"],
            True,
            id="a cycle of roles",
        ),
        pytest.param(
            rules(ALLOW, default_role="role:readonly"),
            ["ann"],
            False,
            id="an insufficient default role",
        ),
        pytest.param(
            rules("p, x, , , , allow", match_mode="regex"),
            ["ann", ""],
            False,
            id="no rules for the name",
        ),
    ],
)
def test_decision(given: Rules, names: list[str], *, is_allowed: bool) -> None:
    assert evaluate(given, *names).is_allowed is is_allowed


@pytest.mark.parametrize(("links", "is_allowed"), [(10, True), (11, False)])
def test_chain_has_at_most_ten_links(links: int, *, is_allowed: bool) -> None:
    text = "g, ann, role:1\n" + "".join(
        f"g, role:{n}, role:{n + 1}\n" for n in range(1, links)
    )
    result = evaluate(rules(f"{text}p, role:{links}, applications, sync, */*, allow"))

    assert result.is_allowed is is_allowed


def test_allowed_request_names_the_rule_and_its_chain() -> None:
    given = rules(f"{ALLOW}g, team, role:deployer\n# x\ng, ann, team")
    attempt = evaluate(given).attempts[-1]

    assert attempt.source is SubjectSource.USER_ID
    assert attempt.result.rule is not None
    assert attempt.result.rule.source == "policy.csv line 1"
    assert [one.source for one in attempt.result.chain] == [
        "policy.csv line 4",
        "policy.csv line 2",
    ]


def test_denied_request_names_the_deny_rule() -> None:
    given = rules(f"{ALLOW}g, ann, role:deployer\np, ann, applications, *, *, deny")
    result = evaluate(given).attempts[0].result

    assert result.rule is not None
    assert (result.is_allowed, result.rule.source) == (False, "policy.csv line 3")


def test_denied_request_names_the_invalid_pattern() -> None:
    given = rules("p, ann, applications, *, x, allow", match_mode="regex")

    assert evaluate(given).attempts[0].result.unreadable == "*"


def test_unreadable_line_denies_every_request() -> None:
    result = evaluate(rules("p, ann, applications"), "admin")

    assert not result.is_allowed
    assert str(result.broken).startswith(
        "policy.csv line 1: a p line must have 6 fields"
    )


def test_invalid_project_is_reported() -> None:
    assert evaluate(rules("", BROKEN)).broken_project is not None


def test_ignored_group_is_reported() -> None:
    assert evaluate(rules(), "ann", "devs").unbound == ("devs",)


def test_added_binding_applies() -> None:
    added = SourcedBinding(Binding("ann", "role:deployer"), "AccessGrant g1")
    result = AccessEvaluator(rules(ALLOW), [added]).evaluate(
        TokenSubject(user_id="ann"), SYNC
    )

    assert result.is_allowed
    assert result.attempts[-1].result.chain == (added,)


@pytest.mark.parametrize(("project", "is_allowed"), [("team-a", True), ("b", False)])
def test_binding_in_a_project_applies_only_to_its_objects(
    project: str, *, is_allowed: bool
) -> None:
    added = SourcedBinding(Binding("ann", "role:any"), "AccessGrant g1")
    given = rules(
        "p, role:any, applications, sync, */*, allow", TEAM_A, Project(name="b")
    )
    evaluator = AccessEvaluator(given, [added], in_project="team-a")
    request = EnforceRequest(
        resource="applications", action="sync", object=f"{project}/web"
    )

    assert (
        evaluator.evaluate(TokenSubject(user_id="ann"), request).is_allowed
        is is_allowed
    )
    assert evaluator.evaluate(TokenSubject(user_id="bob"), request).is_allowed is False
