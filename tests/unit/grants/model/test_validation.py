"""Names: only what every reader sees alike may be written."""

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
        pytest.param("alice", id="a user id"),
        pytest.param("alice@example.com", id="an e-mail address"),
        pytest.param("Platform Team, EU", id="blanks and a comma inside"),
        pytest.param('the "best" team', id="double quotes"),
        pytest.param("CN=a/OU=b:c", id="a distinguished name"),
        pytest.param("*", id="an asterisk, which Argo CD takes literally"),
        pytest.param("#alice", id="a number sign"),
        pytest.param("Zo\u00eb", id="an accented letter as one character"),
        pytest.param("\u5c71\u7530", id="Kanji"),
        pytest.param("x" * MAX_NAME_LENGTH, id="as long as allowed"),
    ],
)
def test_names_that_people_have_are_taken(name) -> None:
    assert validate_name(name) is None


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        pytest.param("", "is empty", id="an empty name would be everybody"),
        pytest.param("x" * (MAX_NAME_LENGTH + 1), "longer than 256", id="too long"),
        pytest.param(" a", "begins or ends with a blank", id="a blank before"),
        pytest.param("a ", "begins or ends with a blank", id="a blank after"),
        pytest.param(" ", "begins or ends with a blank", id="only a blank"),
        pytest.param("a\nb", "U+000A unnamed character at position 2", id="a newline"),
        pytest.param("a\u00a0b", "U+00A0 NO-BREAK SPACE", id="another kind of blank"),
        pytest.param("\u202ea", "RIGHT-TO-LEFT OVERRIDE", id="a turned direction"),
        pytest.param("a\ud800", "U+D800 unnamed character", id="half a surrogate pair"),
        pytest.param("a\u0378", "U+0378 unnamed", id="a code point not in use"),
        pytest.param("a\ufe0f", "VARIATION SELECTOR-16", id="an invisible mark"),
        pytest.param("e\u0301", "normal form C", id="an accent as its own character"),
        pytest.param("\u212b", "normal form C", id="a letter with a double"),
    ],
)
def test_names_that_mislead_are_refused(name, problem) -> None:
    said = validate_name(name)

    assert said is not None
    assert problem in said


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
def test_what_prints_nothing_is_invisible(point) -> None:
    """Unicode calls them letters, marks and symbols; no reader sees them."""
    assert not is_visible(chr(point))
    assert validate_name(f"a{chr(point)}b") is not None


@given(st.text())
def test_what_is_accepted_holds_no_control_separator_or_format(name) -> None:
    if validate_name(name) is not None:
        return

    assert all(c == " " or unicodedata.category(c)[0] not in "CZ" for c in name)
    assert name == name.strip()
    assert 0 < len(name) <= MAX_NAME_LENGTH


@given(st.text(st.characters(exclude_categories=[])))
def test_a_quoted_name_is_one_visible_line(name) -> None:
    """Whatever a hostile name holds, a log and a terminal stay as they are."""
    shown = quote(name)

    assert shown[0] == shown[-1] == '"'
    assert all(c == " " or is_visible(c) for c in shown)
    shown.encode()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("alice", '"alice"', id="a plain name as it is"),
        pytest.param("a\u200bb", '"a\\u200bb"', id="an invisible one escaped"),
        pytest.param("x" * 81, '"' + "x" * 80 + '…"', id="a long one cut"),
        pytest.param("x" * 80, '"' + "x" * 80 + '"', id="the longest whole"),
    ],
)
def test_names_are_shown_in_messages(name, shown) -> None:
    assert quote(name) == shown


def test_a_character_is_named_without_printing_it() -> None:
    assert character_label("\u200b") == "U+200B ZERO WIDTH SPACE"
    assert escape("\ud800") == "\\ud800"
