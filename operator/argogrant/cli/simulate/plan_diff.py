"""Output of ``argogrant plan``: unified diff and JSON. Pure."""

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click
import yaml

from argogrant.argocd.appproject.project import MEMBERS_ANNOTATION
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME, OVERLAY_KEY
from argogrant.cli.terminal.tables import sanitize
from argogrant.controller.preview import Preview, ProjectChange
from argogrant.grants.model.grant import Binding

COLOURS: Final = {"+": "green", "-": "red", "@": "cyan"}
"""Colours by the first character of a line of a diff."""
NO_NEWLINE: Final = "\\ No newline at end of file"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectDiff:
    """Text of one object before and after a change."""

    object: str
    """Name of the object, as kubectl prints it."""
    part: str
    """Part of the object that the text is from."""
    before: str
    after: str


def changes_of(previewed: Preview) -> tuple[ObjectDiff, ...]:
    """Return all changed texts: the managed policy key, then the AppProjects."""
    return (*_of_overlay(previewed), *map(_of_project, previewed.projects))


def as_diff(changes: Sequence[ObjectDiff], *, coloured: bool) -> str:
    """Format unified diffs, one after the other.

    Args:
        changes: The changes.
        coloured: Whether to add colours; the first characters mean the same.
    """
    lines = (line for change in changes for line in _diff(change))
    return "\n".join(_coloured(line) if coloured else line for line in lines)


def as_json(
    changes: Sequence[ObjectDiff], notes: Sequence[str], previewed: Preview
) -> str:
    """Format the texts, bindings and notes as JSON."""
    plan = previewed.plan
    added = plan.overlay.to_add if plan.overlay is not None else frozenset()
    added_members = frozenset[Binding]().union(*(one.to_add for one in plan.projects))
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
        "added": _items(added | added_members),
        "removed": _items(plan.removed),
        "notes": list(notes),
    }
    return json.dumps(body, indent=2)


def _of_overlay(previewed: Preview) -> Iterator[ObjectDiff]:
    config_map = previewed.seen.config_map
    overlay = config_map.overlay if config_map else None
    before = overlay.text if overlay is not None else ""
    after = before
    if previewed.record.being_deleted:
        after = ""
    elif previewed.plan.overlay is not None and previewed.plan.overlay.text is not None:
        after = previewed.plan.overlay.text
    if after != before:
        yield ObjectDiff(
            object=f"configmap/{CONFIG_MAP_NAME}",
            part=OVERLAY_KEY,
            before=before,
            after=after,
        )


def _of_project(change: ProjectChange) -> ObjectDiff:
    """Return the patched fields of an AppProject as YAML."""
    body, patch = change.body, change.patch
    after: dict[str, Any] = {
        key: patch[key] for key in ("spec", "status") if key in patch
    }
    before: dict[str, Any] = {
        key: {field: (body.get(key) or {}).get(field) for field in fields}
        for key, fields in after.items()
    }
    members = patch["metadata"]["annotations"][MEMBERS_ANNOTATION]
    annotations = body["metadata"].get("annotations") or {}
    return ObjectDiff(
        object=f"appproject/{body['metadata']['name']}",
        part="the members of its roles",
        before=_yaml(annotations.get(MEMBERS_ANNOTATION), before),
        after=_yaml(members, after),
    )


def _yaml(members: str | None, fields: dict[str, Any]) -> str:
    annotation = {} if members is None else {MEMBERS_ANNOTATION: json.loads(members)}
    document = {**({"annotations": annotation} if annotation else {}), **fields}
    return yaml.safe_dump(document, sort_keys=False) if document else ""


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
    """Split a text at newlines only, as Argo CD does."""
    if not text:
        return []
    *lines, last = text.split("\n")
    return [*lines, last, NO_NEWLINE] if last else lines


def _coloured(line: str) -> str:
    colour = COLOURS.get(line[:1])
    return click.style(line, fg=colour) if colour else line


def _items(bindings: frozenset[Binding]) -> list[dict[str, str]]:
    return [{"subject": one.subject, "role": one.role} for one in sorted(bindings)]
