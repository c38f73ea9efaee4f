"""Argo CD's grammar, and the overlay in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.grants.errors import MalformedLine, UnsafeText
from argogrant.rbac.lines import Binding, Rule, parse_line, render_binding
from argogrant.rbac.overlay import Owner, plan_overlay, read_overlay, render_overlay
from argogrant.rbac.projects import Project, ProjectRole
from argogrant.rbac.roles import discover_roles, names_used_as_roles
from argogrant.rbac.text import OVERLAY_KEY, compose, policy_keys, read_others
from builders import HOUR, NOON

OWNER = Owner(namespace="argogrant", instance="default", uid="u1")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("g, alice, role:x", Binding("alice", "role:x")),
        ("g,alice@x , role:x", Binding("alice@x ", "role:x")),
        ('g, "a,b", role:x', Binding("a,b", "role:x")),
        ('g, "a""b", role:x', Binding('a"b', "role:x")),
        ("g, #alice, role:x\r", Binding("#alice", "role:x")),
        ("g, , role:x", Binding("", "role:x")),
        ("  # comment", None),
        ("e, anything", None),
        ("\u00a0", None),
    ],
)
def test_lines_are_read_as_argo_cd_reads_them(line, expected) -> None:
    assert parse_line(line) == expected


def test_a_rule_has_the_column_names_of_argo_cd() -> None:
    rule = parse_line("p, role:x, applications, sync, */*, allow")

    assert rule == Rule(
        subject="role:x",
        resource="applications",
        action="sync",
        object="*/*",
        effect="allow",
    )


@pytest.mark.parametrize(
    "line",
    [
        "g, a",
        "g, a, b, c",
        "p, a, b",
        "x, y",
        "G, a, b",
        "g2, a, b",
        ", a",
        "\x1cg",
        'g, a"b, c',
        'g, "a, b',
        'g, "a"b, c',
        'g, "a" , c',
        "hello",
    ],
)
def test_malformed_lines_are_told(line) -> None:
    with pytest.raises(MalformedLine):
        parse_line(line)


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_name_can_add_a_line_or_read_back_as_another(subject, role) -> None:
    binding = Binding(subject, role)
    try:
        line = render_binding(binding)
    except UnsafeText:
        return

    assert "\n" not in line
    assert parse_line(line) == binding


def test_keys_are_composed_in_argo_cds_order() -> None:
    data = dict.fromkeys(
        ["policy.b.csv", "policy.A.csv", "policy..csv", "policy.csv", "policy.csvx"], ""
    )

    assert policy_keys(data) == [
        "policy.csv",
        "policy..csv",
        "policy.A.csv",
        "policy.b.csv",
    ]
    assert compose({"policy.b.csv": "b", "policy.csv": "a"}) == "a\nb"


def test_problems_name_key_and_line() -> None:
    text = read_others({"policy.csv": "# ok\ng, a\n", OVERLAY_KEY: "broken"})

    assert str(text.problems[0]).startswith("policy.csv line 2: a g line has 3 fields")
    assert len(text.problems) == 1


def test_roles_come_from_every_place_that_makes_one() -> None:
    text = read_others(
        {
            "policy.csv": "p, role:a, x, y, z, allow\np, bob, x, y, z, allow\n"
            "g, role:b, role:c\ng, devs, team-leads\ng, x, proj:p:r",
            "policy.default": "readers",
        }
    )
    project = Project(name="p", roles=(ProjectRole(name="r"),))

    assert {role.bound_as for role in discover_roles(text, [project])} == {
        *("role:a", "role:b", "role:c", "role:admin", "role:readonly"),
        *("team-leads", "proj:p:r"),
    }
    assert {"role:c", "team-leads", "readers"} <= names_used_as_roles(text, [project])


bindings = st.dictionaries(
    st.builds(
        Binding,
        st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=9),
        st.sampled_from(["role:a", "proj:p:r"]),
    ),
    st.integers(0, 9).map(lambda n: NOON + n * HOUR),
    max_size=8,
)


@given(bindings, bindings)
def test_a_plan_that_was_applied_is_empty(first, second) -> None:
    current = read_overlay({OVERLAY_KEY: render_overlay(OWNER, first)})
    plan = plan_overlay(current, owner=OWNER, wanted=second, kept={}, may_add=True)
    text = plan.text or current.text
    again = plan_overlay(
        read_overlay({OVERLAY_KEY: text}),
        owner=OWNER,
        wanted=second,
        kept={},
        may_add=True,
    )

    assert (again.text, again.missing, again.extra) == (None, set(), set())


@given(bindings, bindings)
def test_while_a_foreign_line_is_broken_nothing_is_added(first, second) -> None:
    current = read_overlay({OVERLAY_KEY: render_overlay(OWNER, first)})
    plan = plan_overlay(current, owner=OWNER, wanted=second, kept={}, may_add=False)
    after = read_overlay({OVERLAY_KEY: plan.text or current.text})

    assert after.bindings == first.keys() & second.keys()


def test_the_overlay_is_a_contract() -> None:
    text = render_overlay(
        OWNER,
        {
            Binding("zoe", "role:a"): NOON,
            Binding("b,c", "role:a"): NOON,
            Binding("amy", "role:a"): NOON - HOUR,
        },
    )

    assert text == (
        "# argogrant v1 argogrant/default u1\n"
        "# Written by the argogrant operator from AccessGrants; edits by hand are"
        " undone.\n"
        "# until 2026-11-24T11:00:00Z\n"
        "g, amy, role:a\n"
        "# until 2026-11-24T12:00:00Z\n"
        'g, "b,c", role:a\n'
        "g, zoe, role:a\n"
    )
