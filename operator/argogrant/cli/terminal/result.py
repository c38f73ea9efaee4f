"""What a check found, in the words that a person reads."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a check."""

    FINE = "fine"
    WRONG = "wrong"
    UNKNOWN = "unknown"  # it could not be looked at
    NOTED = "noted"  # there is nothing to judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line of the examination."""

    check: str
    """What was looked at, in a word or two."""
    outcome: Outcome
    text: str
    remedy: str = ""
    """What to do, where the text does not say it."""
    command: str = ""
    """What to type for that, on one line, with no blank inside quotes."""
    instance: str = ""
    """The ArgoCDInstance that it is about; empty for all of them."""


def fine(check: str, text: str) -> Result:
    """Say that something is as it should be."""
    return Result(check=check, outcome=Outcome.FINE, text=text)


def wrong(check: str, text: str, *, remedy: str = "", command: str = "") -> Result:
    """Say that something is not as it should be, and what to do."""
    return Result(
        check=check, outcome=Outcome.WRONG, text=text, remedy=remedy, command=command
    )


def unknown(check: str, text: str) -> Result:
    """Say that something could not be looked at, and why."""
    return Result(check=check, outcome=Outcome.UNKNOWN, text=text)
