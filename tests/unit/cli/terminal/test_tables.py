"""Tables fit the terminal, and their text cannot control it."""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from argogrant.cli.terminal.tables import sanitize, table, wrap

CELLS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=60)


def test_columns_are_aligned() -> None:
    assert table(("NAME", "ROLE"), [("ann", "admin"), ("b", "reader")]) == (
        "NAME  ROLE\nann   admin\nb     reader"
    )


def test_wide_characters_take_two_columns() -> None:
    written = table(("NAME", "ROLE"), [("山田さん", "admin"), ("b", "reader")])

    assert written.splitlines() == [
        "NAME      ROLE",
        "山田さん  admin",
        "b         reader",
    ]


@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5))
def test_table_fits_the_width(rows: list[tuple[str, str, str]]) -> None:
    written = table(("A", "B", "C"), rows, width=40)

    assert max(map(cell_len, written.split("\n"))) <= 40


def test_widest_column_is_shortened_first() -> None:
    written = table(("NAME", "ROLE", "END"), [("ann", "r" * 40, "18:00")], width=30)

    assert written.splitlines()[1] == f"ann   {'r' * 16}…  18:00"


def test_wide_character_is_not_split() -> None:
    _, row = table(("NAME", "END"), [("山" * 20, "18:00")], width=16).splitlines()

    assert row == "山山山山…  18:00"


def test_protected_column_is_never_shortened() -> None:
    rows = [("a" * 30, "b" * 30)]

    assert "b" * 30 in table(("A", "B"), rows, width=20, whole=("B",))


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        pytest.param(
            60,
            ["NAME        ROLE      WHY", f"{'n' * 10}  deployer  waits for alice"],
            id="all fit",
        ),
        pytest.param(
            30,
            ["NAME        ROLE      WHY", f"{'n' * 10}  deployer  waits f…"],
            id="the optional column is shortened first",
        ),
        pytest.param(
            29,
            ["NAME        ROLE", f"{'n' * 10}  deployer"],
            id="the optional column goes before another is shortened",
        ),
        pytest.param(
            19,
            ["NAME", "n" * 10],
            id="a column goes if it would be too short",
        ),
        pytest.param(5, ["NAME", "n" * 10], id="a whole column stays in a longer line"),
    ],
)
def test_columns_go_and_names_stay_whole(width: int, lines: list[str]) -> None:
    written = table(
        ("NAME", "ROLE", "WHY"),
        [("n" * 10, "deployer", "waits for alice")],
        width=width,
        whole=("NAME",),
        optional={"WHY": 8},
    )

    assert written.splitlines() == lines


@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=5))
def test_name_is_whole_at_every_width(rows: list[tuple[str, str, str]]) -> None:
    names = [name for name, _, _ in rows]
    header = ("NAME", "ROLE", "WHY")
    for width in (1, 20, 60, 80, 200):
        written = table(
            header, rows, width=width, whole=("NAME",), optional={"WHY": 10}
        )
        lines = written.split("\n")[1:]

        assert all(map(str.startswith, lines, names))
        assert max(map(cell_len, lines)) <= max(width, *map(cell_len, names))


def test_table_without_header_has_only_rows() -> None:
    assert table(("NAME", "ROLE"), [("a", "b")], has_header=False) == "a     b"


def test_colour_does_not_move_the_columns() -> None:
    rows = [("True", "ann"), ("False", "bea")]
    plain = table(("READY", "NAME"), rows)

    painted = table(("READY", "NAME"), rows, paint=lambda _name, _cell: "green")

    assert click.unstyle(painted) == plain
    assert painted != plain


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        pytest.param("a b", "a b", id="a space is kept"),
        pytest.param("", "-", id="an empty text is a dash"),
        pytest.param("a\x1b[2Jb", "a\\x1b[2Jb", id="an escape sequence is escaped"),
        pytest.param("a\nb", "a\\nb", id="a line break is escaped"),
    ],
)
def test_text_is_safe_to_print(text: str, safe: str) -> None:
    assert sanitize(text) == safe


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        pytest.param(0, ["Now:  1 more approval is needed for it"], id="no limit"),
        pytest.param(30, ["Now:  1 more approval is", "      needed for it"], id="30"),
        pytest.param(8, ["Now:  1 more approval is", "      needed for it"], id="8"),
    ],
)
def test_long_line_is_wrapped_between_words(width: int, lines: list[str]) -> None:
    text = "Now:  1 more approval is needed for it"

    assert wrap(text, width, 6).splitlines() == lines


def test_wrapped_line_counts_the_width_of_wide_characters() -> None:
    wrapped = wrap("subject 山田太郎 山田太郎 山田太郎", 24, 2)

    assert wrapped == "subject 山田太郎\n  山田太郎 山田太郎"


def test_command_in_a_wrapped_line_stays_whole() -> None:
    text = "To approve, an approver runs: argogrant approve x. Then wait."
    wrapped = wrap(text, 40, 2, whole="argogrant approve x")

    assert wrapped.splitlines() == [
        "To approve, an approver runs:",
        "  argogrant approve x. Then wait.",
    ]
