"""The command ``argogrant report``: who had which role, when and why.

Prints a table, CSV for spreadsheets, or JSON for programs.
"""

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from pydantic.alias_generators import to_camel

from argogrant.api.accessgrant_view import view_grant
from argogrant.api.argocdinstance import read_instance
from argogrant.cli.errors import CommandError, run_command
from argogrant.cli.formats import ReportFormat
from argogrant.cli.report.entries import (
    AuditFile,
    Period,
    ReportEntry,
    ReportFilter,
    access_report,
    entry_of,
    read_audit_file,
)
from argogrant.cli.session import Session, session, utc_now
from argogrant.cli.terminal.tables import NONE, columns, sanitize, table
from argogrant.cli.terminal.times import InvalidTime, parse_past_time
from argogrant.grants.model.errors import AccessGrantError
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import format_duration, format_instant
from argogrant.kube.errors import ClusterError
from argogrant.kube.informer import list_all
from argogrant.kube.resources import ACCESS_GRANTS, ARGOCD_INSTANCES, Collection

_TIMES: Final = ("FROM (UTC)", "UNTIL (UTC)")
HEADER: Final = ("SUBJECT", "ROLE", *_TIMES, "APPROVER", "JUSTIFICATION")
LEAST_WIDTH: Final = 68
"""Width that subject, role and times need; lines wrap on a narrower terminal."""
COLUMNS: Final = {
    "subject": "User or group that received access, as Argo CD sees the name.",
    "subjectKind": "`User` or `Group`; Argo CD compares only the name.",
    "role": "Role, such as `role:deployer` or `proj:team-a:deployer`.",
    "instance": "ArgoCDInstance.",
    "startedAt": "Start of the access.",
    "endedAt": "Confirmed end of the access; empty until the operator confirms it.",
    "expiresAt": "Time at which the grant expires or expired.",
    "lastBoundAt": (
        "Time until which Argo CD's policy contained the binding: earlier than the end"
        " if an approval or a policy was withdrawn. Empty while it contains it."
    ),
    "state": (
        "State, as `argogrant list` prints it; `Unknown` if the audit files do not"
        " contain the end."
    ),
    "endReason": "Reason of the end: `Expired`, `Revoked`, `Denied`, ….",
    "gaveAccess": "`true` if Argo CD's policy has contained the binding.",
    "justification": "Justification of the request.",
    "requester": "Kubernetes user that created the grant.",
    "requestedAt": (
        "Creation of the grant; from an audit file: when the operator first saw it."
    ),
    "approval": (
        "Why the grant was approved, as a reason of `Approved`, such as `AutoApproved`"
        " or `BreakGlass`; it stays if the grant is denied later."
    ),
    "approvers": (
        "Approvers, also if they or others decided differently later; in CSV separated"
        " by a comma and a blank."
    ),
    "refusers": "Approvers that denied the grant.",
    "policy": "AccessPolicy that allowed the grant; empty if none was required.",
    "breakGlass": "`true` if the grant used break-glass access.",
    "extends": "Grant that this one extended.",
    "namespace": "Namespace of the grant.",
    "name": "Name of the grant.",
    "uid": "`metadata.uid` of the grant.",
    "source": "`cluster` for an AccessGrant, `audit` for an audit file.",
}
"""Columns of CSV and fields of JSON, with their descriptions."""
FORMULA: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""First characters of a formula in spreadsheets, also in full width.

Source: OWASP, "CSV Injection".
"""
GUARD: Final = "'"


def report(  # noqa: PLR0913 - one for each option
    *,
    namespace: str,
    since: str,
    until: str,
    subject: str,
    role: str,
    instance: str,
    audit: Sequence[str],
    include_without_access: bool,
    from_cluster: bool,
    context: str,
    output: ReportFormat,
) -> None:
    """Print past access."""
    now = utc_now()
    report_filter = ReportFilter(
        period=_period(since, until, now),
        namespace=namespace,
        subject=subject,
        role=role,
        instance=instance,
        include_without_access=include_without_access,
    )
    entries, gaps = run_command(
        "report",
        _read(report_filter, context, audit, now=now, from_cluster=from_cluster),
    )
    for line in gaps:
        click.echo(line, err=True)
    if not entries and output is ReportFormat.TABLE:
        click.echo("No known access in this period.", err=True)
        return
    click.echo(format_report(entries, output, width=columns()), nl=False)


def _period(since: str, until: str, now: datetime) -> Period:
    try:
        period = Period(
            parse_past_time(since, now), parse_past_time(until, now) if until else now
        )
    except InvalidTime as error:
        raise click.BadParameter(str(error), param_hint="--since, --until") from error
    if period.since >= period.until:
        raise click.BadParameter("--since is not before --until")
    return period


async def _read(
    report_filter: ReportFilter,
    context: str,
    audit: Sequence[str],
    *,
    now: datetime,
    from_cluster: bool,
) -> tuple[list[ReportEntry], list[str]]:
    """Return the entries, and a sentence about each gap in their sources."""
    audit_file = read_audit_file(line for name in audit for line in _lines(name))
    gaps = list(_gaps(audit_file, report_filter.period))
    if not from_cluster:
        return access_report(audit_file.entries, (), report_filter), gaps
    async with session(context, report_filter.namespace) as home:
        stored = [
            entry_of(view_grant(body), now)
            async for body in list_all(
                home.cluster, Collection(ACCESS_GRANTS, home.namespace)
            )
        ]
        gap = (
            f"Grants that were deleted, manually or by retention"
            f"{await _retentions(home)}, are only in the audit stream (--audit)."
        )
    report_filter = replace(report_filter, namespace=home.namespace)
    return access_report(audit_file.entries, stored, report_filter), [gap, *gaps]


def _lines(name: str) -> Iterator[str]:
    """Yield the lines of a file; bytes that are not UTF-8 are replaced.

    Only a line feed ends a line. Text files would also end one at a carriage return.
    """
    if name == "-":
        yield from (line.decode("utf-8", "replace") for line in sys.stdin.buffer)
        return
    try:
        with Path(name).open("rb") as file:
            yield from (line.decode("utf-8", "replace") for line in file)
    except OSError as error:
        raise CommandError(
            f"{quote(name)} cannot be read: {error.strerror}; name a file of the"
            " audit stream, or - for standard input."
        ) from error


async def _retentions(home: Session) -> str:
    """Return the retention of each instance; nothing if they cannot be read."""
    collection = Collection(ARGOCD_INSTANCES, home.namespace)
    try:
        instances = [
            read_instance(one) async for one in list_all(home.cluster, collection)
        ]
    except (ClusterError, AccessGrantError):
        return ""
    retentions = ", ".join(
        f"{quote(one.name)} {format_duration(one.retention)}" for one in instances
    )
    return f" (spec.retention: {retentions})" if retentions else ""


def _gaps(audit_file: AuditFile, period: Period) -> Iterator[str]:
    """Yield a sentence about each part of the period that audit files do not cover."""
    if audit_file.first_event is not None and audit_file.first_event > period.since:
        first = format_instant(audit_file.first_event)
        yield f"The audit files have no event before {first}."
    for reason, count in audit_file.left_out.items():
        yield f"Lines of the audit files that were left out, {reason}: {count}."


def format_report(
    entries: Sequence[ReportEntry], output: ReportFormat, *, width: int
) -> str:
    """Format a report; the width of the terminal limits only the table."""
    match output:
        case ReportFormat.CSV:
            return as_csv(entries)
        case ReportFormat.JSON:
            return json.dumps([fields_of(one) for one in entries], indent=2) + "\n"
        case ReportFormat.TABLE:
            rows = [_row(one) for one in entries]
            room = max(width, LEAST_WIDTH) if width else 0
            return table(HEADER, rows, width=room, whole=_TIMES) + "\n"


def as_csv(entries: Sequence[ReportEntry]) -> str:
    """Format a header and one record for each entry.

    Source: RFC 4180. A record is one line, because line breaks in cells are escaped.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        writer.writerow(map(_cell, fields_of(entry).values()))
    return text.getvalue()


def fields_of(entry: ReportEntry) -> dict[str, Any]:
    """Return the values of an entry, by the names of ``COLUMNS`` and in their order."""
    return {
        to_camel(name): format_instant(value) if isinstance(value, datetime) else value
        for name, value in asdict(entry).items()
    }


def _cell(value: str | bool | tuple[str, ...] | None) -> str:  # noqa: FBT001
    if isinstance(value, bool):
        return "true" if value else "false"
    return guarded(", ".join(value) if isinstance(value, tuple) else value or "")


def guarded(text: str) -> str:
    """Escape a cell for terminals, and mark as text what looks like a formula."""
    escaped = sanitize(text) if text else ""
    is_formula = escaped.lstrip(GUARD).startswith(FORMULA)
    return f"{GUARD}{escaped}" if is_formula else escaped


def _row(entry: ReportEntry) -> tuple[str, ...]:
    return (
        sanitize(entry.subject),
        sanitize(entry.role),
        _minute(entry.started_at),
        _minute(entry.last_bound_at or entry.ended_at or entry.expires_at),
        sanitize(_decisions(entry)),
        sanitize(entry.justification or ""),
    )


def _decisions(entry: ReportEntry) -> str:
    """Return who approved a grant, or why it needed no approval, and who denied it."""
    approved = ", ".join(entry.approvers) or entry.approval or ""
    denied = f"denied by {', '.join(entry.refusers)}" if entry.refusers else ""
    return "; ".join(filter(None, (approved, denied)))


def _minute(instant: datetime | None) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}" if instant else NONE
