"""Instants and durations: every rounding shortens access."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.grants.errors import InvalidGrant
from argogrant.grants.window import (
    format_duration,
    format_instant,
    parse_duration,
    parse_instant,
)


@pytest.mark.parametrize(
    ("text", "up", "expected"),
    [
        ("2026-11-24T12:00:00Z", False, "2026-11-24T12:00:00Z"),
        ("2026-11-24T12:00:00.999Z", False, "2026-11-24T12:00:00Z"),
        ("2026-11-24T12:00:00.000000001Z", True, "2026-11-24T12:00:01Z"),
        ("2026-11-24T12:00:00.0Z", True, "2026-11-24T12:00:00Z"),
        ("2026-11-24T13:00:00+01:00", False, "2026-11-24T12:00:00Z"),
    ],
)
def test_instants_are_whole_seconds_in_utc(text, up, expected) -> None:
    assert format_instant(parse_instant(text, round_up=up)) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "tomorrow", "2026-11-24", "2026-13-01T00:00:00Z"),
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-10:00",
        "2026-11-24T12:00:60Z",
        "2026-11-24 12:00:00Z",
    ],
)
def test_what_is_no_instant_is_refused(text) -> None:
    with pytest.raises(InvalidGrant):
        parse_instant(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2h30m", 9000), ("1.5h", 5400), ("90m", 5400), ("1m500ms", 60), ("1s999ms", 1)],
)
def test_durations_round_down(text, seconds) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "0s", "500ms", "-1h", "1d", "h", "1h ", "1H"])
def test_what_is_no_duration_is_refused(text) -> None:
    with pytest.raises(InvalidGrant):
        parse_duration(text)


@given(st.integers(1, 10**9))
def test_a_duration_reads_back(seconds) -> None:
    duration = timedelta(seconds=seconds)

    assert parse_duration(format_duration(duration)) == duration


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001
def test_an_instant_reads_back_without_its_fraction(instant) -> None:
    back = parse_instant(format_instant(instant))

    assert back == instant.replace(microsecond=0)
