"""What people type for a start or an end is one moment, or is refused."""

import contextlib
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.cli.change.time_arguments import (
    InvalidTime,
    TimeContext,
    parse_duration_argument,
    parse_time,
    parse_zone,
)
from support.hypothesis_strategies import hostile

PARIS = ZoneInfo("Europe/Paris")
ZONES = [
    PARIS,
    ZoneInfo("UTC"),
    ZoneInfo("America/St_Johns"),
    ZoneInfo("Australia/Lord_Howe"),  # its clocks move by half an hour
    ZoneInfo("Pacific/Apia"),
]
TUESDAY = datetime(2026, 11, 24, 12, tzinfo=UTC)  # 13:00 in Paris
ORDINARY = TimeContext(now=TUESDAY, after=TUESDAY, zone=PARIS)
texts = st.one_of(
    hostile,
    st.text(max_size=20),
    st.from_regex(r"[a-z0-9: tT-]{0,20}", fullmatch=True),
)


def clock(now: str, *, is_start: bool = False, after: str = "") -> TimeContext:
    """A clock in Paris."""
    moment = datetime.fromisoformat(now)
    later = datetime.fromisoformat(after) if after else moment
    return TimeContext(now=moment, after=later, zone=PARIS, is_start=is_start)


def utc(text: str, read_by: TimeContext = ORDINARY) -> str:
    return f"{parse_time(text, read_by).instant:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        pytest.param("90m", 90, id="minutes"),
        pytest.param("2h", 120, id="hours"),
        pytest.param("1h30m", 90, id="both"),
        pytest.param("1d", 1440, id="a day has 24 hours"),
        pytest.param("1d1h", 1500, id="days and hours"),
        pytest.param("60s", 1, id="seconds"),
    ],
)
def test_a_length_of_time_is_read(text: str, minutes: int) -> None:
    assert parse_duration_argument(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "write it as", id="nothing"),
        pytest.param("2", "write it as", id="no unit"),
        pytest.param("2H", "write it as", id="an unknown unit"),
        pytest.param("30m1h", "write it as", id="units out of order"),
        pytest.param("-2h", "write it as", id="backwards"),
        pytest.param("1.5h", "write it as", id="fractions"),
        pytest.param("0h", "make it longer", id="no time at all"),
        pytest.param("18:00", "--until", id="an end"),
        pytest.param("٢h", "write it as", id="digits of another script"),
    ],
)
def test_no_other_length_of_time_is_taken(text: str, said: str) -> None:
    with pytest.raises(InvalidTime, match=said):
        parse_duration_argument(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        pytest.param("18:00", "2026-11-24T17:00:00Z", id="today"),
        pytest.param("18:00:30", "2026-11-24T17:00:30Z", id="with seconds"),
        pytest.param("9:00", "2026-11-25T08:00:00Z", id="tomorrow, as it has passed"),
        pytest.param("13:00", "2026-11-25T12:00:00Z", id="now is not to come"),
        pytest.param("today 18:00", "2026-11-24T17:00:00Z", id="today by name"),
        pytest.param("tomorrow 9:00", "2026-11-25T08:00:00Z", id="tomorrow by name"),
        pytest.param("Fri 17:00", "2026-11-27T16:00:00Z", id="a day of the week"),
        pytest.param("friday 17:00", "2026-11-27T16:00:00Z", id="its long name"),
        pytest.param("tue 18:00", "2026-11-24T17:00:00Z", id="today's name, to come"),
        pytest.param("tue 9:00", "2026-12-01T08:00:00Z", id="today's name, passed"),
        pytest.param("2026-11-25 18:00", "2026-11-25T17:00:00Z", id="a date"),
        pytest.param("2026-11-25T18:00", "2026-11-25T17:00:00Z", id="a date, with T"),
        pytest.param("2026-11-25T18:00:00Z", "2026-11-25T18:00:00Z", id="RFC 3339"),
        pytest.param(
            "2026-11-25T18:00:00.9+05:00", "2026-11-25T13:00:00Z", id="rounded down"
        ),
    ],
)
def test_an_end_is_read(text: str, instant: str) -> None:
    assert utc(text) == instant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("soon", "say at what time", id="a word"),
        pytest.param("tomorrow", "say at what time", id="a day without a time"),
        pytest.param("2026-11-25", "say at what time", id="a date without a time"),
        pytest.param("2h", "--for", id="a length of time"),
        pytest.param("6pm", "0 to 23", id="half days"),
        pytest.param("6:00 PM", "0 to 23", id="half days, with minutes"),
        pytest.param("24:00", "0:00 to 23:59", id="the end of a day"),
        pytest.param("18:60", "0:00 to 23:59", id="too many minutes"),
        pytest.param("10/11/2026 9:00", "write 18:00", id="day or month first"),
        pytest.param("2026-02-30 9:00", "no date", id="no such day"),
        pytest.param("someday 9:00", "names no day", id="no such name"),
        pytest.param("today 9:00", "has passed", id="a time of today that has passed"),
        pytest.param("2026-11-24 12:59", "has passed", id="a minute ago"),
        pytest.param("2026-11-24T12:00:00Z", "has passed", id="now"),
        pytest.param("2026-02-30T00:00:00Z", "no date", id="RFC 3339 of no such day"),
        pytest.param("9:00 CET", "write 18:00", id="a zone by its letters"),
    ],
)
def test_no_other_end_is_taken(text: str, said: str) -> None:
    with pytest.raises(InvalidTime, match=said):
        parse_time(text, ORDINARY)


def test_past_the_end_of_the_calendar_there_is_no_moment() -> None:
    read_by = TimeContext(now=TUESDAY, after=TUESDAY, zone=ZoneInfo("America/New_York"))
    with pytest.raises(InvalidTime, match="never show"):
        parse_time("9999-12-31 23:59", read_by)


def test_past_the_last_day_there_is_no_tomorrow() -> None:
    last = datetime(9999, 12, 31, tzinfo=UTC)
    with pytest.raises(InvalidTime, match="past the end of the calendar"):
        parse_time(
            "tomorrow 9:00", TimeContext(now=last, after=last, zone=ZoneInfo("UTC"))
        )


def test_a_time_that_clocks_leave_out_is_refused() -> None:
    """In Paris, 2:00 to 3:00 of 2027-03-28 never comes."""
    with pytest.raises(InvalidTime, match="never show 2027-03-28 02:30"):
        parse_time("02:30", clock("2027-03-28T00:30:00Z"))


TWICE = "2026-10-25 02:30"


@pytest.mark.parametrize(
    ("read_by", "instant", "said"),
    [
        pytest.param(
            clock("2026-10-24T12:00:00Z"),
            "2026-10-25T00:30:00Z",
            "the first",
            id="an end is the first",
        ),
        pytest.param(
            clock("2026-10-24T12:00:00Z", is_start=True),
            "2026-10-25T01:30:00Z",
            "the second",
            id="a start is the second",
        ),
        pytest.param(
            clock("2026-10-25T00:45:00Z"),
            "2026-10-25T01:30:00Z",
            "the second",
            id="an end is the second if the first has passed",
        ),
    ],
)
def test_of_a_time_that_comes_twice(
    read_by: TimeContext, instant: str, said: str
) -> None:
    """The one is taken with the shorter access, and told."""
    moment = parse_time(TWICE, read_by)

    assert utc(TWICE, read_by) == instant
    assert said in moment.note


def test_an_end_comes_after_the_start() -> None:
    """Of a window tomorrow, 18:00 is tomorrow's."""
    read_by = clock("2026-11-24T12:00:00Z", after="2026-11-25T08:00:00Z")

    assert utc("18:00", read_by) == "2026-11-25T17:00:00Z"
    with pytest.raises(InvalidTime, match="not after the start"):
        parse_time("today 18:00", read_by)


@pytest.mark.parametrize("text", ["9:00", "tue 9:00"])
def test_another_day_than_today_is_told(text: str) -> None:
    assert "next" in parse_time(text, ORDINARY).note


def test_a_zone_has_a_name() -> None:
    assert parse_zone("Europe/Paris") == PARIS
    assert parse_zone("") is None
    for wrong in ("Europe/Atlantis", "../etc/passwd", "Europe"):
        with pytest.raises(InvalidTime, match="there is no time zone"):
            parse_zone(wrong)


instants = st.integers(0, 20 * 365 * 86_400).map(
    lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(
    now=instants,
    ahead=st.integers(1, 400 * 86_400),
    zone=st.sampled_from(ZONES),
    is_start=st.booleans(),
)
def test_what_a_clock_shows_is_read_as_that_moment(
    now: datetime, ahead: int, zone: ZoneInfo, *, is_start: bool
) -> None:
    """Where two clocks show it, the one with the shorter access is read."""
    meant = now + timedelta(seconds=ahead)
    local = meant.astimezone(zone)
    read_by = TimeContext(now=now, after=now, zone=zone, is_start=is_start)
    read = parse_time(f"{local:%Y-%m-%d %H:%M:%S}", read_by).instant

    assert read.astimezone(zone).replace(tzinfo=None, fold=0) == local.replace(
        tzinfo=None, fold=0
    )
    assert now < read
    assert (read - meant if is_start else meant - read) >= timedelta(0)


@given(now=instants, text=texts, zone=st.sampled_from([*ZONES, None]))
def test_whatever_is_typed_is_a_moment_to_come_or_refused(
    now: datetime, text: str, zone: ZoneInfo | None
) -> None:
    with contextlib.suppress(InvalidTime):
        read = parse_time(text, TimeContext(now=now, after=now, zone=zone)).instant

        assert read > now
        assert (read.tzinfo, read.microsecond) == (UTC, 0)


@given(
    now=instants,
    minute=st.integers(0, 1439),
    zone=st.sampled_from(ZONES),
)
def test_a_time_of_the_day_is_the_next_such(
    now: datetime, minute: int, zone: ZoneInfo
) -> None:
    """No clock of the zone shows it between now and then."""
    hours, minutes = divmod(minute, 60)
    with contextlib.suppress(InvalidTime):
        read = parse_time(
            f"{hours}:{minutes:02}", TimeContext(now=now, after=now, zone=zone)
        ).instant

        assert timedelta(0) < read - now <= timedelta(hours=25)
        assert (read.astimezone(zone).hour, read.astimezone(zone).minute) == (
            hours,
            minutes,
        )


@given(text=texts)
def test_whatever_is_typed_is_a_length_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidTime):
        assert parse_duration_argument(text) > timedelta(0)
