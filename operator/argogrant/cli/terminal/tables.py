"""Tables for terminals: aligned, within the width, and safe to print. Pure.

The terminal that a command writes to.
"""

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import click
import typer

from argogrant.cli.terminal.checklist import Symbols, symbols_for
from argogrant.grants.model.validation import escape, is_visible

Row = Sequence[str]
Paint = Callable[[str, str], str | None]
"""Chooses a colour by a column's header and a cell; never the only sign of anything."""
GAP: Final = "  "
NONE: Final = "-"
_NARROWEST: Final = 8
"""A column is not made narrower than this, or than its header."""
READY_COLOURS: Final[Mapping[str, str]] = {
    "True": "green",
    "False": "red",
    "Unknown": "yellow",
}


def sanitize(text: str) -> str:
    """Write a text on one line; what a terminal might obey is escaped."""
    return "".join(c if c == " " or is_visible(c) else escape(c) for c in text) or NONE


def table(
    header: Row,
    rows: Sequence[Row],
    *,
    width: int = 0,
    paint: Paint | None = None,
    whole: Sequence[str] = (),
) -> str:
    """Align all columns but the last.

    Args:
        header: The names of the columns.
        rows: Cells that are safe to print, one for each name.
        width: Columns of the terminal; the widest cells are cut to fit. 0 for any.
        paint: Chooses the colour of a cell.
        whole: The names of columns that are never cut.
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    if width:
        widths = _fitted(widths, header, width, whole)
    return "\n".join(
        _line(row, header, widths, None if row is header else paint)
        for row in (header, *rows)
    )


def wrap(text: str, width: int, indent: int) -> str:
    """Break a line between words where a terminal would break it anywhere.

    Args:
        text: One line.
        width: Columns of the terminal; 0 leaves the line whole.
        indent: Blanks before the further lines.
    """
    if not width:
        return text
    return textwrap.fill(
        text,
        max(width, indent + 20),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def truncate(text: str, width: int) -> str:
    """Cut a text to a number of columns; a dot of three says that it went on."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _fitted(
    widths: Sequence[int], header: Row, width: int, whole: Sequence[str]
) -> list[int]:
    """Take columns from the widest, one by one, until the line fits."""
    fitted = list(widths)
    least = [
        size if name in whole else max(len(name), _NARROWEST)
        for size, name in zip(widths, header, strict=True)
    ]
    room = width - len(GAP) * (len(header) - 1)
    while sum(fitted) > room:
        spare, widest = max(
            (size - low, place)
            for place, (size, low) in enumerate(zip(fitted, least, strict=True))
        )
        if spare <= 0:
            break
        fitted[widest] -= 1
    return fitted


def _line(row: Row, header: Row, widths: Sequence[int], paint: Paint | None) -> str:
    last = len(row) - 1
    cells = []
    for place, (cell, size) in enumerate(zip(row, widths, strict=True)):
        fitting = truncate(cell, size)
        padded = fitting if place == last else fitting.ljust(size)
        colour = paint(header[place], cell) if paint else None
        cells.append(click.style(padded, fg=colour) if colour else padded)
    return GAP.join(cells).rstrip()


WIDEST: Final = 120
"""Columns of a line that is read; longer ones are hard to follow."""


def columns() -> int:
    """Tell how wide it is; 0 if what is written goes to a program or a file."""
    if "COLUMNS" in os.environ or sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    return 0


def has_colours() -> bool:
    """Tell whether a person looks at colours: https://no-color.org."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def print_line(write: Callable[[int, Symbols], Iterable[str]]) -> None:
    """Print lines with signs, in colours where a terminal shows them.

    Args:
        write: Gives the lines for so many columns, with signs that the terminal has.
    """
    width = min(shutil.get_terminal_size().columns, WIDEST)
    colour = False if "NO_COLOR" in os.environ else None
    for line in write(width, symbols_for(sys.stdout.encoding or "ascii")):
        typer.echo(line, color=colour)
