"""One line of Argo CD's grammar, read and written."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.policy_line import (
    GO_SPACES,
    Binding,
    Rule,
    parse_line,
    render_binding,
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
            "g,alice@x , role:x", Binding("alice@x ", "role:x"), id="a blank after"
        ),
        pytest.param('g, "a,b", role:x', Binding("a,b", "role:x"), id="a comma inside"),
        pytest.param(
            'g, "a""b", role:x', Binding('a"b', "role:x"), id="a quote inside"
        ),
        pytest.param(
            'g, "", role:x', Binding("", "role:x"), id="quotes around nothing"
        ),
        pytest.param(
            "g, #alice, role:x\r", Binding("#alice", "role:x"), id="a Windows line"
        ),
        pytest.param("g, , role:x", Binding("", "role:x"), id="an empty subject"),
        pytest.param('"g", a, b', Binding("a", "b"), id="a quoted letter"),
        pytest.param("  # comment", None, id="a comment"),
        pytest.param("", None, id="an empty line"),
        pytest.param("e, anything", None, id="a section without effect"),
        pytest.param("\u00a0", None, id="a line of other blanks"),
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
    ("line", "why"),
    [
        pytest.param("g, a", "must have 3 fields, not 2", id="too few for g"),
        pytest.param("g, a, b, c", "3 fields, not 4", id="too many for g"),
        pytest.param("p, a, b", "must have 6 fields, not 3", id="too few for p"),
        pytest.param("x, y", "must begin with 'p,' or 'g,'", id="another letter"),
        pytest.param("G, a, b", "must begin with", id="a capital letter"),
        pytest.param("g2, a, b", "must begin with", id="casbin's second group section"),
        pytest.param(", a", "must begin with", id="no letter"),
        pytest.param("\x1cg", "must begin with", id="a blank to Python and not to Go"),
        pytest.param('g, a"b, c', "enclosed in quotes", id="a quote within a field"),
        pytest.param('g, "a, b', "lacks its closing", id="a quote that never closes"),
        pytest.param('g, "a"b, c', "only a comma", id="text after a closing quote"),
        pytest.param('g, "a" , c', "only a comma", id="a blank after a closing quote"),
        pytest.param("hello", "must begin with", id="no line at all"),
    ],
)
def test_malformed_lines_are_told(line, why) -> None:
    with pytest.raises(MalformedLine, match=why):
        parse_line(line)


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_binding_reads_back_as_itself_or_is_not_written(subject, role) -> None:
    """Parse(render(line)) is the line, for any text whatever."""
    binding = Binding(subject, role)
    try:
        line = render_binding(binding)
    except UnsafeText:
        return

    assert parse_line(line) == binding


@given(hostile, hostile)
def test_no_name_can_add_a_line(subject, role) -> None:
    """Text made of nothing but trouble is one line, or it is refused."""
    try:
        line = render_binding(Binding(subject, role))
    except UnsafeText:
        return

    assert "\n" not in line
    assert [parse_line(one) for one in line.split("\n")] == [Binding(subject, role)]


@given(names, names)
def test_a_name_that_was_accepted_can_be_written(subject, role) -> None:
    """The text rule for names and the writer agree: no accepted grant is stuck."""
    line = render_binding(Binding(subject, role))

    assert parse_line(line) == Binding(subject, role)


@pytest.mark.parametrize(
    "binding",
    [
        pytest.param(Binding("", "role:x"), id="an empty subject would be everybody"),
        pytest.param(Binding(" ", "role:x"), id="a blank one as well"),
        pytest.param(Binding(" a", "role:x"), id="a blank before is lost"),
        pytest.param(Binding("a", ""), id="an empty role"),
        pytest.param(Binding("a", "role:x "), id="a blank after is lost at the end"),
        pytest.param(Binding("a\ng, b", "role:x"), id="a second line"),
        pytest.param(Binding("a", "role:x\r"), id="a carriage return is lost"),
    ],
)
def test_what_argo_cd_would_read_otherwise_is_not_written(binding) -> None:
    with pytest.raises(UnsafeText, match="not parse to the same binding"):
        render_binding(binding)


def test_a_reader_that_fails_is_a_reason_not_to_write(monkeypatch) -> None:
    """The proof by reading back holds even if the writer's quoting were wrong."""
    monkeypatch.setattr("argogrant.argocd.policy_line._render_field", lambda text: text)

    with pytest.raises(UnsafeText):
        render_binding(Binding('a"b', "role:x"))


@given(st.lists(hostile, min_size=1, max_size=6))
def test_quoted_fields_are_split_as_they_were(fields) -> None:
    """Quoting protects every character that a line can hold."""
    line = ",".join('"' + field.replace('"', '""') + '"' for field in fields)

    assert split_fields(line) == fields


@pytest.mark.parametrize(
    "blank", [pytest.param(blank, id=f"U+{ord(blank):04X}") for blank in GO_SPACES]
)
def test_every_blank_of_go_is_trimmed_before_a_field(blank) -> None:
    if blank != "\n":
        assert parse_line(f"{blank}g,{blank}a,{blank}b") == Binding("a", "b")


def test_lines_and_ends_of_grants_that_are_gone_are_forgotten() -> None:
    """What is remembered follows the grants that there are, not all that ever were."""
    remembered = (parse_line, render_binding, read_end)
    for one in remembered:
        one.cache_clear()
    for number in range(3000):
        render_binding(Binding(f"person-{number}", "role:x"))
        read_end(format_instant(NOON + timedelta(seconds=number)))

    trim_line_caches(1000)
    assert [one.cache_info().currsize for one in remembered] == [3000] * 3

    trim_line_caches(900)
    assert [one.cache_info().currsize for one in remembered] == [0] * 3
