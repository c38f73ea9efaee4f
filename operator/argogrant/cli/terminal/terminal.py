"""The terminal that a command writes to."""

import os
import shutil
import sys
from collections.abc import Callable, Iterable
from typing import Final

import typer

from argogrant.cli.terminal.checklist import Marks, marks_for

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


def tell(write: Callable[[int, Marks], Iterable[str]]) -> None:
    """Print lines with signs, in colours where a terminal shows them.

    Args:
        write: Gives the lines for so many columns, with signs that the terminal has.
    """
    width = min(shutil.get_terminal_size().columns, WIDEST)
    colour = False if "NO_COLOR" in os.environ else None
    for line in write(width, marks_for(sys.stdout.encoding or "ascii")):
        typer.echo(line, color=colour)
