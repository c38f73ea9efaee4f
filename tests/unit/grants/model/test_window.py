"""Times, durations and windows: rounding shortens access."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.window import (
    format_duration,
    format_instant,
    parse_duration,
    parse_instant,
    window_of,
)
from support.builders import HOUR, MINUTE, NOON, SECOND, a_grant


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
def test_times_are_whole_seconds_in_utc(text, up, expected) -> None:
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
def test_invalid_time_is_rejected(text) -> None:
    with pytest.raises(InvalidGrant):
        parse_instant(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2h30m", 9000), ("1.5h", 5400), ("90m", 5400), ("1m500ms", 60), ("1s999ms", 1)],
)
def test_durations_round_down(text, seconds) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "0s", "500ms", "-1h", "1d", "h", "1h ", "1H"])
def test_invalid_duration_is_rejected(text) -> None:
    with pytest.raises(InvalidGrant):
        parse_duration(text)


def test_duration_beyond_the_calendar_is_rejected() -> None:
    with pytest.raises(InvalidGrant, match="too long"):
        parse_duration("999999999h" * 30)


@given(st.integers(1, 10**9))
def test_formatted_duration_parses_to_the_same(seconds) -> None:
    duration = timedelta(seconds=seconds)

    assert parse_duration(format_duration(duration)) == duration


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001
def test_formatted_time_parses_to_the_same_without_its_fraction(instant) -> None:
    parsed = parse_instant(format_instant(instant))

    assert parsed == instant.replace(microsecond=0)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        pytest.param(2 * HOUR + 30 * MINUTE, "2h30m", id="hours and minutes"),
        pytest.param(SECOND, "1s", id="one second"),
        pytest.param(0 * SECOND, "0s", id="zero"),
    ],
)
def test_duration_is_formatted_in_hours_minutes_and_seconds(duration, text) -> None:
    assert format_duration(duration) == text


@pytest.mark.parametrize(
    ("overrides", "start", "end"),
    [
        pytest.param({}, 0, 60, id="duration counts from the creation"),
        pytest.param(
            {"not_before": NOON + HOUR}, 60, 120, id="duration counts from notBefore"
        ),
        pytest.param(
            {"not_before": NOON - HOUR}, 0, 60, id="notBefore before the creation"
        ),
        pytest.param({"expires_at": NOON + MINUTE}, 0, 1, id="expiresAt"),
        pytest.param({"duration": 9 * HOUR}, 0, 180, id="maximum limits a duration"),
        pytest.param(
            {"expires_at": NOON + 9 * HOUR}, 0, 180, id="maximum limits expiresAt"
        ),
        pytest.param({"frozen_end": NOON + MINUTE}, 0, 1, id="reported end is earlier"),
        pytest.param(
            {"frozen_end": NOON + 9 * HOUR}, 0, 60, id="reported end does not extend"
        ),
        pytest.param({"expires_at": NOON - HOUR}, 0, -60, id="expiresAt in the past"),
    ],
)
def test_window_is_derived_from_spec_and_creation(overrides, start, end) -> None:
    window = window_of(a_grant(**overrides), max_duration=3 * HOUR)

    assert window.start == NOON + start * MINUTE
    assert window.end == NOON + end * MINUTE
    assert window.has_closed(window.start) == (end <= start)


def test_window_ends_within_the_calendar() -> None:
    late = datetime(9999, 12, 31, 23, tzinfo=UTC)
    window = window_of(a_grant(created_at=late, duration=9 * HOUR), max_duration=HOUR)

    assert window.end.year == 9999


@given(st.integers(0, 7200), st.integers(1, 7200), st.integers(-3600, 14400))
def test_window_is_half_open(begin, length, second) -> None:
    """A window is open at its start and closed at its end."""
    now = NOON + second * SECOND
    grant = a_grant(not_before=NOON + begin * SECOND, duration=length * SECOND)
    window = window_of(grant, max_duration=24 * HOUR)
    is_open = window.has_opened(now) and not window.has_closed(now)

    assert is_open == (begin <= second < begin + length)
