"""The second path: take away what is past its end, knowing nothing but the text.

Whoever has only the ConfigMap can tell which bindings are overdue, because every
section of the overlay tells its end (``rbac/overlay.py``).
"""

from dataclasses import dataclass
from datetime import datetime

from argogrant.grants.errors import MalformedLine
from argogrant.grants.grant import Binding
from argogrant.rbac.lines import parse_line
from argogrant.rbac.overlay import UNTIL, read_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What is left of an overlay, and how much of it was what."""

    text: str
    removed: int
    """Bindings whose end had passed."""
    kept: int
    """Bindings whose end lies ahead, or is not told."""
    unreadable: int
    """Lines that can not be read; they are kept as they are."""


def sweep_overlay(text: str, now: datetime) -> Swept:
    """Remove the bindings of every section whose end has passed.

    Args:
        text: The value of our key.
        now: An end at this very instant has passed: ends are exclusive.

    Returns:
        The same text without them; whatever can not be read stays, and so does a
        section whose end can not be read.
    """
    lines: list[str] = []
    removed = kept = unreadable = 0
    end: datetime | None = None
    for line in text.split("\n"):
        if line.startswith(UNTIL):
            end = read_until(line)
            unreadable += end is None
        has_passed = end is not None and end <= now
        what = _kind_of(line)
        if what is Binding and has_passed:
            removed += 1
            continue
        kept += what is Binding
        unreadable += what is MalformedLine
        if not (has_passed and line.startswith(UNTIL)):
            lines.append(line)
    return Swept(
        text="\n".join(lines), removed=removed, kept=kept, unreadable=unreadable
    )


def _kind_of(line: str) -> type | None:
    try:
        parsed = parse_line(line)
    except MalformedLine:
        return MalformedLine
    return Binding if isinstance(parsed, Binding) else None
