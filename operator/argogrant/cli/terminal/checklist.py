"""Lines that begin with a sign: it is so, it is not, or nobody knows. Pure.

What a check found, in the words that a person reads.
"""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import click


class CheckOutcome(StrEnum):
    """What became of a check."""

    FINE = "fine"
    WRONG = "wrong"
    UNKNOWN = "unknown"  # it could not be looked at
    NOTED = "noted"  # there is nothing to judge


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One line of the examination."""

    check: str
    """What was looked at, in a word or two."""
    outcome: CheckOutcome
    text: str
    remedy: str = ""
    """What to do, where the text does not say it."""
    command: str = ""
    """What to type for that, on one line, with no blank inside quotes."""
    instance: str = ""
    """The ArgoCDInstance that it is about; empty for all of them."""


def fine(check: str, text: str) -> CheckResult:
    """Say that something is as it should be."""
    return CheckResult(check=check, outcome=CheckOutcome.FINE, text=text)


def wrong(check: str, text: str, *, remedy: str = "", command: str = "") -> CheckResult:
    """Say that something is not as it should be, and what to do."""
    return CheckResult(
        check=check,
        outcome=CheckOutcome.WRONG,
        text=text,
        remedy=remedy,
        command=command,
    )


def unknown(check: str, text: str) -> CheckResult:
    """Say that something could not be looked at, and why."""
    return CheckResult(check=check, outcome=CheckOutcome.UNKNOWN, text=text)


Symbols = Mapping[CheckOutcome, str]
SIGNS: Final[Symbols] = {
    CheckOutcome.FINE: "✓",
    CheckOutcome.WRONG: "✗",
    CheckOutcome.UNKNOWN: "?",
    CheckOutcome.NOTED: "·",
}
PLAIN_SIGNS: Final[Symbols] = {
    CheckOutcome.FINE: "+",
    CheckOutcome.WRONG: "x",
    CheckOutcome.UNKNOWN: "?",
    CheckOutcome.NOTED: "-",
}
"""Where the terminal does not know the others."""
_COLOURS: Final = {
    CheckOutcome.FINE: "green",
    CheckOutcome.WRONG: "red",
    CheckOutcome.UNKNOWN: "yellow",
    CheckOutcome.NOTED: None,
}
NAME: Final = 12
"""Columns for the name of a check; a longer one has its line."""


def symbols_for(encoding: str) -> Symbols:
    """Choose the signs that an encoding has."""
    try:
        "".join(SIGNS.values()).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return PLAIN_SIGNS
    return SIGNS


def checklist(
    result: CheckResult, width: int, marks: Symbols, *, breaks: bool = False
) -> Iterator[str]:
    """Write what was found under its sign.

    Args:
        result: What was found.
        width: Columns of the terminal.
        marks: The signs.
        breaks: Whether words that are too long are broken; else they stand out, so
            that they can be copied.
    """
    sign = click.style(marks[result.outcome], fg=_COLOURS[result.outcome])
    indent = " " * (NAME + 3)
    lines = wrapped(result.text, width - len(indent), breaks=breaks) or [""]
    name = f"{result.check:<{NAME}}"
    if len(result.check) > NAME:
        yield f"{sign} {result.check}"
    else:
        yield f"{sign} {name} {lines.pop(0)}"
    yield from (f"{indent}{line}" for line in lines)
    for line in wrapped(result.remedy, width - len(indent), breaks=breaks):
        yield f"{indent}{line}"
    yield from _command(result.command, indent, width)


def _command(command: str, indent: str, width: int) -> Iterator[str]:
    """Write a command so that it can be copied, with the shell's line breaks."""
    lines = wrapped(command, width - len(indent) - 4)
    for number, line in enumerate(lines):
        start = "$ " if number == 0 else "  "
        end = " \\" if number < len(lines) - 1 else ""
        yield f"{indent}{start}{line}{end}"


def wrapped(text: str, width: int, *, breaks: bool = False) -> list[str]:
    """Break text into lines; what others wrote must not steer the terminal."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return textwrap.wrap(
        shown, max(width, 20), break_long_words=breaks, break_on_hyphens=False
    )
