"""Text of the record on an AccessGrant: exact round trip, and nothing ever raises."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from argogrant.grants.model.grant import AccessRecord
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.record import (
    EARLY_ENDS,
    MAX_RECORD,
    UNREADABLE,
    format_record,
    parse_record,
)
from support.builders import HOUR, NOON, a_record

FIELDS = {
    "uid": "u1",
    "start": "2026-11-24T12:00:00Z",
    "end": "2026-11-24T13:00:00Z",
}
INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(  # noqa: DTZ001
    lambda one: one.replace(microsecond=0, tzinfo=UTC)
)
UIDS = st.uuids().map(str)


def test_record_is_one_short_line_of_json() -> None:
    assert format_record(a_record()) == json.dumps(FIELDS, separators=(",", ":"))


def test_record_of_a_copy_that_ended_early_has_all_fields() -> None:
    record = a_record(copy_of="u0", ended=Reason.REVOKED)

    assert json.loads(format_record(record)) == FIELDS | {
        "copyOf": "u0",
        "ended": "Revoked",
    }


@given(
    st.builds(
        AccessRecord,
        uid=UIDS,
        start=INSTANTS,
        end=INSTANTS,
        copy_of=UIDS | st.just(""),
        ended=st.sampled_from([None, *sorted(EARLY_ENDS)]),
    )
)
def test_formatted_record_parses_to_the_same(record: AccessRecord) -> None:
    text = format_record(record)

    assert parse_record(text) == record
    assert len(text) <= MAX_RECORD


def test_fields_of_a_later_version_are_ignored() -> None:
    assert parse_record(json.dumps(FIELDS | {"by": "argogrant 9"})) == a_record()


def test_fraction_of_a_second_shortens_the_window() -> None:
    later = FIELDS | {"end": "2026-11-24T13:00:00.9Z"}

    assert parse_record(json.dumps(later)).end == NOON + HOUR


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("true", id="no object"),
        pytest.param("[" * MAX_RECORD, id="deep nesting"),
        pytest.param("{}", id="no fields"),
        pytest.param(json.dumps(FIELDS)[:-1], id="cut off"),
        pytest.param(json.dumps(FIELDS | {"uid": ""}), id="no uid"),
        pytest.param(json.dumps(FIELDS | {"uid": "x" * 65}), id="long uid"),
        pytest.param(json.dumps(FIELDS | {"uid": "\ud800"}), id="half a character"),
        pytest.param(json.dumps(FIELDS | {"copyOf": "x" * 65}), id="long original"),
        pytest.param(json.dumps(FIELDS | {"end": None}), id="no end"),
        pytest.param(json.dumps(FIELDS | {"end": 4102444800}), id="end as a number"),
        pytest.param(json.dumps(FIELDS | {"end": "never"}), id="end without a date"),
        pytest.param(
            json.dumps(FIELDS | {"end": "2026-13-24T13:00:00Z"}), id="no such month"
        ),
        pytest.param(json.dumps(FIELDS | {"ended": "Bound"}), id="end by no end"),
        pytest.param(json.dumps(FIELDS | {"ended": "x"}), id="unknown reason"),
        pytest.param(json.dumps(FIELDS | {"note": "x" * MAX_RECORD}), id="too long"),
    ],
)
def test_unexpected_text_is_unreadable(text: str) -> None:
    assert parse_record(text) is UNREADABLE


@given(
    st.text(max_size=2 * MAX_RECORD)
    | st.recursive(
        st.none() | st.integers() | st.floats() | st.text(),
        lambda one: st.lists(one) | st.dictionaries(st.text(), one),
    ).map(json.dumps)
)
@example(
    '{"uid":"u1","start":"0000-01-01T00:00:00Z","end":"9999-12-31T23:59:59-23:59"}'
)
def test_no_text_raises(text: str) -> None:
    record = parse_record(text)

    assert record is UNREADABLE or parse_record(format_record(record)) == record
