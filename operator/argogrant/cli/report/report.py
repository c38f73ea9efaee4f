"""The command ``argogrant report``."""

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
    Period,
    ReportEntry,
    ReportFilter,
    access_report,
    entry_of,
)
from argogrant.cli.report.table import ReportFormat, format_report
from argogrant.cli.session import Session, session, utc_now
from argogrant.cli.terminal.tables import columns
from argogrant.cli.terminal.times import InvalidTime, parse_past_time
from argogrant.grants.model.errors import AccessGrantError
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import format_duration, format_instant
from argogrant.kube.errors import ClusterError
from argogrant.kube.informer import list_all
from argogrant.kube.resources import ACCESS_GRANTS, ARGOCD_INSTANCES, Collection

_STDIN: Final = "-"


@dataclass(frozen=True, slots=True)
class StoredEntries:
    """Entries of a cluster, and how long its instances retain grants."""

    namespace: str
    entries: tuple[ReportEntry, ...] = ()
    retentions: tuple[str, ...] = ()
    """Name and retention of each ArgoCDInstance."""


def report(  # noqa: PLR0913 - one for each option
    *,
    namespace: Namespace = "",
    since: Annotated[
        str, typer.Option(help="Start of the period: 30d, 2026-11-01 (UTC), or a time.")
    ] = "30d",
    until: Annotated[str, typer.Option(help="End of the period.  [default: now]")] = "",
    subject: Annotated[
        str, typer.Option(help="User or group that received access.")
    ] = "",
    role: Annotated[str, typer.Option(help="Role.")] = "",
    instance: Annotated[str, typer.Option(help="ArgoCDInstance.")] = "",
    audit: Annotated[
        list[str], typer.Option(help="Audit file; - for standard input.")
    ] = [],  # noqa: B006 - typer copies it
    include_without_access: Annotated[
        bool, typer.Option("--all", "-a", help="Include grants without access.")
    ] = False,
    from_cluster: Annotated[
        bool, typer.Option("--cluster/--no-cluster", help="Read the AccessGrants.")
    ] = True,
    context: Context = "",
    output: Annotated[
        ReportFormat, typer.Option("--output", "-o", help="Output format.")
    ] = ReportFormat.TABLE,
) -> None:
    """Report who had which role, when, why, and who approved it.

    Reads the AccessGrants, and audit files for grants that were deleted. The gaps of
    the report are printed on standard error.

    Example: argogrant report --since 90d --audit audit.jsonl -o csv
    """
    now = utc_now()
    period = _period(since, until, now)
    stored, audit_file = run_command(
        "report", _read(namespace, context, audit, now=now, from_cluster=from_cluster)
    )
    report_filter = ReportFilter(
        period=period,
        namespace=stored.namespace,
        subject=subject,
        role=role,
        instance=instance,
        include_without_access=include_without_access,
    )
    entries = access_report(audit_file.entries, stored.entries, report_filter)
    for line in _gaps(stored, audit_file, period, from_cluster=from_cluster):
        typer.echo(line, err=True)
    if not entries and output is ReportFormat.TABLE:
        typer.echo("No known access in this period.", err=True)
        return
    typer.echo(format_report(entries, output, width=columns()), nl=False)


def _period(since: str, until: str, now: datetime) -> Period:
    try:
        period = Period(
            parse_past_time(since, now), parse_past_time(until, now) if until else now
        )
    except InvalidTime as error:
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
    audit_file = read_audit_file(line for name in audit for line in _lines(name))
    if not from_cluster:
        return StoredEntries(namespace), audit_file
    async with session(context, namespace) as home:
        collection = Collection(ACCESS_GRANTS, home.namespace)
        entries = [
            entry_of(view_grant(body), now)
            async for body in list_all(home.cluster, collection)
        ]
        stored = StoredEntries(home.namespace, tuple(entries), await _retentions(home))
        return stored, audit_file


def _lines(name: str) -> Iterator[str]:
    """Yield the lines of a file; bytes that are not UTF-8 are replaced."""
    if name == _STDIN:
        yield from sys.stdin
        return
    try:
        with Path(name).open(encoding="utf-8", errors="replace") as file:
            yield from file
    except OSError as error:
        raise CommandError(
            f"{quote(name)} cannot be read: {error.strerror}; name a file of the"
            " audit stream, or - for standard input."
        ) from error


async def _retentions(home: Session) -> tuple[str, ...]:
    """Return the retention of each instance; nothing if they cannot be read."""
    collection = Collection(ARGOCD_INSTANCES, home.namespace)
    try:
        instances = [
            read_instance(one) async for one in list_all(home.cluster, collection)
        ]
    except (ClusterError, AccessGrantError):
        return ()
    return tuple(
        f"{quote(one.name)} {format_duration(one.retention)}" for one in instances
    )


def _gaps(
    stored: StoredEntries, audit_file: AuditFile, period: Period, *, from_cluster: bool
) -> Iterator[str]:
    """Yield a sentence about each part of the period that the sources do not cover."""
    if from_cluster:
        retentions = ", ".join(stored.retentions)
        retention = f" (spec.retention: {retentions})" if retentions else ""
        yield (
            "Grants that were deleted, manually or by"
            f" retention{retention}, are only in the audit stream (--audit)."
        )
    if audit_file.first_event is not None and audit_file.first_event > period.since:
        first = format_instant(audit_file.first_event)
        yield f"The audit files have no event before {first}."
    if audit_file.skipped_lines:
        yield (
            "Lines of the audit files that are no event and were skipped:"
            f" {audit_file.skipped_lines}."
        )
