"""Entries of a report, and their output."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.api.accessgrant_view import view_grant
from argogrant.cli.report.entries import (
    Period,
    ReportFilter,
    Source,
    access_report,
    entry_of,
)
from argogrant.cli.report.report import (
    COLUMNS,
    GUARD,
    ReportFormat,
    as_csv,
    fields_of,
    format_report,
    guarded,
)
from argogrant.cli.terminal.tables import sanitize
from support.builders import HOUR, MINUTE, NOON
from support.hypothesis_strategies import hostile
from support.stored_grants import (
    a_stored_grant,
    active_status,
    condition,
    ended_status,
    not_ready_status,
)

PAGE = Path(__file__).parents[4] / "docs/how-to/who-has-what.md"
BY_DAN = [{"name": "a", "approver": "dan", "decision": "Approve", "at": "x"}]


def an_entry(name="g1", status=None, **others):
    status = active_status(approvals=BY_DAN) if status is None else status
    return entry_of(view_grant(a_stored_grant(name, status=status, **others)), NOON)


def a_filter(since=NOON - HOUR, until=NOON + HOUR, **others) -> ReportFilter:
    return ReportFilter(period=Period(since, until), **others)


def names(entries) -> list[str]:
    return [entry.name for entry in entries]


PENDING = an_entry("pending", not_ready_status("AwaitingApproval"))
STARTED = {"startedAt": "2026-11-24T12:00:00Z"}
ENDED = an_entry(
    "ended", active_status() | ended_status("Expired", NOON + MINUTE, **STARTED)
)


@pytest.mark.parametrize(
    ("report_filter", "expected"),
    [
        pytest.param(a_filter(), ["ended", "g1"], id="grants that gave access"),
        pytest.param(
            a_filter(NOON + 2 * MINUTE), ["g1"], id="without grants that ended before"
        ),
        pytest.param(
            a_filter(until=NOON),
            [],
            id="without grants that started at the end or later",
        ),
        pytest.param(
            a_filter(include_without_access=True),
            ["ended", "g1", "pending"],
            id="with grants that never gave access",
        ),
        pytest.param(
            a_filter(NOON + MINUTE, include_without_access=True),
            ["g1"],
            id="without grants that were requested before",
        ),
        pytest.param(a_filter(subject="bob"), [], id="subject"),
        pytest.param(
            a_filter(role="deployer"), ["ended", "g1"], id="role without its project"
        ),
        pytest.param(a_filter(instance="other"), [], id="instance"),
        pytest.param(a_filter(namespace="other"), [], id="namespace"),
    ],
)
def test_filter_selects(report_filter, expected) -> None:
    entries = (an_entry(), PENDING, ENDED)

    assert names(access_report((), entries, report_filter)) == expected


def test_unconfirmed_end_is_no_end() -> None:
    late = a_filter(NOON + 2 * HOUR, NOON + 3 * HOUR)

    assert names(access_report((), (an_entry(),), late)) == ["g1"]


def test_entry_of_the_cluster_replaces_that_of_the_audit() -> None:
    audited = replace(an_entry(), source=Source.AUDIT, justification="old")
    older = replace(audited, uid="another", name="older", started_at=NOON - MINUTE)
    entries = access_report((audited, older), (an_entry(),), a_filter())

    assert [(one.name, one.source) for one in entries] == [
        ("older", Source.AUDIT),
        ("g1", Source.CLUSTER),
    ]


def test_table_fits_the_terminal() -> None:
    entry = an_entry(justification="deploy the fix for the checkout of the shop")
    text = format_report([entry, ENDED], ReportFormat.TABLE, width=80)
    header, first, second = text.splitlines()

    assert header.split("  ")[-1] == "JUSTIFICATION"
    assert "2026-11-24 12:00  2026-11-24 13:00  dan       deploy" in first
    assert "2026-11-24 12:00  2026-11-24 12:00  -         -" in second
    assert max(map(len, (header, first, second))) <= 80


@pytest.mark.parametrize("width", [20, 40, 60])
def test_table_on_a_narrow_terminal_names_subject_and_role(width: int) -> None:
    text = format_report([an_entry()], ReportFormat.TABLE, width=width)
    header, row = text.splitlines()

    assert header.startswith("SUBJECT")
    assert "ROLE" in header
    assert row.startswith("alice")
    assert "  role:" in row


def test_json_has_every_column_with_times_in_utc() -> None:
    (fields,) = json.loads(format_report([an_entry()], ReportFormat.JSON, width=80))

    assert list(fields) == list(COLUMNS)
    assert (fields["startedAt"], fields["endedAt"]) == ("2026-11-24T12:00:00Z", None)
    assert (fields["approvers"], fields["approval"]) == (["dan"], "AutoApproved")
    assert (fields["gaveAccess"], fields["source"]) == (True, "cluster")


def test_csv_has_a_header_and_ends_lines_with_crlf() -> None:
    text = as_csv([an_entry()])

    assert text.split("\r\n")[0] == ",".join(COLUMNS)
    assert text.count("\n") == text.count("\r\n") == 2


TEXT = st.one_of(hostile, st.text(max_size=12), st.sampled_from(["=1+1", "'=1", "@x"]))


@given(texts=st.lists(TEXT, min_size=3, max_size=3))
def test_csv_round_trip_has_no_formula(texts) -> None:
    subject, why, approver = texts
    entry = replace(
        an_entry(), subject=subject, justification=why, approvers=(approver,)
    )
    text = as_csv([entry])
    _, row = csv.reader(io.StringIO(text, newline=""))
    read = dict(zip(COLUMNS, row, strict=True))

    assert text.count("\r\n") == len(text.splitlines()) == 2
    for key, original in (("subject", subject), ("justification", why)):
        assert read[key] == guarded(original)
        assert read[key].removeprefix(GUARD) in (
            *(sanitize(original), sanitize(original).removeprefix(GUARD)),
            "",
        )
    assert not any(cell.startswith(tuple("=+-@\t\r\n")) for cell in row)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\uff1d1", "'\uff1d1"),
        ("'=1", "''=1"),
        ("\t=1", r"\t=1"),
        ("\x1b[2J", r"\x1b[2J"),
        ("plain 'text'", "plain 'text'"),
        ("", ""),
    ],
)
def test_cell_is_escaped(text, cell) -> None:
    assert guarded(text) == cell


def test_columns_are_ordered_and_documented() -> None:
    page = PAGE.read_text()

    assert list(fields_of(an_entry())) == list(COLUMNS)
    for name, description in COLUMNS.items():
        assert f"| `{name}` | {description} |" in page


@pytest.mark.parametrize(
    ("start", "end", "overlaps"),
    [
        pytest.param(NOON - HOUR, NOON, False, id="ends at the start of the period"),
        pytest.param(NOON - HOUR, NOON + MINUTE, True, id="ends within the period"),
        pytest.param(NOON - HOUR, None, True, id="has no end"),
        pytest.param(NOON + HOUR, None, False, id="starts at the end of the period"),
    ],
)
def test_period_is_half_open_for_access_that(start, end, overlaps) -> None:
    assert Period(NOON, NOON + HOUR).overlaps(start, end) is overlaps


BY_CAROL = {"name": "b", "approver": "carol", "decision": "Deny", "at": "x"}
RAN = {"startedAt": "2026-11-24T12:00:00Z", "boundAs": "role:deployer"}


def test_grant_that_was_denied_after_it_ran_has_both_decisions() -> None:
    status = RAN | ended_status("Denied", NOON + 2 * MINUTE)
    status["conditions"].append(condition("Approved", "False", "Denied"))
    status["approvals"] = [*BY_DAN, BY_CAROL]
    entry = an_entry(status=status)
    row = format_report([entry], ReportFormat.TABLE, width=0).splitlines()[1]

    assert (entry.state, entry.end_reason, entry.gave_access) == (
        *("Ended", "Denied"),
        True,
    )
    assert (entry.approvers, entry.refusers) == (("dan",), ("carol",))
    assert entry.approval == "ApprovedByReviewers"
    assert "dan; denied by carol" in row


@pytest.mark.parametrize(
    ("others", "status", "approval"),
    [
        ({}, {}, "PolicyNotRequired"),
        ({}, {"accessPolicy": "deployers"}, "AutoApproved"),
        ({"breakGlass": True}, {"accessPolicy": "deployers"}, "BreakGlass"),
        ({}, {"approvals": BY_DAN}, "ApprovedByReviewers"),
    ],
)
def test_reason_of_an_approval_stays_after_the_policy_changed(
    others, status, approval: str
) -> None:
    lost = RAN | not_ready_status("NotAllowed") | status
    lost["conditions"].append(condition("Approved", "False", "NotAllowed"))

    assert an_entry(status=lost, **others).approval == approval


def test_grant_that_never_ran_has_no_approval() -> None:
    assert an_entry(status=not_ready_status("NotAllowed")).approval is None


def test_access_that_ended_before_the_grant_is_reported_until_then() -> None:
    """An approval was withdrawn, and the grant expired an hour later."""
    status = RAN | ended_status("Expired", NOON + HOUR)
    entry = an_entry(status=status)

    assert (entry.last_bound_at, entry.ended_at) == (NOON, NOON + HOUR)


def test_audit_file_adds_what_the_status_has_lost() -> None:
    """Statuses of earlier versions do not list superseded approvals."""
    status = RAN | ended_status("Denied", NOON + MINUTE, approvals=[BY_CAROL])
    cluster = an_entry(status=status)
    audit = replace(
        cluster,
        approvers=("dan",),
        approval="ApprovedByReviewers",
        policy="deployers",
        source=Source.AUDIT,
    )
    (entry,) = access_report([audit], [replace(cluster, approval=None)], a_filter())

    assert (entry.approvers, entry.refusers) == (("dan",), ("carol",))
    assert (entry.approval, entry.policy) == ("ApprovedByReviewers", "deployers")
    assert entry.source is Source.CLUSTER
