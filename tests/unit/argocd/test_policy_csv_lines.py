"""Parsing and rendering of one policy line."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.policy_csv import (
    GO_SPACES,
    Binding,
    Rule,
    parse_line,
    render_binding,
    render_line,
    split_fields,
    trim_line_caches,
)
from argogrant.grants.model.errors import MalformedLine, UnsafeText
from argogrant.grants.model.window import format_instant, read_end
from support.builders import NOON
from support.hypothesis_strategies import hostile, names


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("g, alice, role:x", Binding("alice", "role:x"), id="a binding"),
        pytest.param(
            "g,alice@x , role:x",
            Binding("alice@x ", "role:x"),
            id="a trailing blank stays",
        ),
        pytest.param('g, "a,b", role:x', Binding("a,b", "role:x"), id="a quoted comma"),
        pytest.param(
            'g, "a""b", role:x', Binding('a"b', "role:x"), id="a quoted quote"
        ),
        pytest.param(
            'g, "", role:x', Binding("", "role:x"), id="an empty quoted field"
        ),
        pytest.param(
            "g, #alice, role:x\r",
            Binding("#alice", "role:x"),
            id="a Windows line ending",
        ),
        pytest.param("g, , role:x", Binding("", "role:x"), id="an empty subject"),
        pytest.param('"g", a, b', Binding("a", "b"), id="a quoted line type"),
        pytest.param("  # comment", None, id="a comment"),
        pytest.param("", None, id="an empty line"),
        pytest.param("e, anything", None, id="an inert section"),
        pytest.param("\u00a0", None, id="a line of other white space"),
    ],
)
def test_lines_are_parsed_as_in_argo_cd(line, expected) -> None:
    assert parse_line(line) == expected


def test_rule_has_the_column_names_of_argo_cd() -> None:
    rule = parse_line("p, role:x, applications, sync, */*, allow")

    assert rule == Rule(
        subject="role:x",
        resource="applications",
        action="sync",
        object="*/*",
        effect="allow",
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        pytest.param("g, a", "must have 3 fields, not 2", id="too few for g"),
        pytest.param("g, a, b, c", "3 fields, not 4", id="too many for g"),
        pytest.param("p, a, b", "must have 6 fields, not 3", id="too few for p"),
        pytest.param("x, y", "must begin with 'p,' or 'g,'", id="another line type"),
        pytest.param("G, a, b", "must begin with", id="a capital letter"),
        pytest.param("g2, a, b", "must begin with", id="casbin's second group section"),
        pytest.param(", a", "must begin with", id="no line type"),
        pytest.param(
            "\x1cg", "must begin with", id="white space in Python but not in Go"
        ),
        pytest.param(
            'g, a"b, c', "enclosed in quotes", id="a quote within an unquoted field"
        ),
        pytest.param('g, "a, b', "lacks its closing", id="an unclosed quote"),
        pytest.param('g, "a"b, c', "only a comma", id="text after a closing quote"),
        pytest.param('g, "a" , c', "only a comma", id="a blank after a closing quote"),
        pytest.param("hello", "must begin with", id="a single word"),
    ],
)
def test_malformed_line_is_reported_with_the_cause(line, why) -> None:
    with pytest.raises(MalformedLine, match=why):
        parse_line(line)


@given(st.text(min_size=1), st.text(min_size=1))
def test_rendered_binding_parses_to_itself_or_is_refused(subject, role) -> None:
    """This holds for any text."""
    binding = Binding(subject, role)
    try:
        line = render_binding(binding)
    except UnsafeText:
        return

    assert parse_line(line) == binding


@given(hostile, hostile)
def test_hostile_name_cannot_add_a_line(subject, role) -> None:
    """Text of special characters is one line, or it is refused."""
    try:
        line = render_binding(Binding(subject, role))
    except UnsafeText:
        return

    assert "\n" not in line
    assert [parse_line(one) for one in line.split("\n")] == [Binding(subject, role)]


@given(names, names)
def test_valid_name_can_be_rendered(subject, role) -> None:
    """Every grant that passes name validation can be bound."""
    line = render_binding(Binding(subject, role))

    assert parse_line(line) == Binding(subject, role)


@pytest.mark.parametrize(
    "binding",
    [
        pytest.param(Binding("", "role:x"), id="an empty subject"),
        pytest.param(Binding(" ", "role:x"), id="a blank subject"),
        pytest.param(Binding(" a", "role:x"), id="a leading blank"),
        pytest.param(Binding("a", ""), id="an empty role"),
        pytest.param(Binding("a", "role:x "), id="a trailing blank of the role"),
        pytest.param(Binding("a\ng, b", "role:x"), id="a second line"),
        pytest.param(Binding("a", "role:x\r"), id="a carriage return"),
    ],
)
def test_binding_that_parses_differently_is_refused(binding) -> None:
    with pytest.raises(UnsafeText, match="not parse to the same binding"):
        render_binding(binding)


def test_binding_is_refused_if_rendering_is_wrong(monkeypatch) -> None:
    """Parsing the line detects an error in quoting."""
    monkeypatch.setattr("argogrant.argocd.policy_csv._render_field", lambda text: text)

    with pytest.raises(UnsafeText):
        render_binding(Binding('a"b', "role:x"))


@given(st.lists(hostile, min_size=1, max_size=6))
def test_quoted_fields_keep_every_character(fields) -> None:
    """Quoting protects every character that a line can hold."""
    line = ",".join('"' + field.replace('"', '""') + '"' for field in fields)

    assert split_fields(line) == fields


@pytest.mark.parametrize(
    "blank", [pytest.param(blank, id=f"U+{ord(blank):04X}") for blank in GO_SPACES]
)
def test_white_space_of_go_is_stripped_before_a_field(blank) -> None:
    if blank != "\n":
        assert parse_line(f"{blank}g,{blank}a,{blank}b") == Binding("a", "b")


def test_cache_entries_of_deleted_grants_are_cleared() -> None:
    """The size of the caches follows the number of existing grants."""
    caches = (parse_line, render_line, read_end)
    for one in caches:
        one.cache_clear()
    for number in range(3000):
        render_binding(Binding(f"user-{number}", "role:x"))
        read_end(format_instant(NOON + timedelta(seconds=number)))

    trim_line_caches(1000)
    assert [one.cache_info().currsize for one in caches] == [3000] * 3

    trim_line_caches(900)
    assert [one.cache_info().currsize for one in caches] == [0] * 3
