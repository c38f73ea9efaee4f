"""Rules for a subject itself, and which of them a grant activates."""

from typing import Any

import pytest

from argogrant.argocd.appproject.project import Project, ProjectRole
from argogrant.argocd.policy_csv import OVERLAY_KEY, read_unmanaged_keys
from argogrant.argocd.subject_rules import MAX_TEXT, index_subject_rules
from argogrant.grants.access.subject_rules import (
    MAX_RULES,
    NOTHING_ACTIVATED,
    ActivatedRules,
    subject_caution,
)
from argogrant.grants.model.grant import Binding, RoleRef
from support.appprojects import applied, planned

RULE = "p, ops, applications, delete, */*, allow"
GLOBAL = RoleRef(name="role:readonly")
OF_TEAM_A = RoleRef(name="deployer", project="team-a")


def a_project(*policies: str, name: str = "team-a", groups: tuple[str, ...] = ()):
    role = ProjectRole(name="deployer", policies=policies, groups=groups)
    return Project(name=name, roles=(role,))


def activated(
    text: str,
    *projects: Project,
    subject: str = "ops",
    role: RoleRef = GLOBAL,
    in_project: bool = False,
    **keys: str,
) -> ActivatedRules:
    """Return what a grant of a subject activates."""
    data = {"policy.csv": text, **{k.replace("_", "."): v for k, v in keys.items()}}
    index = index_subject_rules(
        read_unmanaged_keys(data), projects, binds_in_projects=in_project
    )
    return index.activated_by(subject, role)


def places(found: ActivatedRules) -> list[str]:
    return [rule.where for rule in found.rules.first]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("", [], id="no rule"),
        pytest.param(RULE, ["policy.csv line 1"], id="one rule that allows"),
        pytest.param(
            f"# ops\n\n{RULE}", ["policy.csv line 3"], id="lines are counted as written"
        ),
        pytest.param(
            RULE.replace("allow", "deny"),
            ["policy.csv line 1"],
            id="a rule that denies would take away",
        ),
        pytest.param(
            f"{RULE}\n{RULE}",
            ["policy.csv line 1", "policy.csv line 2"],
            id="a rule that stands twice",
        ),
        pytest.param(f"{RULE}\ng, ops, role:x", [], id="a g line activates it already"),
        pytest.param(
            f"{RULE}\ng, dev, ops",
            ["policy.csv line 1"],
            id="a g line that ends with the name activates nothing",
        ),
        pytest.param(
            f"{RULE}\ng, Ops, role:x",
            ["policy.csv line 1"],
            id="a g line of another case activates nothing",
        ),
        pytest.param(
            f"{RULE}\ng, ops , role:x",
            ["policy.csv line 1"],
            id="a g line with a trailing blank is of another name",
        ),
        pytest.param(
            'p, "ops", applications, get, */*, allow',
            ["policy.csv line 1"],
            id="a quoted subject is the same name",
        ),
        pytest.param(
            "p,\tops, applications, get, */*, allow",
            ["policy.csv line 1"],
            id="blanks before the subject do not count",
        ),
        pytest.param(
            "p, ops , applications, get, */*, allow",
            [],
            id="a trailing blank makes another subject",
        ),
        pytest.param(
            "p, Ops, applications, get, */*, allow", [], id="case distinguishes names"
        ),
        pytest.param(
            "p, op*, applications, get, */*, allow\np, *, projects, get, *, allow",
            [],
            id="a subject with * is not a pattern",
        ),
        pytest.param(
            RULE.replace("allow", "Allow"), [], id="a rule of unknown effect is inert"
        ),
        pytest.param(
            f"p, ops, applications, delete\n{RULE}",
            ["policy.csv line 2"],
            id="a line that Argo CD cannot parse hides no other",
        ),
    ],
)
def test_rules_that_a_grant_activates(text: str, found: list[str]) -> None:
    assert places(activated(text)) == found


def test_subject_that_looks_like_a_pattern_is_a_name() -> None:
    assert places(activated("p, *, a, b, c, allow", subject="*")) == [
        "policy.csv line 1"
    ]


def test_rule_is_found_in_every_key_but_the_managed_one() -> None:
    data = {
        "policy.b.csv": RULE,
        "policy.csv": "",
        "policy.a.csv": RULE,
        OVERLAY_KEY: f"{RULE}\ng, ops, role:readonly",
    }
    index = index_subject_rules(
        read_unmanaged_keys(data), (), binds_in_projects=False
    ).activated_by("ops", GLOBAL)

    assert places(index) == ["policy.a.csv line 1", "policy.b.csv line 1"]


def test_inert_effect_counts_with_regular_expressions() -> None:
    """An invalid expression in any rule makes Argo CD deny the request."""
    rule = "p, ops, applications, *, .*, Allow"

    assert places(activated(rule, policy_matchMode="regex")) == ["policy.csv line 1"]


PROJECT_CASES = {
    "rule in the project of the role": (
        ("", a_project("p, ops, applications, delete, team-a/*, allow")),
        {"role": OF_TEAM_A},
        (["AppProject team-a, role deployer"], False),
    ),
    "rule in another project is only elsewhere": (
        ("", a_project("p, ops, applications, delete, team-a/*, allow")),
        {},
        (["AppProject team-a, role deployer"], True),
    ),
    "rules of both are not only elsewhere": (
        (RULE, a_project("p, ops, applications, delete, team-a/*, allow")),
        {},
        (["policy.csv line 1", "AppProject team-a, role deployer"], False),
    ),
    "member of the project activates the rules there, not elsewhere": (
        (RULE, a_project("p, ops, logs, get, team-a/*, allow", groups=("ops",))),
        {},
        (["policy.csv line 1"], False),
    ),
    "member of the project, bound in the project": (
        (RULE, a_project("p, ops, logs, get, team-a/*, allow", groups=("ops",))),
        {"role": OF_TEAM_A, "in_project": True},
        ([], False),
    ),
    "binding in the project activates the rules of the text for it": (
        (RULE, a_project()),
        {"role": OF_TEAM_A, "in_project": True},
        (["policy.csv line 1"], False),
    ),
    "binding in the project activates nothing in another project": (
        ("", a_project("p, ops, logs, get, b/*, allow", name="b"), a_project()),
        {"role": OF_TEAM_A, "in_project": True},
        ([], False),
    ),
    "global role of an instance that binds in projects": (
        (RULE, a_project(groups=("ops",))),
        {"in_project": True},
        (["policy.csv line 1"], False),
    ),
    "g line of the text activates the rules of projects": (
        ("g, ops, role:x", a_project("p, ops, logs, get, team-a/*, allow")),
        {"role": OF_TEAM_A},
        ([], False),
    ),
    "project that Argo CD cannot parse has no rules": (
        ("", a_project("p, ops, logs, get, team-a/*, allow", "p, broken")),
        {"role": OF_TEAM_A},
        ([], False),
    ),
    "rule in a policy with several lines": (
        ("", a_project("p, x, a, b, c, allow\np, ops, a, b, c, deny")),
        {"role": OF_TEAM_A},
        (["AppProject team-a, role deployer"], False),
    ),
    "rule in a group with several lines": (
        ("", a_project(groups=("x, proj:a:b\np, ops, a, b, c, allow\ng, y",))),
        {"role": OF_TEAM_A},
        (["AppProject team-a, role deployer"], False),
    ),
}


@pytest.mark.parametrize(
    ("sources", "options", "expected"), PROJECT_CASES.values(), ids=PROJECT_CASES
)
def test_rules_of_projects(
    sources: tuple[Any, ...], options: dict[str, Any], expected: tuple[list[str], bool]
) -> None:
    found = activated(*sources, **options)

    assert (places(found), found.only_elsewhere) == expected


def test_rule_is_in_the_role_whose_policies_contain_it() -> None:
    rule = "p, ops, logs, get, team-a/*, allow"
    roles = (
        ProjectRole(name="first", policies=("p, a, b, c, d, allow",), groups=("dev",)),
        ProjectRole(name="second", policies=(rule,)),
    )

    assert places(activated("", Project(name="team-a", roles=roles))) == [
        "AppProject team-a, role second"
    ]


def test_managed_member_activates_nothing() -> None:
    """Otherwise a second grant of the subject would have another result."""
    project = a_project("p, ops, logs, get, team-a/*, allow")
    member = Binding("ops", OF_TEAM_A.bound_as)
    project = applied(project, planned(project, member))

    assert places(activated("", project, role=OF_TEAM_A, in_project=True)) == [
        "AppProject team-a, role deployer"
    ]


def test_names_of_roles_are_not_indexed() -> None:
    text = read_unmanaged_keys({"policy.csv": "p, role:x, a, b, c, allow"})
    project = a_project("p, proj:team-a:deployer, a, b, c, allow")
    index = index_subject_rules(text, [project], binds_in_projects=False)

    assert not index.of


def test_many_rules_are_counted_and_the_first_are_kept() -> None:
    text = "\n".join(f"p, ops, applications, get, p{n}/*, allow" for n in range(5000))
    found = activated(text)

    assert (found.rules.total, len(found.rules.first)) == (5000, MAX_RULES)
    assert found.rules.describe().endswith(" and 4997 more")


def test_long_rule_of_invisible_characters_is_shown_short_on_one_line() -> None:
    line = "p, ops, a, b, " + "\u202e" * 100_000 + ", allow"
    (rule,) = activated(line).rules.first

    assert len(rule.line) == MAX_TEXT + 1
    assert "\u202e" not in rule.line


def test_field_with_a_comma_is_quoted() -> None:
    (rule,) = activated('p, ops, a, b, "x,y", allow').rules.first

    assert str(rule) == 'policy.csv line 1 (p, ops, a, b, "x,y", allow)'


def test_caution_names_the_place_and_the_rule() -> None:
    assert subject_caution(activated(RULE).rules) == (
        "The grant also activates rules that Argo CD has for the subject itself, which"
        f" are not part of the role: policy.csv line 1 ({RULE})."
    )
    assert subject_caution(NOTHING_ACTIVATED.rules) == ""
