"""Validation of names: only unambiguous, visible text is accepted."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.grants.model.validation import (
    MAX_NAME_LENGTH,
    character_label,
    escape,
    is_visible,
    quote,
    validate_name,
)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("alice", id="user id"),
        pytest.param("alice@example.com", id="e-mail address"),
        pytest.param("Platform Team, EU", id="blanks and a comma inside"),
        pytest.param('the "best" team', id="double quotes"),
        pytest.param("CN=a/OU=b:c", id="distinguished name"),
        pytest.param("*", id="asterisk, which Argo CD compares literally"),
        pytest.param("#alice", id="number sign"),
        pytest.param("Zo\u00eb", id="accented letter as one character"),
        pytest.param("\u5c71\u7530", id="Kanji"),
        pytest.param("x" * MAX_NAME_LENGTH, id="maximum length"),
    ],
)
def test_usual_names_are_accepted(name) -> None:
    assert validate_name(name) is None


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        pytest.param("", "is empty", id="empty"),
        pytest.param("x" * (MAX_NAME_LENGTH + 1), "longer than 256", id="too long"),
        pytest.param(" a", "begins or ends with a blank", id="leading blank"),
        pytest.param("a ", "begins or ends with a blank", id="trailing blank"),
        pytest.param(" ", "begins or ends with a blank", id="only a blank"),
        pytest.param("a\nb", "U+000A unnamed character at position 2", id="newline"),
        pytest.param("a\u00a0b", "U+00A0 NO-BREAK SPACE", id="no-break space"),
        pytest.param("\u202ea", "RIGHT-TO-LEFT OVERRIDE", id="direction override"),
        pytest.param(
            "a\ud800", "U+D800 unnamed character", id="half of a surrogate pair"
        ),
        pytest.param("a\u0378", "U+0378 unnamed", id="unassigned code point"),
        pytest.param("a\ufe0f", "VARIATION SELECTOR-16", id="invisible mark"),
        pytest.param("e\u0301", "normal form C", id="accent as a separate character"),
        pytest.param("\u212b", "normal form C", id="compatibility character"),
    ],
)
def test_misleading_names_are_rejected(name, problem) -> None:
    message = validate_name(name)

    assert message is not None
    assert problem in message


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(point, id=f"U+{point:04X}")
        for point in (
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180F, 0x2800, 0x3164),
            *(0xFE00, 0xFE0F, 0xFFA0, 0xE0100, 0xE01EF),
        )
    ],
)
def test_characters_that_print_nothing_are_invisible(point) -> None:
    """Their categories in Unicode are letters, marks and symbols."""
    assert not is_visible(chr(point))
    assert validate_name(f"a{chr(point)}b") is not None


@given(st.text())
def test_accepted_name_contains_no_control_separator_or_format_character(name) -> None:
    if validate_name(name) is not None:
        return

    assert all(c == " " or unicodedata.category(c)[0] not in "CZ" for c in name)
    assert name == name.strip()
    assert 0 < len(name) <= MAX_NAME_LENGTH


@given(st.text(st.characters(exclude_categories=[])))
def test_quoted_name_is_one_visible_line(name) -> None:
    """A hostile name must not change a log or a terminal."""
    shown = quote(name)

    assert shown[0] == shown[-1] == '"'
    assert all(c == " " or is_visible(c) for c in shown)
    shown.encode()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("alice", '"alice"', id="plain name"),
        pytest.param("a\u200bb", '"a\\u200bb"', id="invisible character is escaped"),
        pytest.param("x" * 81, '"' + "x" * 80 + '…"', id="long name is truncated"),
        pytest.param(
            "x" * 80, '"' + "x" * 80 + '"', id="longest name that is not truncated"
        ),
    ],
)
def test_names_are_quoted_in_messages(name, shown) -> None:
    assert quote(name) == shown


def test_invisible_character_is_described_by_its_code_point() -> None:
    assert character_label("\u200b") == "U+200B ZERO WIDTH SPACE"
    assert escape("\ud800") == "\\ud800"
