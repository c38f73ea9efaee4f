"""Managed key of ``argocd-rbac-cm``: parse it, render it, plan its next text.

Argo CD calls every ``policy.NAME.csv`` an overlay. In this code, the overlay, the
managed key and the managed policy key are the same: ``policy.argogrant.csv``. Its text
is an interface that ``argogrant sweep`` of every version reads:

    # argogrant v1 <namespace>/<instance> <uid of the ArgoCDInstance>
    # Written by the argogrant operator from AccessGrants; edits by hand are undone.
    # until 2026-11-24T18:00:00Z
    g, alice@example.com, role:deployer

Sections are sorted by expiry, lines within a section by their text. A binding expires
with the last grant that requests it.
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
    """Parsed content of the managed key."""

    owner: Owner | None
    ends: Mapping[Binding, datetime | None]
    """Every binding with the expiry of its section; None if it cannot be parsed."""
    text: str
    has_foreign_lines: bool = False
    """The key has rules, or lines that Argo CD cannot parse. argogrant writes neither:
    a rule grants or denies access, and one malformed line makes Argo CD deny every
    request."""

    @property
    def bindings(self) -> AbstractSet[Binding]:
        """All bindings of the key."""
        return self.ends.keys()


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayPlan:
    """Difference between the managed key and the grants, and the text to write."""

    text: str | None
    """Text to write; None if the key is up to date."""
    to_add: frozenset[Binding]
    """Requested bindings that the key lacks."""
    to_remove: frozenset[Binding]
    """Bindings of the key that no grant requests."""
    removes_foreign_lines: bool = False
    """The write removes lines that another program added to the key."""

    @property
    def is_urgent(self) -> bool:
        """The write revokes access, or removes a line that breaks Argo CD's policy."""
        return bool(self.to_remove) or self.removes_foreign_lines

    def is_within(self, capacity: int) -> bool:
        """Return whether the text has at most this many bytes."""
        return self.text is None or len(self.text.encode()) <= capacity

    @property
    def size_without_additions(self) -> int:
        """Bytes of the text without the lines to add."""
        size = len((self.text or "").encode())
        return size - sum(len(render_binding(b).encode()) + 1 for b in self.to_add)


Content = Binding | Rule | MalformedLine | None
"""Parsed line; None for a line that Argo CD skips."""


def read_overlay(data: Mapping[str, str]) -> Overlay | None:
    """Parse the managed key; return None if the ConfigMap lacks it.

    Malformed lines are omitted from the result, and the next write removes them.
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
    """Parse the managed key line by line.

    Returns:
        Each line, the expiry of its section (None outside a section, or if the expiry
        cannot be parsed), and the parsed line. The line with the expiry is the first of
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
    """Render the managed key and verify that it parses to the same bindings.

    Args:
        owner: ArgoCDInstance to name in the first line.
        bindings: Every binding with the latest expiry of the grants that request it.

    Raises:
        UnsafeText: The text does not parse to the same bindings.
    """
    text = _render(owner, bindings)
    _verify(text, bindings)
    return text


def _render(owner: Owner, bindings: Mapping[Binding, datetime]) -> str:
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


def _verify(text: str, bindings: Mapping[Binding, datetime]) -> None:
    parsed = read_key(OVERLAY_KEY, text)
    if parsed.problems or parsed.rules or set(parsed.bindings) != bindings.keys():
        raise UnsafeText(f"{OVERLAY_KEY} would not parse to the requested bindings")


def plan_overlay(
    current: Overlay | None,
    *,
    owner: Owner,
    desired: Mapping[Binding, datetime],
    kept: Mapping[Binding, datetime],
    may_add: bool,
) -> OverlayPlan:
    """Plan the next text of the managed key.

    Args:
        current: Parsed content of the key; None if the ConfigMap lacks it.
        owner: ArgoCDInstance that writes.
        desired: Bindings of active grants, each with its expiry.
        kept: Bindings whose state is unknown: neither added nor removed.
        may_add: False while Argo CD cannot parse an unmanaged line; then the plan only
            removes.

    Returns:
        A plan whose ``text`` is None once it is applied.
    """
    present = current.bindings if current else frozenset()
    if not may_add:
        desired = {b: end for b, end in desired.items() if b in present}
    missing = frozenset(desired.keys() - present)
    extra = frozenset(present - desired.keys() - kept.keys())
    target = {**{b: end for b, end in kept.items() if b in present}, **desired}
    if current is None and not target:
        return OverlayPlan(text=None, to_add=missing, to_remove=extra)
    text = _render(owner, target)
    if current is not None and current.text == text:
        return OverlayPlan(text=None, to_add=missing, to_remove=extra)
    _verify(text, target)
    return OverlayPlan(
        text=text,
        to_add=missing,
        to_remove=extra,
        removes_foreign_lines=current is not None and current.has_foreign_lines,
    )
