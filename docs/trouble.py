"""Entries of the error reference."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One error."""

    name: str
    """Scenario of the tests that produces it."""
    title: str
    message: str
    """Text of the error, with ``<time>`` for values that vary."""
    meaning: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Errors that appear in the same place."""

    title: str
    where: str
    """Place where a user sees them."""
    troubles: tuple[Trouble, ...]
