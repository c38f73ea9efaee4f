"""Removal of expired bindings that needs nothing but the ConfigMap.

``argogrant sweep`` revokes access even if the operator and the AccessGrants are gone,
because every section of the managed key names its expiry (``overlay.py``).
"""

from dataclasses import dataclass
from datetime import datetime

from argogrant.argocd.overlay import UNTIL, overlay_lines
from argogrant.grants.model.errors import MalformedLine
from argogrant.grants.model.grant import Binding


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """Text of the managed key after a sweep, with the number of swept lines."""

    text: str
    removed: int
    """Expired bindings."""
    kept: int
    """Bindings that have not expired, or whose expiry is missing."""
    unreadable: int
    """Unreadable lines, which stay unchanged."""


def sweep_overlay(text: str, now: datetime) -> Swept:
    """Remove the bindings of every expired section.

    Args:
        text: Value of the managed key.
        now: A section that expires at this instant is expired: windows are half-open.

    Returns:
        The text without these bindings. Unreadable lines stay, and so do sections whose
        expiry cannot be read.
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
