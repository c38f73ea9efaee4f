"""Output for a terminal: columns, width, colours and safe text."""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Final, TextIO

import click
from rich.cells import cell_len, set_cell_size

from argogrant.cli.terminal.checklist import Symbols, symbols_for
from argogrant.grants.model.validation import escape, is_visible

Row = Sequence[str]
Paint = Callable[[str, str], str | None]
"""Returns a colour for a header and a cell; a colour repeats what the cell says."""
NONE: Final = "-"
_GAP: Final = "  "
_WORDS_AND_GAPS: Final = re.compile(r" +|[^ ]+")
_MIN_COLUMN: Final = 8
"""Minimum width of a column; a wider header raises it."""
NO_OPTIONAL: Final[Mapping[str, int]] = {}
WIDEST: Final = 120
"""Maximum width of text; longer lines are hard to read."""


def sanitize(text: str) -> str:
    """Escape everything that a terminal could interpret; the result is one line."""
    return "".join(c if c == " " or is_visible(c) else escape(c) for c in text) or NONE


def table(  # noqa: PLR0913 - all of them are about one table
    header: Row,
    rows: Sequence[Row],
    *,
    width: int = 0,
    paint: Paint | None = None,
    whole: Sequence[str] = (),
    optional: Mapping[str, int] = NO_OPTIONAL,
    has_header: bool = True,
) -> str:
    """Format aligned columns as kubectl does: no borders, two blanks between them.

    If a row does not fit, the optional columns are shortened, and go if they would be
    too short. Then the widest cells are shortened. Then columns go from the right.

    Args:
        header: Names of the columns.
        rows: Sanitized cells, one for each name.
        width: Width of the terminal; 0 for no limit.
        paint: Returns the colour of a cell.
        whole: Names of columns that always stay, and are never shortened.
        optional: Names of columns that no other one is shortened for, with the widths
            from which they are of use.
        has_header: Whether the first line has the names.
    """
    widths = [max(map(cell_len, cells)) for cells in zip(header, *rows, strict=True)]
    if width:
        widths = _fit(widths, header, width, whole, optional)
    lines = [_line(header, widths)] if has_header else []
    for row in rows:
        colours = map(paint, header, row) if paint else repeat(None)
        lines.append(_line(row, widths, colours))
    return "\n".join(lines)


def _fit(
    widths: Sequence[int],
    header: Row,
    width: int,
    whole: Sequence[str],
    optional: Mapping[str, int],
) -> list[int]:
    """Return the widths with which a row fits; 0 for a column that goes."""
    fitted = list(widths)
    for name, least in optional.items():
        column = header.index(name)
        room = fitted[column] - max(_excess(fitted, width), 0)
        fitted[column] = room if room >= min(least, fitted[column]) else 0
    for _ in range(_excess(fitted, width)):
        spare, widest = max(
            (0 if name in whole else size - max(len(name), _MIN_COLUMN), column)
            for column, (name, size) in enumerate(zip(header, fitted, strict=True))
        )
        if spare <= 0:
            break
        fitted[widest] -= 1
    for column in reversed(range(len(header))):
        if _excess(fitted, width) > 0 and header[column] not in whole:
            fitted[column] = 0
    return fitted


def _excess(widths: Sequence[int], width: int) -> int:
    """Return by how much a row is wider than the terminal; negative if it fits."""
    shown = [size for size in widths if size]
    return sum(shown) + len(_GAP) * (len(shown) - 1) - width


def _line(
    row: Row, widths: Sequence[int], colours: Iterable[str | None] = repeat(None)
) -> str:
    cells = []
    for cell, size, colour in zip(row, widths, colours, strict=False):
        if not size:
            continue
        is_long = cell_len(cell) > size
        text = f"{set_cell_size(cell, size - 1)}…" if is_long else cell
        gap = " " * (size - cell_len(text))
        cells.append(f"{click.style(text, fg=colour) if colour else text}{gap}")
    return _GAP.join(cells).rstrip()


def wrap(text: str, width: int, indent: int, *, whole: str = "") -> str:
    """Wrap a line between words, and indent the second and later lines.

    A long word exceeds the width, and users can copy it.

    Args:
        text: Sanitized text of one line.
        width: Width of the terminal; 0 for no limit.
        indent: Blanks before the second and later lines.
        whole: Part of the text that stays on one line, such as a command; else empty.
    """
    if not width:
        return text
    limit = max(width, indent + 20)
    lines, line, gap = [], "", ""
    for part in _split(text, whole):
        if part.isspace():
            gap = part
            continue
        if line.strip() and cell_len(f"{line}{gap}{part}") > limit:
            lines.append(line)
            line, gap = " " * indent, ""
        line, gap = f"{line}{gap}{part}", ""
    return "\n".join([*lines, line])


def _split(text: str, whole: str) -> list[str]:
    """Split a text into words and the blanks between them."""
    before, part, after = text.rpartition(whole) if whole else ("", "", text)
    ends = [part] if part else []
    return [*_WORDS_AND_GAPS.findall(before), *ends, *_WORDS_AND_GAPS.findall(after)]


def columns() -> int:
    """Return the width of the terminal; 0 if the output goes to a program or file."""
    if "COLUMNS" in os.environ or sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    return 0


def message_columns(stream: TextIO | None = None) -> int:
    """Return the width for messages; 0 if they go to a program or a file.

    Args:
        stream: Where messages are written; standard error if it is None.
    """
    if "COLUMNS" in os.environ:
        return shutil.get_terminal_size().columns
    stream = stream or sys.stderr
    with suppress(OSError, ValueError, AttributeError):
        return os.get_terminal_size(stream.fileno()).columns
    return 0


def has_colours() -> bool:
    """Return whether to write colours: on a terminal, unless ``NO_COLOR`` is set.

    Source: https://no-color.org.
    """
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def print_line(write: Callable[[int, Symbols], Iterable[str]]) -> None:
    """Print lines, written for the width, encoding and colours of the terminal."""
    width = min(shutil.get_terminal_size().columns, WIDEST)
    colour = False if "NO_COLOR" in os.environ else None
    for line in write(width, symbols_for(sys.stdout.encoding or "ascii")):
        click.echo(line, color=colour)


def print_warnings(warnings: Iterable[str]) -> None:
    """Print warnings, which are sanitized, to standard error."""
    for warning in warnings:
        click.echo(f"Warning: {warning}", err=True)
