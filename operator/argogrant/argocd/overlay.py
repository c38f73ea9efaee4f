"""Our own key of ``argocd-rbac-cm``: what it holds, and what it should hold.

The text is a contract with ``argogrant sweep``, also across versions:

    # argogrant v1 <namespace>/<instance> <uid of the ArgoCDInstance>
    # Written by the argogrant operator from AccessGrants; edits by hand are undone.
    # until 2026-11-24T18:00:00Z
    g, alice@example.com, role:deployer

Sections are ordered by their end, lines within a section by their text. A binding's end
is the latest among the grants that want it.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from argogrant.argocd.policy_csv import OVERLAY_KEY, read_key
from argogrant.argocd.policy_line import Rule, parse_line, render_binding
from argogrant.grants.model.errors import MalformedLine, UnsafeText
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.window import format_instant, read_end

EXPLANATION: Final = (
    "# Written by the argogrant operator from AccessGrants; edits by hand are undone."
)
UNTIL: Final = "# until "
_HEADER: Final = re.compile(r"# argogrant v1 (\S+)/(\S+) (\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The ArgoCDInstance that an overlay belongs to."""

    namespace: str
    instance: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """What the overlay holds now."""

    owner: Owner | None
    ends: Mapping[Binding, datetime | None]
    """Every binding with the end that its section tells; None if none does."""
    text: str
    has_foreign_lines: bool = False
    """Rules, which give or deny access, or lines for which Argo CD refuses everybody;
    nobody of ours writes either."""

    @property
    def bindings(self) -> AbstractSet[Binding]:
        """The bindings that are there."""
        return self.ends.keys()


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayPlan:
    """What has to change, and the text that changes it."""

    text: str | None
    """The text to write, or None if nothing has to be written."""
    to_add: frozenset[Binding]
    """Wanted and not there."""
    to_remove: frozenset[Binding]
    """There and not wanted by any grant."""
    removes_foreign_lines: bool = False
    """Lines that somebody else put there vanish."""

    @property
    def is_urgent(self) -> bool:
        """Whether writing takes access away, or lets Argo CD read its rules again."""
        return bool(self.to_remove) or self.removes_foreign_lines

    def is_within(self, room: int) -> bool:
        """Tell whether the text has at most so many bytes."""
        return self.text is None or len(self.text.encode()) <= room

    @property
    def size_without_additions(self) -> int:
        """The bytes of the text, less the lines that would be added."""
        size = len((self.text or "").encode())
        return size - sum(len(render_binding(b).encode()) + 1 for b in self.to_add)


Content = Binding | Rule | MalformedLine | None
"""What Argo CD makes of a line; None for what it skips."""


def read_overlay(data: Mapping[str, str]) -> Overlay | None:
    """Read our key, or answer None if it is not there.

    Lines that can not be read are left out: writing the overlay mends them.
    """
    text = data.get(OVERLAY_KEY)
    if text is None:
        return None
    header = _HEADER.fullmatch(text.partition("\n")[0].rstrip("\r"))
    owner = header and Owner(
        namespace=header.group(1), instance=header.group(2), uid=header.group(3)
    )
    ends: dict[Binding, datetime | None] = {}
    has_foreign_lines = False
    for _, end, content in overlay_lines(text):
        if isinstance(content, Binding):
            ends[content] = end
        elif content is not None:
            has_foreign_lines = True
    return Overlay(
        owner=owner or None, ends=ends, text=text, has_foreign_lines=has_foreign_lines
    )


def overlay_lines(text: str) -> Iterator[tuple[str, datetime | None, Content]]:
    """Read our key line by line.

    Returns:
        Each line, the end of its section (None if it is in none, or that end can not be
        read), and what Argo CD makes of it. The line that tells an end is the first of
        its section.
    """
    end: datetime | None = None
    for line in text.split("\n"):
        if line.startswith(UNTIL):
            end = read_end(line.removeprefix(UNTIL).strip())
            yield line, end, None
            continue
        try:
            yield line, end, parse_line(line)
        except MalformedLine as error:
            yield line, end, error


def render_overlay(owner: Owner, bindings: Mapping[Binding, datetime]) -> str:
    """Write the overlay, and prove that Argo CD reads from it what was meant.

    Args:
        owner: Goes into the first line.
        bindings: Every binding with the latest end among the grants that want it.

    Raises:
        UnsafeText: What was rendered does not read back as the same bindings.
    """
    text = _rendered(owner, bindings)
    _prove(text, bindings)
    return text


def _rendered(owner: Owner, bindings: Mapping[Binding, datetime]) -> str:
    sections: defaultdict[datetime, list[str]] = defaultdict(list)
    for binding, end in bindings.items():
        sections[end].append(render_binding(binding))
    lines = [
        f"# argogrant v1 {owner.namespace}/{owner.instance} {owner.uid}",
        EXPLANATION,
    ]
    for end in sorted(sections):
        lines.append(f"{UNTIL}{format_instant(end)}")
        lines += sorted(sections[end])
    return "\n".join(lines) + "\n"


def _prove(text: str, bindings: Mapping[Binding, datetime]) -> None:
    back = read_key(OVERLAY_KEY, text)
    if back.problems or back.rules or set(back.bindings) != bindings.keys():
        raise UnsafeText("the overlay would not read back as what was meant")


def plan_overlay(
    current: Overlay | None,
    *,
    owner: Owner,
    wanted: Mapping[Binding, datetime],
    kept: Mapping[Binding, datetime],
    may_add: bool,
) -> OverlayPlan:
    """Compute what to write so that Argo CD has what is in force.

    Args:
        current: What our key holds; None if it is not there.
        owner: The instance that writes.
        wanted: The bindings in force, each with its end.
        kept: Bindings in doubt: left where they are, never added.
        may_add: False while somebody else's line is broken: then only removals are
            written.

    Returns:
        A plan that is empty (``text`` is None) once it was applied.
    """
    present = current.bindings if current else frozenset()
    if not may_add:
        wanted = {b: end for b, end in wanted.items() if b in present}
    missing = frozenset(wanted.keys() - present)
    extra = frozenset(present - wanted.keys() - kept.keys())
    target = {**{b: end for b, end in kept.items() if b in present}, **wanted}
    if current is None and not target:
        return OverlayPlan(text=None, to_add=missing, to_remove=extra)
    text = _rendered(owner, target)
    if current is not None and current.text == text:
        return OverlayPlan(text=None, to_add=missing, to_remove=extra)
    _prove(text, target)
    return OverlayPlan(
        text=text,
        to_add=missing,
        to_remove=extra,
        removes_foreign_lines=current is not None and current.has_foreign_lines,
    )
