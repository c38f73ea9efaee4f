"""How a report is written: a table, CSV for spreadsheets, JSON for programs. Pure."""

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
HEADER: Final = ("SUBJECT", "ROLE", "FROM (UTC)", "UNTIL (UTC)", "AGREED", "BECAUSE")
FORMULA: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""With these, or their full-width forms, a spreadsheet begins to calculate.

Source: OWASP, "CSV Injection".
"""
GUARD: Final = "'"


class ReportFormat(StrEnum):
    """How a report is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


COLUMNS: Final = {
    "subject": "Who received access, as Argo CD sees the name.",
    "subjectKind": "`User` or `Group`; advice, Argo CD compares text.",
    "role": "The role, `role:deployer` or `proj:team-a:deployer`.",
    "instance": "The ArgoCDInstance.",
    "startedAt": "When the access began.",
    "endedAt": "When it was over for certain; empty while it is not.",
    "expiresAt": "When it ends, or should have ended.",
    "state": (
        "How the grant stands, as `argogrant list` says it; `Unknown` if the audit"
        " files do not tell of its end."
    ),
    "endReason": "Why it ended: `Expired`, `Revoked`, `Denied`, ….",
    "gaveAccess": "Whether Argo CD's RBAC text ever held it.",
    "justification": "What was written as the reason.",
    "requester": "Who asked: a Kubernetes user name.",
    "requestedAt": (
        "When the grant was created; of an entry from the audit, when the operator"
        " saw it first."
    ),
    "approval": "How it was agreed to, such as `AutoApproved` or `BreakGlass`.",
    "approvers": "Who approved; in CSV with a comma and a blank between them.",
    "refusers": "Who refused.",
    "policy": "The AccessPolicy that admitted it; empty if none had to.",
    "breakGlass": "Whether it was an emergency.",
    "extends": "The grant that it continued.",
    "namespace": "Where the grant is, or was.",
    "name": "Its name.",
    "uid": "Its `metadata.uid`.",
    "source": "`cluster`: the object; `audit`: a file.",
}
"""The columns of CSV and the fields of JSON, with what they mean."""


def format_report(
    entries: Sequence[ReportEntry], output: ReportFormat, *, width: int
) -> str:
    """Write a report.

    Args:
        entries: In their order.
        output: For whom.
        width: Columns of the terminal; only a table keeps to them.
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
    """Write one record for each entry, and the names of the columns first.

    Source: RFC 4180; a record is one line, since line breaks in cells are escaped.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        writer.writerow(_cell(value) for value in fields_of(entry).values())
    return text.getvalue()


def guarded(text: str) -> str:
    """Write a cell that no spreadsheet takes for a formula, and no terminal obeys."""
    seen = sanitize(text) if text else ""
    return f"{GUARD}{seen}" if seen.lstrip(GUARD).startswith(FORMULA) else seen


def fields_of(entry: ReportEntry) -> dict[str, Value]:
    """Name what an entry holds, in the order of ``COLUMNS``."""
    return {
        "subject": entry.subject,
        "subjectKind": entry.subject_kind,
        "role": entry.role,
        "instance": entry.instance,
        "startedAt": _stamp(entry.started_at),
        "endedAt": _stamp(entry.ended_at),
        "expiresAt": _stamp(entry.expires_at),
        "state": entry.state,
        "endReason": entry.end_reason or None,
        "gaveAccess": entry.gave_access,
        "justification": entry.justification or None,
        "requester": entry.requester or None,
        "requestedAt": _stamp(entry.requested_at),
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


def _stamp(moment: datetime | None) -> str | None:
    return format_instant(moment) if moment else None


def _row(entry: ReportEntry) -> tuple[str, ...]:
    agreed = ", ".join(entry.approvers) or entry.approval
    return (
        sanitize(entry.subject),
        sanitize(entry.role),
        _minute(entry.started_at),
        _minute(entry.ended_at or entry.expires_at),
        sanitize(agreed),
        sanitize(entry.justification),
    )


def _minute(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment else NONE
