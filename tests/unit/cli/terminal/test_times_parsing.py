"""Times and durations of the command line have one meaning or are refused."""

import contextlib
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.cli.terminal.times import (
    FORMS,
    InvalidTime,
    TimeContext,
    parse_duration_argument,
    parse_past_time,
    parse_time,
    parse_zone,
)
from support.builders import HOUR, MINUTE, NOON
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
    st.from_regex(r"(tomorrow )?[0-9]{1,2}:[0-9]{2}", fullmatch=True),
)


def in_paris(now: str, *, is_start: bool = False, after: str = "") -> TimeContext:
    """A context whose local time zone is Paris."""
    moment = datetime.fromisoformat(now)
    later = datetime.fromisoformat(after) if after else moment
    return TimeContext(now=moment, after=later, zone=PARIS, is_start=is_start)


def utc(text: str, context: TimeContext = ORDINARY) -> str:
    return f"{parse_time(text, context).instant:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        pytest.param("90m", 90, id="minutes"),
        pytest.param("2h", 120, id="hours"),
        pytest.param("2h30m", 150, id="hours and minutes"),
        pytest.param("1d", 1440, id="a day has 24 hours"),
        pytest.param("1d1h", 1500, id="days and hours"),
        pytest.param("60s", 1, id="seconds"),
    ],
)
def test_duration_is_parsed(text: str, minutes: int) -> None:
    assert parse_duration_argument(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "Write a duration as", id="empty"),
        pytest.param("2", "Write a duration as", id="no unit"),
        pytest.param("2H", "Write a duration as", id="unknown unit"),
        pytest.param("30m1h", "Write a duration as", id="units out of order"),
        pytest.param("-2h", "Write a duration as", id="negative"),
        pytest.param("1.5h", "Write a duration as", id="fraction"),
        pytest.param("0h", "Write a longer duration", id="zero"),
        pytest.param("18:00", "--until takes a time", id="a time of day"),
        pytest.param("٢h", "Write a duration as", id="digits of another script"),
    ],
)
def test_other_text_is_not_a_duration(text: str, message: str) -> None:
    with pytest.raises(InvalidTime, match=message):
        parse_duration_argument(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        pytest.param("18:00", "2026-11-24T17:00:00Z", id="later today"),
        pytest.param("9:00", "2026-11-25T08:00:00Z", id="passed today, so tomorrow"),
        pytest.param("13:00", "2026-11-25T12:00:00Z", id="now is not in the future"),
        pytest.param("tomorrow 9:00", "2026-11-25T08:00:00Z", id="tomorrow"),
        pytest.param("Tomorrow  09:00", "2026-11-25T08:00:00Z", id="in capitals"),
        pytest.param("tomorrow 18:00", "2026-11-25T17:00:00Z", id="in over a day"),
        pytest.param("2026-11-25T18:00:00Z", "2026-11-25T18:00:00Z", id="RFC 3339"),
        pytest.param(
            "2026-11-25T18:00:00.9+05:00", "2026-11-25T13:00:00Z", id="rounded down"
        ),
    ],
)
def test_time_is_parsed(text: str, instant: str) -> None:
    assert utc(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "tomorrow",
        "today 18:00",
        "someday 9:00",
        "friday 17:00",
        "fri 17:00",
        "2026-11-25",
        "2026-11-25 18:00",
        "2026-11-25T18:00",
        "10/11/2026 9:00",
        "18:00:30",
        "6pm",
        "6:00 PM",
        "9:00 CET",
        "tomorrow 9:00 CET",
        "१८:३५",
    ],
)
def test_refusal_names_the_four_forms(text: str) -> None:
    with pytest.raises(InvalidTime) as refused:
        parse_time(text, ORDINARY)

    assert str(refused.value).endswith(f"is not a time. {FORMS}")
    for form in ("2h or 2h30m", "RFC 3339", "18:00", "'tomorrow 9:00'"):
        assert form in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("2h", "--for and --by take a duration", id="a duration"),
        pytest.param("24:00", "0:00 to 23:59", id="24:00"),
        pytest.param("18:60", "0:00 to 23:59", id="minute 60"),
        pytest.param("2026-11-24T12:00:00Z", "has already passed", id="now"),
        pytest.param("2026-11-24T11:59:59Z", "has already passed", id="a second ago"),
        pytest.param(
            "2026-02-30T00:00:00Z", "not a date", id="day not in the calendar"
        ),
    ],
)
def test_refusal_names_the_problem(text: str, message: str) -> None:
    with pytest.raises(InvalidTime, match=message):
        parse_time(text, ORDINARY)


@pytest.mark.parametrize("text", ["23:30", "tomorrow 9:00"])
def test_time_past_the_calendar_is_refused(text: str) -> None:
    last = datetime(9999, 12, 31, 23, 45, tzinfo=UTC)
    context = TimeContext(now=last, after=last, zone=ZoneInfo("UTC"))
    with pytest.raises(InvalidTime, match="past the end of the calendar"):
        parse_time(text, context)


def test_time_that_has_no_instant_in_utc_is_refused() -> None:
    last = datetime(9999, 12, 31, 12, tzinfo=UTC)
    context = TimeContext(now=last, after=last, zone=ZoneInfo("America/New_York"))
    with pytest.raises(InvalidTime, match="skip 9999-12-31 23:59"):
        parse_time("23:59", context)


@pytest.mark.parametrize(
    ("text", "now"),
    [
        ("02:30", "2027-03-28T00:30:00Z"),
        ("2:30", "2027-03-27T02:00:00Z"),
        ("tomorrow 02:30", "2027-03-27T12:00:00Z"),
    ],
)
def test_time_that_clocks_skip_is_refused(text: str, now: str) -> None:
    """In Paris, clocks go from 2:00 to 3:00 on 2027-03-28."""
    with pytest.raises(InvalidTime, match="skip 2027-03-28 02:30"):
        parse_time(text, in_paris(now))


@pytest.mark.parametrize("text", ["02:30", "tomorrow 2:30"])
@pytest.mark.parametrize(
    ("is_start", "instant", "which"),
    [
        pytest.param(False, "2026-10-25T00:30:00Z", "first", id="end: the first"),
        pytest.param(True, "2026-10-25T01:30:00Z", "second", id="start: the second"),
    ],
)
def test_time_that_occurs_twice_makes_access_shorter(
    text: str, instant: str, which: str, *, is_start: bool
) -> None:
    """In Paris, clocks go from 3:00 back to 2:00 on 2026-10-25."""
    context = in_paris("2026-10-24T12:00:00Z", is_start=is_start)

    assert utc(text, context) == instant
    assert f"the {which} is used" in parse_time(text, context).note


def test_second_occurrence_is_used_when_the_first_has_passed() -> None:
    context = in_paris("2026-10-25T00:45:00Z")

    assert utc("02:30", context) == "2026-10-25T01:30:00Z"
    assert "the second is used" in parse_time("02:30", context).note


def test_end_is_the_first_such_time_after_the_start() -> None:
    context = in_paris("2026-11-24T12:00:00Z", after="2026-11-25T08:00:00Z")

    assert utc("18:00", context) == "2026-11-25T17:00:00Z"
    for text in ("tomorrow 8:00", "2026-11-24T18:00:00Z"):
        with pytest.raises(InvalidTime, match="not after the start"):
            parse_time(text, context)


def test_time_on_the_next_day_has_a_note() -> None:
    assert parse_time("9:00", ORDINARY).note == "09:00 on the next day"
    assert parse_time("18:00", ORDINARY).note == ""
    assert parse_time("tomorrow 9:00", ORDINARY).note == ""


def test_zone_is_an_iana_name() -> None:
    assert parse_zone("Europe/Paris") == PARIS
    assert parse_zone("") is None
    for wrong in ("Europe/Atlantis", "../etc/passwd", "Europe"):
        with pytest.raises(InvalidTime, match="does not exist here"):
            parse_zone(wrong)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1h", NOON - HOUR),
        ("1h30m", NOON - HOUR - 30 * MINUTE),
        ("2d", datetime(2026, 11, 22, 12, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-24T12:00:00+01:00", NOON - HOUR),
    ],
)
def test_past_time_is_parsed(text: str, expected: datetime) -> None:
    assert parse_past_time(text, NOON) == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "30", "-1d", "2026-13-01", "9999d24h9999d", "18:00"]
)
def test_other_text_is_not_a_past_time(text: str) -> None:
    with pytest.raises(InvalidTime, match="Write 30d, 2026-11-01 or 2026-11-01T"):
        parse_past_time(text, NOON)


def test_past_time_before_the_calendar_is_refused() -> None:
    with pytest.raises(InvalidTime, match="is not a time in the past"):
        parse_past_time("9999d", datetime(2, 1, 1, tzinfo=UTC))


instants = st.integers(0, 20 * 365 * 86_400).map(
    lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(
    now=instants,
    minute=st.integers(0, 1439),
    zone=st.sampled_from(ZONES),
    is_start=st.booleans(),
)
def test_tomorrow_is_the_next_day_on_the_clocks_of_the_zone(
    now: datetime, minute: int, zone: ZoneInfo, *, is_start: bool
) -> None:
    """Of two instants that clocks show alike, the one with shorter access is used."""
    hours, minutes = divmod(minute, 60)
    context = TimeContext(now=now, after=now, zone=zone, is_start=is_start)
    with contextlib.suppress(InvalidTime):
        parsed = parse_time(f"tomorrow {hours}:{minutes:02}", context).instant
        local = parsed.astimezone(zone)

        assert local.date() == now.astimezone(zone).date() + timedelta(days=1)
        assert (local.hour, local.minute) == (hours, minutes)
        other = local.replace(fold=1 - local.fold).astimezone(UTC)
        is_other_alike = other.astimezone(zone).replace(
            tzinfo=None, fold=0
        ) == local.replace(tzinfo=None, fold=0)
        if is_other_alike and other > now:
            assert parsed >= other if is_start else parsed <= other


@given(now=instants, text=texts, zone=st.sampled_from([*ZONES, None]))
def test_any_text_is_a_future_time_or_refused(
    now: datetime, text: str, zone: ZoneInfo | None
) -> None:
    with contextlib.suppress(InvalidTime):
        parsed = parse_time(text, TimeContext(now=now, after=now, zone=zone)).instant

        assert parsed > now
        assert (parsed.tzinfo, parsed.microsecond) == (UTC, 0)


@given(
    now=instants,
    minute=st.integers(0, 1439),
    zone=st.sampled_from(ZONES),
)
def test_time_of_day_is_the_next_one(
    now: datetime, minute: int, zone: ZoneInfo
) -> None:
    """Clocks of the zone do not show it between now and then."""
    hours, minutes = divmod(minute, 60)
    with contextlib.suppress(InvalidTime):
        parsed = parse_time(
            f"{hours}:{minutes:02}", TimeContext(now=now, after=now, zone=zone)
        ).instant

        assert timedelta(0) < parsed - now <= timedelta(hours=25)
        assert (parsed.astimezone(zone).hour, parsed.astimezone(zone).minute) == (
            hours,
            minutes,
        )


@given(text=texts)
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidTime):
        assert parse_duration_argument(text) > timedelta(0)
