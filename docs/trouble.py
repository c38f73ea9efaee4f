"""An error that people meet, as the reference describes it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One error."""

    name: str
    """What provokes it in the tests."""
    title: str
    message: str
    """As it looks, with ``<time>`` where it differs each time."""
    meaning: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Errors that are met in the same place."""

    title: str
    where: str
    """Where a person sees them."""
    troubles: tuple[Trouble, ...]
