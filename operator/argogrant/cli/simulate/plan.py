"""``argogrant plan``: the changes that the operator would write to Argo CD."""

import difflib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click
import yaml

from argogrant.argocd.appproject.project import MEMBERS_ANNOTATION
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME, OVERLAY_KEY
from argogrant.cli import session as connecting
from argogrant.cli.errors import EXIT_ERROR, CommandError, run_command
from argogrant.cli.formats import PlanFormat
from argogrant.cli.parsed_objects import argocd_of, instance_of
from argogrant.cli.session import Session, session
from argogrant.cli.terminal.tables import has_colours, sanitize
from argogrant.controller.preview import Preview, ProjectChange, preview
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.kube.client import Body
from argogrant.kube.errors import Conflict
from argogrant.kube.resources import ACCESS_GRANTS

DIFFERENT: Final = 1
"""Exit status if the operator would write something, as in ``kubectl diff``."""
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


def plan(  # noqa: PLR0913 - one for each option
    *,
    file: str,
    namespace: str,
    instance: str,
    context: str,
    argocd_context: str,
    accept_unverified_requesters: bool,
    output: PlanFormat,
) -> None:
    """Print the changes that the operator would write."""
    previewed = run_command(
        "plan",
        _preview(
            (namespace, instance),
            contexts=(context, argocd_context),
            file=file,
            accepts_unverified=accept_unverified_requesters,
        ),
        error_status=EXIT_ERROR,
    )
    changes = [*_of_overlay(previewed), *map(_of_project, previewed.projects)]
    notes = list(_notes(previewed))
    if output is PlanFormat.JSON:
        click.echo(_as_json(changes, notes, previewed))
    else:
        if changes:
            click.echo(as_diff(changes, coloured=has_colours()))
        for note in notes:
            click.echo(f"argogrant plan: {sanitize(note)}", err=True)
    if changes:
        raise click.exceptions.Exit(DIFFERENT)


async def _preview(
    instance_ref: tuple[str, str],
    *,
    contexts: tuple[str, str],
    file: str,
    accepts_unverified: bool,
) -> Preview:
    """Plan a reconciliation.

    Raises:
        CommandError: The operator can write nothing, or part of its input is unknown.
    """
    (namespace, name), (context, argocd_context) = instance_ref, contexts
    bodies = _read_grants(file) if file else ()
    async with session(context, namespace, dry_run=True) as home:
        instance = await instance_of(home, name)
        grants = [await _dry_run_create(home, body) for body in bodies]
        async with argocd_of(home, instance, argocd_context) as cluster:
            previewed = await preview(
                home.cluster,
                cluster,
                namespace=home.namespace,
                name=name,
                argocd_namespace=instance.argocd_namespace,
                clock=connecting.utc_now,
                hypothetical=grants,
                accepts_unverified=accepts_unverified,
            )
    verification, planned = previewed.verification, previewed.plan
    if verification.reason is Reason.UNKNOWN and previewed.has_access_policies:
        raise CommandError(
            f"cannot determine whether requesters are verified: {verification.problem}"
        )
    if planned.overlay is None and planned.blocked and not planned.projects:
        raise CommandError(planned.blocked.message)
    return previewed


def _read_grants(source: str) -> tuple[Body, ...]:
    """Read the AccessGrants of a manifest file; ``-`` is standard input.

    Raises:
        CommandError: The file cannot be read, or contains another kind.
    """
    try:
        text = (
            sys.stdin.read()
            if source == "-"
            else Path(source).read_text(encoding="utf-8")
        )
        documents = list(yaml.safe_load_all(text))
    except (OSError, ValueError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        raise CommandError(f"cannot read {quote(source)}: {problem}") from error
    return tuple(one for document in documents for one in _grants(document, source))


def _grants(document: object, source: str) -> Iterator[Body]:
    match document:
        case None:
            return
        case {"kind": "List", "items": list(items)}:
            for item in items:
                yield from _grants(item, source)
        case {"kind": "AccessGrant", "metadata": {"name": str()}, "spec": dict()}:
            assert isinstance(document, dict)
            yield document
        case {"kind": str(kind)} if kind != "AccessGrant":
            # A file may contain any text.
            shown = kind if kind.isidentifier() else quote(kind)
            raise CommandError(
                f"{quote(source)} contains a {shown}. Remove it; plan accepts"
                " AccessGrants only."
            )
        case _:
            raise CommandError(
                f"{quote(source)} contains a document that is not an AccessGrant with"
                " metadata.name and spec."
            )


async def _dry_run_create(api: Session, body: Body) -> Body:
    """Return a grant as the API server would store it, by a session with ``dry_run``.

    Raises:
        CommandError: The manifest names another namespace.
        ClusterError: The API server would reject the manifest.
    """
    metadata = body["metadata"]
    namespace = metadata.get("namespace", api.namespace)
    if namespace != api.namespace:
        raise CommandError(
            f"AccessGrant {quote(metadata['name'])} is in namespace"
            f" {quote(str(namespace))}. Select this namespace (-n)."
        )
    path = ACCESS_GRANTS.path(namespace)
    with_namespace = {**body, "metadata": {**metadata, "namespace": namespace}}
    try:
        return await api.cluster.create(path, with_namespace)
    except Conflict:
        patch = {"spec": body["spec"]}
        return await api.cluster.merge_patch(f"{path}/{metadata['name']}", patch)


def _notes(previewed: Preview) -> Iterator[str]:
    """Return which grants would have no binding, and why."""
    planned = previewed.plan
    problem = planned.blocked or planned.capacity_finding
    if problem is not None:
        yield problem.message
    if previewed.is_own_namespace_assumed:
        yield (
            "No operator has reported the namespace that it runs in; that of the"
            " ArgoCDInstance is assumed."
        )
    yield from sorted({one.message for one in planned.obstacles.values()})
    for decision in previewed.dry_run:
        if decision.finding is not None:
            yield with_full_stop(
                f"{decision.grant.name} would not be bound, {decision.finding.reason}:"
                f" {decision.finding.message}{decision.hint}"
            )


def _of_overlay(previewed: Preview) -> Iterator[ObjectDiff]:
    """Return the managed policy key, if it would change."""
    config_map, planned = previewed.seen.config_map, previewed.plan.overlay
    overlay = config_map.overlay if config_map else None
    before = after = overlay.text if overlay is not None else ""
    if previewed.record.being_deleted or previewed.plan.removes_key:
        after = ""
    elif planned is not None and planned.text is not None:
        after = planned.text
    if after != before:
        name = f"configmap/{CONFIG_MAP_NAME}"
        yield ObjectDiff(object=name, part=OVERLAY_KEY, before=before, after=after)


def _of_project(change: ProjectChange) -> ObjectDiff:
    """Return the patched fields of an AppProject as YAML."""
    body, patch = change.body, change.patch
    after: Body = {key: patch[key] for key in ("spec", "status") if key in patch}
    before: Body = {
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


def _yaml(members: str | None, fields: Body) -> str:
    annotation = {} if members is None else {MEMBERS_ANNOTATION: json.loads(members)}
    document = {**({"annotations": annotation} if annotation else {}), **fields}
    return yaml.safe_dump(document, sort_keys=False) if document else ""


def as_diff(changes: Sequence[ObjectDiff], *, coloured: bool) -> str:
    """Format unified diffs; colours mean the same as the first characters."""
    lines = (line for change in changes for line in _diff(change))
    return "\n".join(_coloured(line) if coloured else line for line in lines)


def _diff(change: ObjectDiff) -> Iterator[str]:
    title = f"{change.object} ({change.part})"
    lines = difflib.unified_diff(
        _lines(change.before),
        _lines(change.after),
        fromfile=f"{title} now",
        tofile=f"{title} planned",
        lineterm="",
    )
    return map(sanitize, lines)


def _lines(text: str) -> list[str]:
    """Split a text at newlines only, as Argo CD does."""
    if not text:
        return []
    *lines, last = text.split("\n")
    return [*lines, last, NO_NEWLINE] if last else lines


def _coloured(line: str) -> str:
    colour = COLOURS.get(line[:1])
    return click.style(line, fg=colour) if colour else line


def _as_json(
    changes: Sequence[ObjectDiff], notes: Sequence[str], previewed: Preview
) -> str:
    """Format the texts, bindings and notes as JSON."""
    planned = previewed.plan
    added = planned.overlay.to_add if planned.overlay is not None else frozenset()
    added = added.union(*(one.to_add for one in planned.projects))
    body: dict[str, Any] = {
        "changes": list(map(asdict, changes)),
        "added": [one._asdict() for one in sorted(added)],
        "removed": [one._asdict() for one in sorted(planned.removed)],
        "notes": notes,
    }
    return json.dumps(body, indent=2)
