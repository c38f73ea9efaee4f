"""Tables keep within a terminal, and nothing in them steers it."""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.cli.terminal.tables import sanitize, table, wrap

CELLS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=60)


def test_columns_are_aligned() -> None:
    assert table(("NAME", "ROLE"), [("ann", "admin"), ("b", "reader")]) == (
        "NAME  ROLE\nann   admin\nb     reader"
    )


@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5))
def test_a_table_keeps_within_the_width(rows: list[tuple[str, str, str]]) -> None:
    written = table(("A", "B", "C"), rows, width=40)

    assert max(map(len, written.splitlines())) <= 40


def test_the_widest_column_is_cut_first() -> None:
    written = table(("NAME", "ROLE", "END"), [("ann", "r" * 40, "18:00")], width=30)

    assert written.splitlines()[1] == f"ann   {'r' * 16}…  18:00"


def test_a_colour_does_not_move_the_columns() -> None:
    rows = [("True", "ann"), ("False", "bea")]
    plain = table(("READY", "NAME"), rows)

    painted = table(("READY", "NAME"), rows, paint=lambda _name, _cell: "green")

    assert click.unstyle(painted) == plain
    assert painted != plain


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        pytest.param("a b", "a b", id="a space stays"),
        pytest.param("", "-", id="nothing is a dash"),
        pytest.param("a\x1b[2Jb", "a\\x1b[2Jb", id="an escape sequence is shown"),
        pytest.param("a\nb", "a\\nb", id="a line break makes no row"),
    ],
)
def test_a_text_is_safe_to_print(text: str, safe: str) -> None:
    assert sanitize(text) == safe


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        pytest.param(0, ["Now:  somebody else has to agree to it"], id="any"),
        pytest.param(30, ["Now:  somebody else has to", "      agree to it"], id="30"),
        pytest.param(8, ["Now:  somebody else has to", "      agree to it"], id="8"),
    ],
)
def test_a_long_line_is_broken_between_words(width: int, lines: list[str]) -> None:
    text = "Now:  somebody else has to agree to it"

    assert wrap(text, width, 6).splitlines() == lines
