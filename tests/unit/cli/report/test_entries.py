"""Who had what, when, why, and who agreed: entries, and how they are written."""

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
from argogrant.cli.report.table import (
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
from support.stored_grants import a_body, in_force, not_ready, over

PAGE = Path(__file__).parents[4] / "docs/how-to/who-has-what.md"
BY_DAN = [{"name": "a", "approver": "dan", "decision": "Approve", "at": "x"}]


def an_entry(name="g1", status=None, **others):
    status = in_force(approvals=BY_DAN) if status is None else status
    return entry_of(view_grant(a_body(name, status=status, **others)), NOON)


def asked(since=NOON - HOUR, until=NOON + HOUR, **others) -> ReportFilter:
    return ReportFilter(period=Period(since, until), **others)


def names(entries) -> list[str]:
    return [entry.name for entry in entries]


WAITING = an_entry("waiting", not_ready("AwaitingApproval"))
STARTED = {"startedAt": "2026-11-24T12:00:00Z"}
ENDED = an_entry("ended", in_force() | over("Expired", NOON + MINUTE, **STARTED))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(asked(), ["ended", "g1"], id="what gave access"),
        pytest.param(asked(NOON + 2 * MINUTE), ["g1"], id="not what had ended before"),
        pytest.param(asked(until=NOON), [], id="not what began at the end or later"),
        pytest.param(
            asked(and_without_access=True),
            ["ended", "g1", "waiting"],
            id="also what was only asked for",
        ),
        pytest.param(
            asked(NOON + MINUTE, and_without_access=True),
            ["g1"],
            id="not what was asked for before",
        ),
        pytest.param(asked(subject="bob"), [], id="a subject"),
        pytest.param(asked(role="deployer"), ["ended", "g1"], id="a bare role"),
        pytest.param(asked(instance="other"), [], id="an instance"),
        pytest.param(asked(namespace="other"), [], id="a namespace"),
    ],
)
def test_what_is_asked_for_is_reported(wanted, expected) -> None:
    assert names(access_report((), (an_entry(), WAITING, ENDED), wanted)) == expected


def test_an_end_that_was_promised_is_no_end() -> None:
    late = asked(NOON + 2 * HOUR, NOON + 3 * HOUR)

    assert names(access_report((), (an_entry(),), late)) == ["g1"]


def test_the_cluster_is_believed_where_both_know() -> None:
    told = replace(an_entry(), source=Source.AUDIT, justification="old")
    older = replace(told, uid="another", name="older", started_at=NOON - MINUTE)
    found = access_report((told, older), (an_entry(),), asked())

    assert [(one.name, one.source) for one in found] == [
        ("older", Source.AUDIT),
        ("g1", Source.CLUSTER),
    ]


def test_a_table_fits_the_terminal() -> None:
    entry = an_entry(justification="deploy the fix for the checkout of the shop")
    text = format_report([entry, ENDED], ReportFormat.TABLE, width=80)
    header, first, second = text.splitlines()

    assert header.split("  ")[-1] == "BECAUSE"
    assert "2026-11-24 12:00  2026-11-24 13:00  dan     deploy the" in first
    assert "2026-11-24 12:00  2026-11-24 12:01  -       -" in second
    assert max(map(len, (header, first, second))) <= 80


def test_json_has_every_column_with_times_in_utc() -> None:
    (read,) = json.loads(format_report([an_entry()], ReportFormat.JSON, width=80))

    assert list(read) == list(COLUMNS)
    assert (read["startedAt"], read["endedAt"]) == ("2026-11-24T12:00:00Z", None)
    assert (read["approvers"], read["approval"]) == (["dan"], "AutoApproved")
    assert (read["gaveAccess"], read["source"]) == (True, "cluster")


def test_csv_begins_with_its_columns_and_ends_its_lines_as_the_standard_says() -> None:
    text = as_csv([an_entry()])

    assert text.split("\r\n")[0] == ",".join(COLUMNS)
    assert text.count("\n") == text.count("\r\n") == 2


TEXT = st.one_of(hostile, st.text(max_size=12), st.sampled_from(["=1+1", "'=1", "@x"]))


@given(texts=st.lists(TEXT, min_size=3, max_size=3))
def test_csv_reads_back_as_it_was_written_and_no_cell_is_a_formula(texts) -> None:
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
def test_a_cell_is_no_formula_and_no_command(text, cell) -> None:
    assert guarded(text) == cell


def test_the_columns_are_in_their_order_and_documented() -> None:
    page = PAGE.read_text()

    assert list(fields_of(an_entry())) == list(COLUMNS)
    for name, meaning in COLUMNS.items():
        assert f"| `{name}` | {meaning} |" in page
