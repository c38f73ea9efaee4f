"""What would be written, as a unified diff or as JSON. Pure."""

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click
import yaml

from argogrant.argocd.appproject.annotation import MEMBERS_ANNOTATION
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME, OVERLAY_KEY
from argogrant.cli.terminal.tables import sanitize
from argogrant.controller.preview import Preview, ProjectChange
from argogrant.grants.model.grant import Binding

COLOURS: Final = {"+": "green", "-": "red", "@": "cyan"}
"""By the sign with which a line of a diff begins."""
NO_NEWLINE: Final = "\\ No newline at end of file"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectDiff:
    """One text that would be another one."""

    object: str
    """As kubectl names it."""
    part: str
    """What of the object."""
    before: str
    after: str


def changes_of(found: Preview) -> tuple[ObjectDiff, ...]:
    """Give every text that would change: our key, then the AppProjects."""
    return (*_of_overlay(found), *map(_of_project, found.projects))


def as_diff(changes: Sequence[ObjectDiff], *, coloured: bool) -> str:
    """Write unified diffs, one after the other.

    Args:
        changes: What would change.
        coloured: Colours as well; the signs say the same.
    """
    lines = (line for change in changes for line in _diff(change))
    return "\n".join(_painted(line) if coloured else line for line in lines)


def as_json(changes: Sequence[ObjectDiff], notes: Sequence[str], found: Preview) -> str:
    """Write the texts themselves, for programs."""
    plan = found.plan
    added = plan.overlay.to_add if plan.overlay is not None else frozenset()
    joining = frozenset[Binding]().union(*(one.to_add for one in plan.projects))
    body: dict[str, Any] = {
        "changes": [
            {
                "object": one.object,
                "part": one.part,
                "before": one.before,
                "after": one.after,
            }
            for one in changes
        ],
        "added": _items(added | joining),
        "removed": _items(plan.removed),
        "notes": list(notes),
    }
    return json.dumps(body, indent=2)


def _of_overlay(found: Preview) -> Iterator[ObjectDiff]:
    overlay = found.seen.config_map.overlay if found.seen.config_map else None
    before = overlay.text if overlay is not None else ""
    after = before
    if found.record.being_deleted:
        after = ""
    elif found.plan.overlay is not None and found.plan.overlay.text is not None:
        after = found.plan.overlay.text
    if after != before:
        yield ObjectDiff(
            object=f"configmap/{CONFIG_MAP_NAME}",
            part=OVERLAY_KEY,
            before=before,
            after=after,
        )


def _of_project(change: ProjectChange) -> ObjectDiff:
    """Compare what the patch touches of an AppProject, as YAML."""
    body, patch = change.body, change.patch
    after: dict[str, Any] = {
        key: patch[key] for key in ("spec", "status") if key in patch
    }
    before: dict[str, Any] = {
        key: {part: (body.get(key) or {}).get(part) for part in parts}
        for key, parts in after.items()
    }
    members = patch["metadata"]["annotations"][MEMBERS_ANNOTATION]
    annotations = body["metadata"].get("annotations") or {}
    return ObjectDiff(
        object=f"appproject/{body['metadata']['name']}",
        part="the members of its roles",
        before=_yaml(annotations.get(MEMBERS_ANNOTATION), before),
        after=_yaml(members, after),
    )


def _yaml(members: str | None, rest: dict[str, Any]) -> str:
    annotation = {} if members is None else {MEMBERS_ANNOTATION: json.loads(members)}
    written = {**({"annotations": annotation} if annotation else {}), **rest}
    return yaml.safe_dump(written, sort_keys=False) if written else ""


def _diff(change: ObjectDiff) -> Iterator[str]:
    title = f"{change.object} ({change.part})"
    lines = difflib.unified_diff(
        _lines(change.before),
        _lines(change.after),
        fromfile=f"{title} now",
        tofile=f"{title} planned",
        lineterm="",
    )
    for line in lines:
        yield sanitize(line)


def _lines(text: str) -> list[str]:
    """Split at newlines and nothing else, as Argo CD does."""
    if not text:
        return []
    *lines, last = text.split("\n")
    return [*lines, last, NO_NEWLINE] if last else lines


def _painted(line: str) -> str:
    colour = COLOURS.get(line[:1])
    return click.style(line, fg=colour) if colour else line


def _items(bindings: frozenset[Binding]) -> list[dict[str, str]]:
    return [{"subject": one.subject, "role": one.role} for one in sorted(bindings)]
