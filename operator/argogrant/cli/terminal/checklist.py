"""Results of checks, and their lines on a terminal. Pure.

Each result has a symbol: passed, failed, unknown, or information without a judgement.
"""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import click


class CheckOutcome(StrEnum):
    """Outcome of a check."""

    FINE = "fine"
    WRONG = "wrong"
    UNKNOWN = "unknown"  # the check could not read what it needs
    NOTED = "noted"  # information without a judgement


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Result of one check."""

    check: str
    """Name of the check, one or two words."""
    outcome: CheckOutcome
    text: str
    remedy: str = ""
    """Action to take, unless the text names it."""
    command: str = ""
    """Shell command of the remedy, on one line, with no blank inside quotes."""
    instance: str = ""
    """Name of the ArgoCDInstance; empty if the check is about all of them."""


def fine(check: str, text: str) -> CheckResult:
    """Return the result of a check that passed."""
    return CheckResult(check, CheckOutcome.FINE, text)


def wrong(check: str, text: str, *, remedy: str = "", command: str = "") -> CheckResult:
    """Return the result of a check that failed, with its remedy."""
    return CheckResult(check, CheckOutcome.WRONG, text, remedy, command)


def unknown(check: str, text: str) -> CheckResult:
    """Return the result of a check that could not run, with the cause."""
    return CheckResult(check, CheckOutcome.UNKNOWN, text)


Symbols = Mapping[CheckOutcome, str]
_MARKS: Final = {
    CheckOutcome.FINE: ("✓", "+", "green"),
    CheckOutcome.WRONG: ("✗", "x", "red"),
    CheckOutcome.UNKNOWN: ("?", "?", "yellow"),
    CheckOutcome.NOTED: ("·", "-", None),
}
"""Symbol, symbol in ASCII for terminals with another encoding, and colour."""
SIGNS: Final[Symbols] = {outcome: row[0] for outcome, row in _MARKS.items()}
PLAIN_SIGNS: Final[Symbols] = {outcome: row[1] for outcome, row in _MARKS.items()}
NAME: Final = 12
"""Width of the names of checks; a longer name has a line of its own."""


def symbols_for(encoding: str) -> Symbols:
    """Return the symbols that an encoding contains."""
    try:
        "".join(SIGNS.values()).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return PLAIN_SIGNS
    return SIGNS


def checklist(
    result: CheckResult, width: int, marks: Symbols, *, breaks: bool = False
) -> Iterator[str]:
    """Format the result of a check.

    Unless it ``breaks`` words, a long word exceeds the width, and users can copy it.
    """
    sign = click.style(marks[result.outcome], fg=_MARKS[result.outcome][2])
    indent, width = " " * (NAME + 3), width - NAME - 3
    lines = wrapped(result.text, width, breaks=breaks) or [""]
    if len(result.check) > NAME:
        yield f"{sign} {result.check}"
    else:
        yield f"{sign} {result.check:<{NAME}} {lines.pop(0)}"
    lines += wrapped(result.remedy, width, breaks=breaks)
    # The command has line breaks of the shell, so users can copy it.
    command = " \\\n  ".join(wrapped(result.command, width - 4))
    lines += f"$ {command}".splitlines() if command else []
    yield from (f"{indent}{line}" for line in lines)


def wrapped(text: str, width: int, *, breaks: bool = False) -> list[str]:
    """Wrap text; characters that could control the terminal become blanks."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return textwrap.wrap(
        shown, max(width, 20), break_long_words=breaks, break_on_hyphens=False
    )
