"""Managed key of ``argocd-rbac-cm``: parse, render, plan its next text, and sweep it.

Argo CD calls every ``policy.NAME.csv`` an overlay. In this code, the overlay, the
managed key and the managed policy key are the same: ``policy.argogrant.csv``. Its text
is an interface that ``argogrant sweep`` of every version reads:

    # argogrant v1 <namespace>/<instance> <uid of the ArgoCDInstance>
    # Written by the argogrant operator from AccessGrants; edits by hand are undone.
    # until 2026-11-24T18:00:00Z
    g, alice@example.com, role:deployer

Sections are sorted by expiry, lines within a section by their text. A binding expires
with the last grant that requests it. Because every section names its expiry,
``argogrant sweep`` revokes access even if the operator and the AccessGrants are gone.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from argogrant.argocd.policy_csv import (
    OVERLAY_KEY,
    Content,
    parse_lines,
    read_key,
    render_binding,
)
from argogrant.grants.model.errors import MalformedLine, UnsafeText
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.untrusted_text import utf8_size
from argogrant.grants.model.window import format_instant, read_end

EXPLANATION: Final = (
    "# Written by the argogrant operator from AccessGrants; edits by hand are undone."
)
UNTIL: Final = "# until "
_HEADER: Final = re.compile(r"# argogrant v1 ([^\s/]+)/(\S+) (\S+)")
_OWNER_NAME: Final = re.compile(r"[-.a-zA-Z0-9]{1,253}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The ArgoCDInstance that an overlay belongs to."""

    namespace: str
    instance: str
    uid: str


def read_owner(namespace: str, instance: str, uid: str) -> Owner:
    """Build the owner that another program may have edited.

    Raises:
        MalformedLine: It cannot be an ArgoCDInstance.
    """
    if not all(map(_OWNER_NAME.fullmatch, (namespace, instance, uid))):
        raise MalformedLine("its owner is not an ArgoCDInstance")
    return Owner(namespace=namespace, instance=instance, uid=uid)


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

    text: str | None = None
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
        return self.text is None or utf8_size(self.text) <= capacity


def read_overlay(data: Mapping[str, str]) -> Overlay | None:
    """Parse the managed key; return None if the ConfigMap lacks it.

    Malformed lines are omitted from the result, and the next write removes them.
    """
    text = data.get(OVERLAY_KEY)
    if text is None:
        return None
    ends: dict[Binding, datetime | None] = {}
    has_foreign_lines = False
    for _, end, content in overlay_lines(text):
        if isinstance(content, Binding):
            ends[content] = end
        elif content is not None:
            has_foreign_lines = True
    return Overlay(
        owner=_owner_of(text.partition("\n")[0]),
        ends=ends,
        text=text,
        has_foreign_lines=has_foreign_lines,
    )


def _owner_of(header: str) -> Owner | None:
    found = _HEADER.fullmatch(header.rstrip("\r"))
    with suppress(MalformedLine):
        return read_owner(*found.groups()) if found is not None else None
    return None


def overlay_lines(text: str) -> Iterator[tuple[str, datetime | None, Content]]:
    """Parse the managed key line by line.

    Returns:
        Each line, the expiry of its section (None outside a section, or if the expiry
        cannot be parsed), and the parsed line. The line with the expiry is the first of
        its section.
    """
    end: datetime | None = None
    for line, content in parse_lines(text):
        if line.startswith(UNTIL):
            end = read_end(line.removeprefix(UNTIL).strip())
        yield line, end, content


def render_overlay(owner: Owner, bindings: Mapping[Binding, datetime]) -> str:
    """Render every binding with the latest expiry of the grants that request it.

    Raises:
        UnsafeText: The text does not parse to the same bindings.
    """
    text = _render(owner, bindings)
    _verify(text, bindings)
    return text


def overlay_bytes(owner: Owner, bindings: Mapping[Binding, datetime]) -> int:
    """Return the bytes of the key with these bindings."""
    return utf8_size(_render(owner, bindings))


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
    """Plan the next text of the managed key; once it is applied, ``text`` is None.

    The bindings of active grants are ``desired``, each with its expiry. The state of
    ``kept`` bindings is unknown: they are neither added nor removed. While Argo CD
    cannot parse an unmanaged line, ``may_add`` is False and the plan only removes.
    """
    present = current.bindings if current else frozenset()
    if not may_add:
        desired = {b: end for b, end in desired.items() if b in present}
    missing = frozenset(desired.keys() - present)
    extra = frozenset(present - desired.keys() - kept.keys())
    target = {**{b: end for b, end in kept.items() if b in present}, **desired}
    plan = OverlayPlan(to_add=missing, to_remove=extra)
    if current is None and not target:
        return plan
    text = _render(owner, target)
    if current is not None and current.text == text:
        return plan
    _verify(text, target)
    removes_foreign_lines = current is not None and current.has_foreign_lines
    return replace(plan, text=text, removes_foreign_lines=removes_foreign_lines)


def plan_removal(current: Overlay | None, kept: AbstractSet[Binding]) -> OverlayPlan:
    """Plan to remove every line of the managed key but those of the kept bindings.

    Lines are only left out: nothing that stays is composed or checked again, so no
    other binding can prevent a removal.
    """
    extra = current.bindings - kept if current is not None else frozenset()
    plan = OverlayPlan(to_add=frozenset(), to_remove=frozenset(extra))
    if current is None or not (extra or current.has_foreign_lines):
        return plan
    lines: list[str] = []
    section: list[str] = []
    """Beginning of a section; written with its first line."""
    for line, _, content in overlay_lines(current.text):
        if line.startswith(UNTIL):
            section = [line]
        elif content is None or (isinstance(content, Binding) and content in kept):
            lines += [*section, line] if content is not None else [line]
            section = [] if content is not None else section
    return replace(
        plan,
        text="\n".join(lines),
        removes_foreign_lines=current.has_foreign_lines,
    )


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

    A section that expires at ``now`` is expired: windows are half-open. Unreadable
    lines stay, and so do sections whose expiry cannot be read.
    """
    lines: list[str] = []
    removed = kept = unreadable = 0
    for line, end, content in overlay_lines(text):
        begins_section = line.startswith(UNTIL)
        has_passed = end is not None and end <= now
        is_binding = isinstance(content, Binding)
        removed += is_binding and has_passed
        kept += is_binding and not has_passed
        unreadable += isinstance(content, MalformedLine)
        unreadable += begins_section and end is None
        if not (has_passed and (is_binding or begins_section)):
            lines.append(line)
    return Swept(
        text="\n".join(lines), removed=removed, kept=kept, unreadable=unreadable
    )
