"""Work of the analysis of roles: bounded, and with the same result as a simple one."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd import roles
from argogrant.argocd.appproject.project import Project, ProjectRole
from argogrant.argocd.policy_csv import PolicyCSV, read_unmanaged_keys
from argogrant.argocd.roles import (
    PERSISTENT,
    RoleAnalysis,
    RolePermissions,
    analyse_roles,
)
from argogrant.grants.model.grant import RoleRisks

MANY = 2000
NAMES = [f"role:{one}" for one in "abcde"]
RULES = st.builds(
    "p, {}, {}, {}, {}, {}".format,
    st.sampled_from(NAMES),
    st.sampled_from(["exec", "*", "projects", "accounts"]),
    st.sampled_from(["create", "*", "update", "get"]),
    st.sampled_from(["*", "*/*", "x/y", "z"]),
    st.sampled_from(["allow", "deny", "none"]),
)
LINKS = st.builds("g, {}, {}".format, st.sampled_from(NAMES), st.sampled_from(NAMES))


def a_text(lines: Sequence[str]) -> PolicyCSV:
    return read_unmanaged_keys({"policy.csv": "\n".join(lines)})


def completed(
    text: PolicyCSV, projects: Sequence[Project] = ()
) -> tuple[RoleAnalysis, int]:
    """Return the analysis, and the work that it took."""
    steps, work = analyse_roles(text, projects), 0
    while True:
        try:
            work += next(steps)
        except StopIteration as end:
            return end.value, work


def analysed(*lines: str) -> tuple[RoleAnalysis, int]:
    return completed(a_text(lines))


def risks_of(analysis: RoleAnalysis, name: str) -> RoleRisks:
    return next(one.risks for one in analysis.roles if one.bound_as == name)


def simple_risks(text: PolicyCSV, name: str) -> RoleRisks:
    """Compare every rule of a role with every other one."""
    names = RolePermissions(text, ()).inherited_roles(name)
    rules = [rule for rule in text.rules if rule.subject in names]
    matches = roles._persistent_permissions
    found = {
        one
        for one, bit in roles._BITS.items()
        for rule in rules
        if rule.effect == "allow"
        and matches(rule.resource, rule.action, "") & bit
        and not any(
            denied.effect == "deny"
            and denied.object in {"*", "*/*", ".*", rule.object}
            and matches(denied.resource, denied.action, "") & bit
            for denied in rules
        )
    }
    return RoleRisks(
        has_deny=any(rule.effect == "deny" for rule in rules),
        persistent_permissions=tuple(" ".join(one) for one in sorted(found)),
    )


@given(st.lists(st.one_of(RULES, LINKS), max_size=12))
def test_risks_are_those_of_a_comparison_of_all_rules(lines) -> None:
    text = a_text(lines)

    for name in NAMES:
        assert RolePermissions(text, ()).risks_of(name) == simple_risks(text, name)


def chain(length: int) -> list[str]:
    return [f"g, role:{n}, role:{n + 1}" for n in range(length)]


@pytest.mark.parametrize(("links", "has_it"), [(9, True), (10, False)])
def test_risks_are_inherited_over_nine_links(links, has_it) -> None:
    rules = [
        f"p, role:{links}, exec, create, *, allow",
        "p, role:0, logs, get, *, allow",
    ]
    analysis, _ = analysed(*chain(links), *rules)

    assert bool(risks_of(analysis, "role:0").persistent_permissions) is has_it


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(
            [f"p, role:big, exec, create, x/{n}, allow" for n in range(MANY)]
            + [f"g, role:{n}, role:big" for n in range(MANY)],
            id="roles that inherit one big role",
        ),
        pytest.param(chain(MANY), id="a long chain of roles"),
        pytest.param(
            [f"g, role:{n % 50}, role:{n // 50}" for n in range(MANY)],
            id="roles that inherit each other",
        ),
        pytest.param(
            [f"p, role:{n}, exec, *, *, deny" for n in range(MANY)],
            id="deny rules for all objects",
        ),
    ],
)
def test_work_grows_with_the_number_of_lines(lines) -> None:
    _, work = analysed(*lines)

    assert work < 15 * len(lines)


def test_comparisons_of_objects_are_limited_and_overrate_risks(monkeypatch) -> None:
    """Deny rules for single objects need them: a warning too many is no danger."""
    monkeypatch.setattr(roles, "MAX_COMPARED", 10 * MANY)
    big = [f"p, role:big, exec, create, x/{n}, allow" for n in range(MANY)]
    denied = [f"p, role:big, exec, create, x/{n}, deny" for n in range(MANY)]
    heirs = [f"g, role:{n:04}, role:big" for n in range(MANY)]
    analysis, work = analysed(*big, *denied, *heirs)

    assert work < 50 * MANY
    assert analysis.overrated > MANY // 2
    assert risks_of(analysis, "role:0000") == RoleRisks(has_deny=True)
    assert risks_of(analysis, "role:1999").persistent_permissions == ("exec create",)


@pytest.mark.parametrize(
    ("lines", "projects"),
    [
        pytest.param(10 * MANY, 0, id="one role with many rules"),
        pytest.param(1, 10 * MANY, id="many projects"),
    ],
)
def test_long_work_is_interrupted_often(lines, projects) -> None:
    text = a_text([f"p, role:big, exec, create, x/{n}, allow" for n in range(lines)])
    roles = (ProjectRole(name="viewer"), ProjectRole(name="editor"))
    many = [Project(name=f"p{n}", roles=roles) for n in range(projects)]
    steps = list(analyse_roles(text, many))

    assert max(steps) <= 1000
    assert len(steps) > projects, "each project is read in a step of its own"


def test_roles_of_projects_are_sorted() -> None:
    roles = tuple(ProjectRole(name=name) for name in "ba")
    projects = [Project(name=name, roles=roles) for name in ("two", "one")]
    analysis, _ = completed(a_text([]), projects)

    assert [one.bound_as for one in analysis.roles] == [
        *("role:admin", "role:readonly"),
        *("proj:one:a", "proj:one:b", "proj:two:a", "proj:two:b"),
    ]


def test_analysis_contains_roles_of_projects_and_the_default_roles() -> None:
    text = read_unmanaged_keys(
        {"policy.csv": "g, role:all, role:more", "policy.default": "role:all"}
    )
    project = Project(name="team-a", roles=(ProjectRole(name="viewer"),))
    analysis, _ = completed(text, [project])

    assert "proj:team-a:viewer" in {one.bound_as for one in analysis.roles}
    assert analysis.default_roles == {"role:all", "role:more"}
    assert len(risks_of(analysis, "role:admin").persistent_permissions) == len(
        PERSISTENT
    )
