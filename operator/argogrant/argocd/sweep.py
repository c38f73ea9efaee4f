"""The second path: take away what is past its end, knowing nothing but the text.

Whoever has only the ConfigMap can tell which bindings are overdue, because every
section of the overlay tells its end (``overlay.py``).
"""

from dataclasses import dataclass
from datetime import datetime

from argogrant.argocd.overlay import UNTIL, overlay_lines
from argogrant.grants.model.errors import MalformedLine
from argogrant.grants.model.grant import Binding


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
    for line, end, content in overlay_lines(text):
        begins_section = line.startswith(UNTIL)
        has_passed = end is not None and end <= now
        is_binding = isinstance(content, Binding)
        if is_binding and has_passed:
            removed += 1
            continue
        kept += is_binding
        unreadable += isinstance(content, MalformedLine)
        unreadable += begins_section and end is None
        if not (has_passed and begins_section):
            lines.append(line)
    return Swept(
        text="\n".join(lines), removed=removed, kept=kept, unreadable=unreadable
    )
