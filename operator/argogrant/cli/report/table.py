"""Output of a report: a table, CSV for spreadsheets, JSON for programs. Pure."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from argogrant.cli.report.entries import ReportEntry
from argogrant.cli.terminal.tables import NONE, sanitize, table
from argogrant.grants.model.window import format_instant

Value = str | bool | list[str] | None
HEADER: Final = (
    *("SUBJECT", "ROLE", "FROM (UTC)", "UNTIL (UTC)"),
    *("APPROVER", "JUSTIFICATION"),
)
FORMULA: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""First characters of a formula in spreadsheets, also in full width.

Source: OWASP, "CSV Injection".
"""
GUARD: Final = "'"


class ReportFormat(StrEnum):
    """Output formats of a report."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


COLUMNS: Final = {
    "subject": "User or group that received access, as Argo CD sees the name.",
    "subjectKind": "`User` or `Group`; Argo CD compares only the name.",
    "role": "Role, such as `role:deployer` or `proj:team-a:deployer`.",
    "instance": "ArgoCDInstance.",
    "startedAt": "Start of the access.",
    "endedAt": "Confirmed end of the access; empty until the operator confirms it.",
    "expiresAt": "Time at which the grant expires or expired.",
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
    "approval": "Reason of `Approved`, such as `AutoApproved` or `BreakGlass`.",
    "approvers": "Approvers; in CSV separated by a comma and a blank.",
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


def format_report(
    entries: Sequence[ReportEntry], output: ReportFormat, *, width: int
) -> str:
    """Format a report.

    Args:
        entries: Entries in the order of the output.
        output: Output format.
        width: Columns of the terminal, which limit only the table.
    """
    match output:
        case ReportFormat.CSV:
            return as_csv(entries)
        case ReportFormat.JSON:
            return json.dumps([fields_of(one) for one in entries], indent=2) + "\n"
        case ReportFormat.TABLE:
            rows = [_row(one) for one in entries]
            times = ("FROM (UTC)", "UNTIL (UTC)")
            return table(HEADER, rows, width=width, whole=times) + "\n"


def as_csv(entries: Sequence[ReportEntry]) -> str:
    """Format a header and one record for each entry.

    Source: RFC 4180. A record is one line, because line breaks in cells are escaped.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        writer.writerow(_cell(value) for value in fields_of(entry).values())
    return text.getvalue()


def guarded(text: str) -> str:
    """Escape a cell for terminals, and mark as text what looks like a formula."""
    escaped = sanitize(text) if text else ""
    is_formula = escaped.lstrip(GUARD).startswith(FORMULA)
    return f"{GUARD}{escaped}" if is_formula else escaped


def fields_of(entry: ReportEntry) -> dict[str, Value]:
    """Return the values of an entry, in the order of ``COLUMNS``."""
    return {
        "subject": entry.subject,
        "subjectKind": entry.subject_kind,
        "role": entry.role,
        "instance": entry.instance,
        "startedAt": _timestamp(entry.started_at),
        "endedAt": _timestamp(entry.ended_at),
        "expiresAt": _timestamp(entry.expires_at),
        "state": entry.state,
        "endReason": entry.end_reason or None,
        "gaveAccess": entry.gave_access,
        "justification": entry.justification or None,
        "requester": entry.requester or None,
        "requestedAt": _timestamp(entry.requested_at),
        "approval": entry.approval or None,
        "approvers": list(entry.approvers),
        "refusers": list(entry.deniers),
        "policy": entry.policy or None,
        "breakGlass": entry.is_break_glass,
        "extends": entry.extends or None,
        "namespace": entry.namespace,
        "name": entry.name,
        "uid": entry.uid,
        "source": str(entry.source),
    }


def _cell(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return guarded(", ".join(value))
    return guarded(value or "")


def _timestamp(instant: datetime | None) -> str | None:
    return format_instant(instant) if instant else None


def _row(entry: ReportEntry) -> tuple[str, ...]:
    approval = ", ".join(entry.approvers) or entry.approval
    return (
        sanitize(entry.subject),
        sanitize(entry.role),
        _minute(entry.started_at),
        _minute(entry.ended_at or entry.expires_at),
        sanitize(approval),
        sanitize(entry.justification),
    )


def _minute(instant: datetime | None) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}" if instant else NONE
