"""Times, durations and windows: rounding shortens access."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.grant import AccessRecord
from argogrant.grants.model.window import (
    END_OF_TIME,
    fixed_end,
    format_duration,
    format_instant,
    latest_end,
    parse_duration,
    parse_instant,
    pending_window,
    window_of,
)
from support.builders import HOUR, MINUTE, NOON, SECOND, a_grant, a_record


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
            {"not_before": NOON - 20 * MINUTE},
            0,
            40,
            id="duration counts from notBefore before the creation",
        ),
        pytest.param(
            {"not_before": NOON - HOUR, "duration": 9 * HOUR},
            0,
            120,
            id="maximum also counts from notBefore before the creation",
        ),
        pytest.param(
            {"not_before": NOON - HOUR, "expires_at": NOON + 9 * HOUR},
            0,
            180,
            id="maximum of expiresAt counts from the creation",
        ),
        pytest.param(
            {"not_before": NOON - 9 * HOUR}, 0, -480, id="notBefore of a past window"
        ),
        pytest.param({"record": a_record()}, 0, 60, id="record of its own window"),
        pytest.param(
            {"record": a_record(end=NOON + MINUTE)}, 0, 1, id="record that ends earlier"
        ),
        pytest.param(
            {"record": a_record(end=NOON + 9 * HOUR)}, 0, 60, id="forged later end"
        ),
        pytest.param(
            {"record": a_record(start=NOON + HOUR, end=NOON + 9 * HOUR)},
            0,
            60,
            id="forged later window",
        ),
        pytest.param(
            {"record": a_record(uid="u0", start=NOON - 20 * MINUTE)},
            0,
            40,
            id="copy whose duration counts from the start of the original",
        ),
        pytest.param(
            {
                "expires_at": NOON + 9 * HOUR,
                "record": a_record(uid="u0", start=NOON - HOUR, end=NOON + 9 * HOUR),
            },
            0,
            120,
            id="copy whose maximum counts from the start of the original",
        ),
        pytest.param(
            {"record": a_record(uid="u0", start=NOON - 2 * HOUR, end=NOON - HOUR)},
            0,
            -60,
            id="copy of a grant that had ended",
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


INSTANTS = st.integers(-10 * 3600, 10 * 3600).map(lambda one: NOON + one * SECOND)
DURATIONS = st.integers(1, 10 * 3600).map(lambda one: one * SECOND)
ENDS = st.fixed_dictionaries({"expires_at": INSTANTS}) | st.fixed_dictionaries(
    {"duration": DURATIONS}, optional={"not_before": INSTANTS}
)
RECORDS = st.builds(
    AccessRecord, uid=st.sampled_from(["u1", "u0"]), start=INSTANTS, end=INSTANTS
)


@given(ENDS, RECORDS, DURATIONS, st.none() | INSTANTS, st.none() | INSTANTS)
def test_no_record_makes_a_window_longer(
    ends, record, maximum, approved_at, frozen_end
) -> None:
    grant = a_grant(frozen_end=frozen_end, **ends)
    bounded = a_grant(frozen_end=frozen_end, record=record, **ends)
    limits = {"max_duration": maximum, "approved_at": approved_at}
    free, window = window_of(grant, **limits), window_of(bounded, **limits)

    assert window.start == free.start
    assert window.end <= free.end
    timeout = {"approval_timeout": maximum}
    assert (
        pending_window(bounded, **timeout).end <= pending_window(grant, **timeout).end
    )


@given(ENDS, DURATIONS, INSTANTS, INSTANTS)
def test_no_copy_ends_later_than_its_original(
    ends, maximum, created_at, approved_at
) -> None:
    """The maximum may have become lower or higher since; a copy may be approved."""
    start, end = window_of(a_grant(**ends), max_duration=maximum)
    record = AccessRecord("u1", start, end)
    copy = a_grant(uid="u2", created_at=created_at, record=record, **ends)

    assert window_of(copy, max_duration=2 * maximum, approved_at=approved_at).end <= end


@given(DURATIONS, DURATIONS, INSTANTS, INSTANTS, st.none() | INSTANTS)
def test_duration_from_not_before_ends_at_one_time_for_all_copies(
    duration, maximum, not_before, created_at, approved_at
) -> None:
    grant = a_grant(duration=duration, not_before=not_before, created_at=created_at)
    window = window_of(grant, max_duration=maximum, approved_at=approved_at)

    assert window.end == not_before + min(duration, maximum)


@pytest.mark.parametrize(
    ("overrides", "end"),
    [
        pytest.param({"expires_at": NOON + HOUR}, NOON + HOUR, id="expiresAt"),
        pytest.param({"not_before": NOON - HOUR}, NOON, id="duration from notBefore"),
        pytest.param({}, None, id="duration from the creation or the approval"),
        pytest.param(
            {"not_before": NOON, "duration": timedelta.max},
            END_OF_TIME,
            id="duration beyond the calendar",
        ),
    ],
)
def test_spec_alone_fixes_the_end(overrides, end) -> None:
    assert fixed_end(a_grant(**overrides)) == end


@pytest.mark.parametrize(
    ("overrides", "end"),
    [
        pytest.param({}, 60, id="duration"),
        pytest.param({"duration": 9 * HOUR}, 180, id="maximum of a duration"),
        pytest.param(
            {"expires_at": NOON + 9 * HOUR}, 540, id="expiresAt beyond the maximum"
        ),
        pytest.param(
            {"frozen_end": NOON + MINUTE}, 60, id="shortened or revoked meanwhile"
        ),
        pytest.param(
            {"not_before": NOON + HOUR, "duration": 9 * HOUR},
            600,
            id="notBefore with a duration beyond the maximum",
        ),
    ],
)
def test_latest_end_is_that_of_the_manifest(overrides, end) -> None:
    grant = a_grant(**overrides)

    assert latest_end(grant, max_duration=3 * HOUR) == NOON + end * MINUTE


def test_latest_end_of_a_duration_counts_from_the_approval() -> None:
    end = latest_end(a_grant(), max_duration=3 * HOUR, approved_at=NOON + HOUR)

    assert end == NOON + 2 * HOUR


def test_pending_duration_with_not_before_has_an_end() -> None:
    window = pending_window(a_grant(not_before=NOON + HOUR), approval_timeout=None)

    assert window == (NOON + HOUR, NOON + 2 * HOUR)
