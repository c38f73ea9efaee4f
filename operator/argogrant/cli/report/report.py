"""``argogrant report``: who had what, when, why, and who agreed."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from argogrant.api.accessgrant_view import view_grant
from argogrant.api.argocdinstance import read_instance
from argogrant.cli.errors import CommandError, run_command
from argogrant.cli.options import Context, Namespace
from argogrant.cli.report.audit_file import AuditFile, read_audit_file
from argogrant.cli.report.entries import (
    InvalidPeriod,
    Period,
    ReportEntry,
    ReportFilter,
    access_report,
    entry_of,
    parse_past,
)
from argogrant.cli.report.table import ReportFormat, format_report
from argogrant.cli.session import Session, session, utc_now
from argogrant.cli.terminal.tables import columns
from argogrant.grants.model.errors import AccessGrantError
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import format_duration, format_instant
from argogrant.kube.errors import ClusterError
from argogrant.kube.informer import list_all
from argogrant.kube.resources import ACCESS_GRANTS, ARGOCD_INSTANCES, Collection

_STDIN: Final = "-"


@dataclass(frozen=True, slots=True)
class StoredEntries:
    """What the cluster has, and for how long it keeps it."""

    namespace: str
    entries: tuple[ReportEntry, ...] = ()
    retentions: tuple[str, ...] = ()


def report(  # noqa: PLR0913 - one for each option
    *,
    namespace: Namespace = "",
    since: Annotated[
        str, typer.Option(help="From when on: 30d, 2026-11-01 (UTC), or a time.")
    ] = "30d",
    until: Annotated[str, typer.Option(help="Until when.  [default: now]")] = "",
    subject: Annotated[str, typer.Option(help="Only this user or group.")] = "",
    role: Annotated[str, typer.Option(help="Only of this role.")] = "",
    instance: Annotated[str, typer.Option(help="Only of this Argo CD.")] = "",
    audit: Annotated[list[str], typer.Option(help="An audit file; - for stdin.")] = [],  # noqa: B006 - typer copies it
    and_without_access: Annotated[
        bool, typer.Option("--all", "-a", help="Also what never gave access.")
    ] = False,
    from_cluster: Annotated[
        bool, typer.Option("--cluster/--no-cluster", help="Read the grants there.")
    ] = True,
    context: Context = "",
    output: Annotated[
        ReportFormat, typer.Option("--output", "-o", help="For people, or programs.")
    ] = ReportFormat.TABLE,
) -> None:
    """Say who had which role when, why, and who agreed; also what is not known.

    From the grants that are kept, and from files of the audit stream for older ones.

    Example: argogrant report --since 90d --audit audit.jsonl -o csv
    """
    now = utc_now()
    period = _period(since, until, now)
    kept, told = run_command(
        "report", _read(namespace, context, audit, now=now, from_cluster=from_cluster)
    )
    asked = ReportFilter(
        period=period,
        namespace=kept.namespace,
        subject=subject,
        role=role,
        instance=instance,
        and_without_access=and_without_access,
    )
    found = access_report(told.entries, kept.entries, asked)
    for line in _unknown(kept, told, period, from_cluster=from_cluster):
        typer.echo(line, err=True)
    if not found and output is ReportFormat.TABLE:
        typer.echo("Nobody had anything then, as far as is known.", err=True)
        return
    typer.echo(format_report(found, output, width=columns()), nl=False)


def _period(since: str, until: str, now: datetime) -> Period:
    try:
        period = Period(
            parse_past(since, now), parse_past(until, now) if until else now
        )
    except InvalidPeriod as error:
        raise typer.BadParameter(str(error), param_hint="--since, --until") from error
    if period.since >= period.until:
        raise typer.BadParameter("--since is not before --until")
    return period


async def _read(
    namespace: str,
    context: str,
    audit: Sequence[str],
    *,
    now: datetime,
    from_cluster: bool,
) -> tuple[StoredEntries, AuditFile]:
    told = read_audit_file(line for name in audit for line in _lines(name))
    if not from_cluster:
        return StoredEntries(namespace), told
    async with session(context, namespace) as ours:
        collection = Collection(ACCESS_GRANTS, ours.namespace)
        entries = [
            entry_of(view_grant(body), now)
            async for body in list_all(ours.cluster, collection)
        ]
        return StoredEntries(
            ours.namespace, tuple(entries), await _retentions(ours)
        ), told


def _lines(name: str) -> Iterator[str]:
    """Give the lines of a file; bytes that are no text are replaced."""
    if name == _STDIN:
        yield from sys.stdin
        return
    try:
        with Path(name).open(encoding="utf-8", errors="replace") as file:
            yield from file
    except OSError as error:
        raise CommandError(
            f"{quote(name)} can not be read: {error.strerror}; name a file of the"
            " audit stream, or - for standard input."
        ) from error


async def _retentions(ours: Session) -> tuple[str, ...]:
    """Say how long each instance keeps records; nothing if it can not be read."""
    collection = Collection(ARGOCD_INSTANCES, ours.namespace)
    try:
        found = [read_instance(one) async for one in list_all(ours.cluster, collection)]
    except (ClusterError, AccessGrantError):
        return ()
    return tuple(f"{quote(one.name)} {format_duration(one.retention)}" for one in found)


def _unknown(
    kept: StoredEntries, told: AuditFile, period: Period, *, from_cluster: bool
) -> Iterator[str]:
    """Say what such a report can not know."""
    if from_cluster:
        terms = ", ".join(kept.retentions)
        how_long = f" (spec.retention: {terms})" if terms else ""
        yield (
            "Not known from the cluster: grants that were deleted, by hand or after"
            f" their end{how_long}; the audit stream tells of them (--audit)."
        )
    if told.first is not None and told.first > period.since:
        yield f"The audit files tell of nothing before {format_instant(told.first)}."
    if told.left_out:
        lines = "1 line" if told.left_out == 1 else f"{told.left_out} lines"
        yield f"Left out of the audit files, since they are no events: {lines}."
