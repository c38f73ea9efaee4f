"""What Argo CD answers, and why; the integration tests ask a real one the same."""

import pytest

from argogrant.argocd.appproject.project import Project, ProjectRole
from argogrant.argocd.simulation.evaluate import (
    AccessEvaluator,
    AccessResult,
    Rules,
    SubjectSource,
    TokenSubject,
)
from argogrant.argocd.simulation.request import EnforceRequest
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


def judged(
    given: Rules, user_id: str = "ann", *compared: str, question: EnforceRequest = SYNC
) -> AccessResult:
    return AccessEvaluator(given).evaluate(
        TokenSubject(user_id=user_id, compared=compared), question
    )


@pytest.mark.parametrize(
    ("given", "person", "is_allowed"),
    [
        pytest.param(rules(), ["ann"], False, id="no line, no access"),
        pytest.param(rules(), ["admin"], True, id="admin has everything"),
        pytest.param(
            rules(ALLOW + "g, ann, role:deployer"), ["ann"], True, id="by a role"
        ),
        pytest.param(
            rules("p, ann, applications, sync, team-a/*, allow"),
            ["ann"],
            True,
            id="by a rule of one's own",
        ),
        pytest.param(
            rules("p, devs, applications, sync, team-a/*, allow"),
            ["ann", "devs"],
            False,
            id="a rule of a group that no g line binds does not count",
        ),
        pytest.param(
            rules(ALLOW + "g, devs, role:deployer"), ["ann", "devs"], True, id="group"
        ),
        pytest.param(
            rules(ALLOW + "g, devs, role:deployer"),
            ["", "devs"],
            True,
            id="group of somebody whose user id is not known",
        ),
        pytest.param(
            rules(ALLOW + "g, Ann, role:deployer"), ["ann"], False, id="case counts"
        ),
        pytest.param(
            rules(
                f"{ALLOW}g, ann, role:deployer\n"
                "p, role:deployer, applications, *, team-a/web, deny"
            ),
            ["ann"],
            False,
            id="within one name a deny rule wins",
        ),
        pytest.param(
            rules(f"{ALLOW}g, devs, role:deployer\np, ann, applications, *, */*, deny"),
            ["ann", "devs"],
            True,
            id="another name is judged alone",
        ),
        pytest.param(
            rules(ALLOW + "p, ann, *, *, *, deny", default_role="role:deployer"),
            ["ann"],
            True,
            id="nobody is denied the default role",
        ),
        pytest.param(
            rules(ALLOW + 'g, "", role:deployer'), ["ann"], True, id="an empty subject"
        ),
        pytest.param(
            rules("p, ann, applications, sync, team-a/*, ALLOW"),
            ["ann"],
            False,
            id="an effect is written in lower case",
        ),
        pytest.param(rules("", TEAM_A), ["ann", "devs"], True, id="project's group"),
        pytest.param(
            rules("g, ann, proj:team-a:deployer", TEAM_A),
            ["ann"],
            True,
            id="a project's role bound in the ConfigMap",
        ),
        pytest.param(
            rules("g, ann, proj:team-a:deployer", BROKEN),
            ["ann", "devs"],
            False,
            id="a project that can not be read gives nothing",
        ),
        pytest.param(
            rules("", TEAM_A), ["proj:team-a:deployer"], True, id="a project's token"
        ),
        pytest.param(
            rules("p, proj:b:x, applications, *, team-a/*, allow", TEAM_A),
            ["proj:b:x", "devs"],
            False,
            id="another project's token",
        ),
        pytest.param(
            rules("p, proj:b:x, applications, *, team-a/*, allow"),
            ["proj:b:x"],
            True,
            id="a token about a project that is not there",
        ),
        pytest.param(
            rules("", TEAM_A, default_role="proj:team-a:deployer"),
            ["ann"],
            True,
            id="a default role that a project has",
        ),
        pytest.param(
            rules("p, ann, app.*, ^sync$, web, allow", match_mode="regex"),
            ["ann"],
            True,
            id="regular expressions are found anywhere",
        ),
        pytest.param(
            rules(
                "p, ann, applications, sync, web, allow\np, ann, applications, *, w, x",
                match_mode="regex",
            ),
            ["ann"],
            False,
            id="one pattern that is none refuses the name",
        ),
        pytest.param(
            rules(f"{ALLOW}g, ann, a\ng, a, b\ng, b, a\ng, b, role:deployer"),
            ["ann"],
            True,
            id="roles in a circle",
        ),
        pytest.param(
            rules(ALLOW, default_role="role:readonly"),
            ["ann"],
            False,
            id="a default role that does not suffice",
        ),
        pytest.param(
            rules("p, x, , , , allow", match_mode="regex"),
            ["ann", ""],
            False,
            id="nobody's rules allow nothing",
        ),
    ],
)
def test_it_is(given: Rules, person: list[str], *, is_allowed: bool) -> None:
    assert judged(given, *person).is_allowed is is_allowed


@pytest.mark.parametrize(("links", "is_allowed"), [(10, True), (11, False)])
def test_ten_links_are_followed(links: int, *, is_allowed: bool) -> None:
    text = "g, ann, role:1\n" + "".join(
        f"g, role:{n}, role:{n + 1}\n" for n in range(1, links)
    )
    verdict = judged(rules(f"{text}p, role:{links}, applications, sync, */*, allow"))

    assert verdict.is_allowed is is_allowed


def test_a_yes_names_its_line_and_its_chain() -> None:
    given = rules(f"{ALLOW}g, team, role:deployer\n# x\ng, ann, team")
    tried = judged(given).attempts[-1]

    assert tried.source is SubjectSource.USER_ID
    assert tried.result.rule is not None
    assert tried.result.rule.source == "policy.csv line 1"
    assert [one.source for one in tried.result.chain] == [
        "policy.csv line 4",
        "policy.csv line 2",
    ]


def test_a_no_names_the_rule_that_denies() -> None:
    given = rules(f"{ALLOW}g, ann, role:deployer\np, ann, applications, *, *, deny")
    answer = judged(given).attempts[0].result

    assert answer.rule is not None
    assert (answer.is_allowed, answer.rule.source) == (False, "policy.csv line 3")


def test_a_no_names_the_pattern_that_is_none() -> None:
    given = rules("p, ann, applications, *, x, allow", match_mode="regex")

    assert judged(given).attempts[0].result.unreadable == "*"


def test_one_line_that_can_not_be_read_refuses_everybody() -> None:
    verdict = judged(rules("p, ann, applications"), "admin")

    assert not verdict.is_allowed
    assert str(verdict.broken).startswith(
        "policy.csv line 1: a p line must have 6 fields"
    )


def test_a_project_that_can_not_be_read_is_named() -> None:
    assert judged(rules("", BROKEN)).broken_project is not None


def test_a_group_that_is_not_asked_about_is_named() -> None:
    assert judged(rules(), "ann", "devs").unbound == ("devs",)


def test_what_is_added_counts() -> None:
    added = SourcedBinding(Binding("ann", "role:deployer"), "AccessGrant g1")
    verdict = AccessEvaluator(rules(ALLOW), [added]).evaluate(
        TokenSubject(user_id="ann"), SYNC
    )

    assert verdict.is_allowed
    assert verdict.attempts[-1].result.chain == (added,)


@pytest.mark.parametrize(("about", "is_allowed"), [("team-a", True), ("b", False)])
def test_a_member_of_a_project_counts_for_its_objects_alone(
    about: str, *, is_allowed: bool
) -> None:
    added = SourcedBinding(Binding("ann", "role:any"), "AccessGrant g1")
    given = rules(
        "p, role:any, applications, sync, */*, allow", TEAM_A, Project(name="b")
    )
    judge = AccessEvaluator(given, [added], in_project="team-a")
    question = EnforceRequest(
        resource="applications", action="sync", object=f"{about}/web"
    )

    assert (
        judge.evaluate(TokenSubject(user_id="ann"), question).is_allowed is is_allowed
    )
    assert judge.evaluate(TokenSubject(user_id="bob"), question).is_allowed is False
