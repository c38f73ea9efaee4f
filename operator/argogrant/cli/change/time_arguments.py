"""The spans and moments that people type for access to begin and to end. Pure.

What is not certain is refused, and every choice that is left makes access shorter.
That is why no library for dates reads this: those that understand people (dateparser,
dateutil) guess what a text may mean, take ``10/11`` either way round, fill in what is
missing from today, and step over an hour that clocks leave out. The forms are few, and
the standard library's ``zoneinfo`` knows the zones.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import INSTANT_PATTERN, parse_instant

SPANS: Final = "90m, 2h, 1h30m or 1d"
MOMENTS: Final = (
    "18:00, 'tomorrow 9:00', 'fri 17:00', '2026-11-25 18:00' or 2026-11-25T18:00:00Z"
)
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG_DAYS: Final = (
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
)
_DAY: Final = timedelta(days=1)
_SPAN: Final = re.compile(
    r"(?:([0-9]{1,4})d)?(?:([0-9]{1,5})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,7})s)?"
)
_MOMENT: Final = re.compile(
    r"(?:(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:T| +)|(?P<day>[a-z]+) +)?"
    r"(?P<time>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)",
    re.ASCII | re.IGNORECASE,
)


class InvalidTime(Exception):
    """It is no such text, or not one moment; the message says what to write."""


@dataclass(frozen=True, slots=True)
class ParsedTime:
    """An instant that somebody typed."""

    instant: datetime
    """In UTC, in whole seconds."""
    note: str = ""
    """What it was taken to mean, if that may surprise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeContext:
    """What a text is read by.

    ``after`` is what a moment has to come after: now, or for an end the start.
    """

    now: datetime
    after: datetime
    zone: tzinfo | None = None
    """None: that of the machine."""
    is_start: bool = False
    """Of an hour that comes twice, a start is the later and an end the earlier one."""

    def today(self) -> date:
        """The day on which ``now`` is, in the zone."""
        return self.now.astimezone(self.zone).date()


def parse_zone(name: str) -> tzinfo | None:
    """Find a time zone by its name, ``Europe/Paris``; None for that of the machine.

    Raises:
        MomentRefused: There is none of that name here.
    """
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidTime(
            f"there is no time zone {quote(name)} here; write it as Europe/Paris."
        ) from error


def parse_duration_argument(text: str) -> timedelta:
    """Read how long something lasts: days (of 24 hours), hours, minutes, seconds.

    Raises:
        MomentRefused: It is no such text, or nothing at all.
    """
    found = _SPAN.fullmatch(text.strip())
    if found is None or not text.strip():
        hint = " An end is given with --until." if ":" in text else ""
        raise InvalidTime(
            f"{quote(text)} is no length of time; write it as {SPANS}.{hint}"
        )
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not span:
        raise InvalidTime(f"{quote(text)} is nothing at all; make it longer.")
    return span


def parse_time(text: str, clock: TimeContext) -> ParsedTime:
    """Read a moment: RFC 3339, or a time of the day, on a day or the next such one.

    Args:
        text: One of the forms of ``MOMENTS``.
        clock: The time, the zone, and what it has to come after.

    Raises:
        MomentRefused: It is no such text; no clock shows that time on that day; or
            it has passed.
    """
    typed = text.strip()
    if re.fullmatch(INSTANT_PATTERN, typed):
        return _still_to_come(text, _instant(typed, clock), clock)
    found = _MOMENT.fullmatch(typed)
    if found is None:
        raise InvalidTime(f"{quote(text)} is no moment; {_hint(typed)}")
    hour = _time_of_day(text, found["time"])
    if found["date"]:
        return _still_to_come(text, _on(_date(text, found["date"]), hour, clock), clock)
    if found["day"]:
        return _on_named_day(text, found["day"].lower(), hour, clock)
    return _next_such(hour, clock)


def _instant(typed: str, clock: TimeContext) -> ParsedTime:
    try:
        return ParsedTime(parse_instant(typed, round_up=clock.is_start))
    except InvalidGrant as error:
        raise InvalidTime(f"{error}.") from error


def _hint(typed: str) -> str:
    """Say what was probably meant, or else what can be written."""
    if _SPAN.fullmatch(typed) and typed:
        return "a length of time is given with --for (or --by)."
    if re.search(r"[0-9] *[ap]\.?m", typed.lower()):
        return "write the hour from 0 to 23, as 18:00."
    if ":" not in typed:
        return f"say at what time: {MOMENTS}."
    return f"write {MOMENTS}."


def _time_of_day(text: str, typed: str) -> time:
    try:
        hour, minute, second = (int(part) for part in f"{typed}:0".split(":")[:3])
        return time(hour, minute, second)
    except ValueError as error:
        raise InvalidTime(
            f"no clock shows {quote(text)}; hours go from 0:00 to 23:59."
        ) from error


def _date(text: str, typed: str) -> date:
    try:
        return date.fromisoformat(typed)
    except ValueError as error:
        raise InvalidTime(
            f"{quote(text)} is no date in the calendar; write year-month-day."
        ) from error


def _on_named_day(text: str, name: str, hour: time, clock: TimeContext) -> ParsedTime:
    today = clock.today()
    if name in ("today", "tomorrow"):
        day = today if name == "today" else _later(today, 1)
        return _still_to_come(text, _on(day, hour, clock), clock)
    number = _weekday(text, name)
    ahead = (number - today.weekday()) % 7
    moment = _on(_later(today, ahead), hour, clock)
    while moment.instant <= clock.after:
        ahead += 7
        moment = _on(_later(today, ahead), hour, clock)
    if ahead >= len(DAYS) and not moment.note:
        return ParsedTime(
            moment.instant, f"not this week's {name}, but the next to come"
        )
    return moment


def _weekday(text: str, name: str) -> int:
    for names in (DAYS, _LONG_DAYS):
        if name in names:
            return names.index(name)
    raise InvalidTime(
        f"{quote(text)} names no day; write today, tomorrow, {', '.join(DAYS)} or a"
        " date as 2026-11-25."
    )


def _next_such(hour: time, clock: TimeContext) -> ParsedTime:
    """Find the next day on which this time is still to come."""
    first = clock.after.astimezone(clock.zone).date()
    moment = _on(first, hour, clock)
    if moment.instant <= clock.after:
        moment = _on(_later(first, 1), hour, clock)
        return ParsedTime(
            moment.instant, moment.note or f"{hour:%H:%M} on the next day"
        )
    return moment


def _later(day: date, days: int) -> date:
    try:
        return day + days * _DAY
    except OverflowError as error:
        raise InvalidTime("that is past the end of the calendar.") from error


def _on(day: date, hour: time, clock: TimeContext) -> ParsedTime:
    """Find when clocks in the zone show this: never, once, or twice."""
    shown = datetime.combine(day, hour)
    instants = _instants(shown, clock.zone)
    if not instants:
        raise InvalidTime(
            f"clocks never show {shown:%Y-%m-%d %H:%M}: they go forward then; write"
            " an hour later or earlier."
        )
    if len(instants) == 1:
        return ParsedTime(instants[0])
    chosen = _shortening(instants, clock)
    which = "first" if chosen == instants[0] else "second"
    return ParsedTime(
        chosen,
        f"{hour:%H:%M} comes twice that day, as clocks go back; the {which} is meant",
    )


def _shortening(instants: Sequence[datetime], clock: TimeContext) -> datetime:
    """Choose the one with the shorter access among those that are to come."""
    ahead = [one for one in instants if one > clock.after] or list(instants)
    return max(ahead) if clock.is_start else min(ahead)


def _instants(shown: datetime, zone: tzinfo | None) -> list[datetime]:
    """All instants at which a clock of the zone shows this, in order.

    Source: PEP 495: of a time that comes twice ``fold`` tells which; a time that never
    comes is turned into another one by the way to UTC and back.
    """
    found = set()
    for fold in (0, 1):
        local = shown.replace(fold=fold)
        try:
            aware = local.astimezone() if zone is None else local.replace(tzinfo=zone)
            instant = aware.astimezone(UTC)
            back = instant.astimezone(zone)
        except (OverflowError, ValueError, OSError):  # at the ends of the calendar
            continue
        if back.replace(tzinfo=None, fold=0) == shown:
            found.add(instant)
    return sorted(found)


def _still_to_come(text: str, moment: ParsedTime, clock: TimeContext) -> ParsedTime:
    if moment.instant > clock.after or (clock.is_start and moment.instant > clock.now):
        return moment
    if clock.after > clock.now and moment.instant > clock.now:
        raise InvalidTime(f"{quote(text)} is not after the start.")
    raise InvalidTime(f"{quote(text)} has passed; name a moment to come.")
