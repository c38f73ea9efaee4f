"""The results of an examination as lines for a terminal."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

import click

from argogrant.doctor.result import Outcome, Result

Marks = Mapping[Outcome, str]
SIGNS: Final[Marks] = {Outcome.FINE: "✓", Outcome.WRONG: "✗", Outcome.UNKNOWN: "?"}
PLAIN_SIGNS: Final[Marks] = {
    Outcome.FINE: "+",
    Outcome.WRONG: "x",
    Outcome.UNKNOWN: "?",
}
"""Where the terminal does not know the others."""
_COLOURS: Final = {
    Outcome.FINE: "green",
    Outcome.WRONG: "red",
    Outcome.UNKNOWN: "yellow",
}
_NAME: Final = 12
"""Columns for the name of a check; a longer one has its line."""


def marks_for(encoding: str) -> Marks:
    """Choose the signs that an encoding has."""
    try:
        "".join(SIGNS.values()).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return PLAIN_SIGNS
    return SIGNS


def show(results: Sequence[Result], *, width: int, marks: Marks) -> Iterator[str]:
    """Write the results, those of each instance under its name.

    Args:
        results: In their order.
        width: Columns of the terminal.
        marks: The signs for what was found.
    """
    for instance, some in groupby(results, key=lambda result: result.instance):
        if instance:
            yield f"\nArgoCDInstance {instance}"
        for result in some:
            yield from _show_one(result, width, marks)
    yield f"\n{_summary(results)}"


def _show_one(result: Result, width: int, marks: Marks) -> Iterator[str]:
    sign = click.style(marks[result.outcome], fg=_COLOURS[result.outcome])
    indent = " " * (_NAME + 3)
    lines = _wrapped(result.text, width - len(indent))
    name = f"{result.check:<{_NAME}}"
    if len(result.check) > _NAME:
        yield f"{sign} {result.check}"
    else:
        yield f"{sign} {name} {lines.pop(0)}"
    yield from (f"{indent}{line}" for line in lines)
    for line in _wrapped(result.remedy, width - len(indent)):
        yield f"{indent}{line}"
    yield from _command(result.command, indent, width)


def _command(command: str, indent: str, width: int) -> Iterator[str]:
    """Write a command so that it can be copied, with the shell's line breaks."""
    lines = _wrapped(command, width - len(indent) - 4)
    for number, line in enumerate(lines):
        start = "$ " if number == 0 else "  "
        end = " \\" if number < len(lines) - 1 else ""
        yield f"{indent}{start}{line}{end}"


def _wrapped(text: str, width: int) -> list[str]:
    """Break text into lines; what others wrote must not steer the terminal."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return textwrap.wrap(
        shown, max(width, 20), break_long_words=False, break_on_hyphens=False
    )


def _summary(results: Sequence[Result]) -> str:
    wrong = sum(one.outcome is Outcome.WRONG for one in results)
    unseen = sum(one.outcome is Outcome.UNKNOWN for one in results)
    if not unseen:
        return f"{wrong} wrong." if wrong else "Nothing is wrong."
    said = f"{wrong} wrong" if wrong else "Nothing wrong was seen"
    checks = "1 check" if unseen == 1 else f"{unseen} checks"
    return f"{said}; {checks} could not be made."
