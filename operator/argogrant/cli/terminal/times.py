"""Times and durations on the command line: parsed and formatted. Pure.

Users write times in four forms: a duration (``2h30m``), RFC 3339, a time of day
(``18:00``) and ``tomorrow 9:00``. Every other text is refused, and where a text has two
meanings, the one with the shorter access is used. Libraries such as dateparser and
dateutil are not used because they guess: they read ``10/11`` either way round, complete
a text from today's date and step over an hour that clocks skip.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import INSTANT_PATTERN, parse_instant

FORMS: Final = (
    "Write a duration as 2h or 2h30m; a time as 2026-11-25T18:00:00Z (RFC 3339), 18:00"
    " or 'tomorrow 9:00'."
)
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_DURATION: Final = re.compile(
    r"(?=.)(?:([0-9]{1,4})d)?(?:([0-9]{1,5})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,7})s)?"
)
_TIME_OF_DAY: Final = re.compile(
    r"(tomorrow +)?([0-9]{1,2}):([0-9]{2})", re.ASCII | re.IGNORECASE
)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class InvalidTime(Exception):
    """A text is not one time or duration; the message names the forms."""


@dataclass(frozen=True, slots=True)
class ParsedTime:
    """A time that a user wrote."""

    instant: datetime
    """In UTC, in whole seconds."""
    note: str = ""
    """How an ambiguous text was read; empty if it has only one meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeContext:
    """Context that a time of day is resolved in."""

    now: datetime
    after: datetime
    """Lower bound of the time: ``now``, or for an end the start of the grant."""
    zone: tzinfo | None = None
    """None for the local time zone."""
    is_start: bool = False
    """True to use the later of two instants; for an end, the earlier one is used."""


def parse_zone(name: str) -> tzinfo | None:
    """Return the time zone with an IANA name; None for an empty name.

    Raises:
        InvalidTime: The time zone does not exist on this machine.
    """
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidTime(
            f"time zone {quote(name)} does not exist here. Write an IANA name, such as"
            " Europe/Paris."
        ) from error


def parse_duration_argument(text: str) -> timedelta:
    """Parse days (of 24 hours), hours, minutes and seconds, in this order.

    Raises:
        InvalidTime: The text is not a duration, or the duration is zero.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        hint = " --until takes a time." if ":" in text else ""
        raise InvalidTime(f"{quote(text)} is not a duration.{hint} {FORMS}")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    duration = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not duration:
        raise InvalidTime(f"{quote(text)} is zero. Write a longer duration.")
    return duration


def parse_time(text: str, context: TimeContext) -> ParsedTime:
    """Parse RFC 3339, a time of day, or a time of day with ``tomorrow``.

    Args:
        text: ``2026-11-25T18:00:00Z``, ``18:00`` or ``tomorrow 9:00``. A time of day is
            the next one after ``context.after``; tomorrow is the day after ``now``.
        context: The current time, the time zone and the lower bound.

    Raises:
        InvalidTime: The text has another form, clocks skip the time on that day, or
            the time has already passed.
    """
    stripped = text.strip()
    if re.fullmatch(INSTANT_PATTERN, stripped):
        try:
            moment = ParsedTime(parse_instant(stripped, round_up=context.is_start))
        except InvalidGrant as error:
            raise InvalidTime(f"{error}.") from error
        return _check_is_ahead(text, moment, context)
    found = _TIME_OF_DAY.fullmatch(stripped)
    if found is None:
        is_duration = _DURATION.fullmatch(stripped)
        hint = " --for and --by take a duration." if is_duration else ""
        raise InvalidTime(f"{quote(text)} is not a time.{hint} {FORMS}")
    try:
        clock_time = time(int(found[2]), int(found[3]))
    except ValueError as error:
        raise InvalidTime(
            f"{quote(text)} is not a time of day. Times go from 0:00 to 23:59."
        ) from error
    if found[1]:
        tomorrow = _next_day(context.now.astimezone(context.zone).date())
        return _check_is_ahead(text, _on_day(tomorrow, clock_time, context), context)
    return _next_occurrence(clock_time, context)


def parse_past_time(text: str, now: datetime) -> datetime:
    """Parse how long ago, or an RFC 3339 date or time; a date begins in UTC.

    Args:
        text: ``30d``, ``2026-11-01`` or ``2026-11-01T08:00:00+01:00``.
        now: The current time, from which a duration is subtracted.

    Raises:
        InvalidTime: The text has another form.
    """
    try:
        if _DURATION.fullmatch(text):
            return now - parse_duration_argument(text)
        if _DATE.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        return parse_instant(text)
    except (InvalidGrant, ValueError, OverflowError) as error:
        raise InvalidTime(
            f"{quote(text)} is not a time in the past. Write 30d, 2026-11-01 or"
            " 2026-11-01T08:00:00Z."
        ) from error


def short(duration: timedelta) -> str:
    """Format a duration in at most two units, rounded down: ``2h5m``, ``3d4h``."""
    seconds = int(duration.total_seconds())
    parts: list[str] = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count}{unit}")
        elif parts:
            break
    return "".join(parts[:2])


def relative(moment: datetime, now: datetime) -> str:
    """Format the distance to a time: ``in 2h5m``, ``40s ago``, ``now``."""
    distance = moment - now
    if abs(distance) < timedelta(seconds=1):
        return "now"
    return f"in {short(distance)}" if moment > now else f"{short(-distance)} ago"


def when(moment: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    """Format a time and its distance: ``2026-11-24 18:00 CET (in 2h5m)``.

    Without a zone, the time is local. The last hours of the year 9999 exist only west
    of UTC; elsewhere they are shown in UTC.
    """
    try:
        local = moment.astimezone(zone)
    except OverflowError:
        local = moment.astimezone(UTC)
    seconds = f":{local.second:02}" if local.second else ""
    clock_time = f"{local:%Y-%m-%d %H:%M}{seconds} {local.tzname()}"
    return f"{clock_time} ({relative(moment, now)})"


def _next_occurrence(clock_time: time, context: TimeContext) -> ParsedTime:
    """Return the first time after ``after`` at which clocks show this."""
    day = context.after.astimezone(context.zone).date()
    moment = _on_day(day, clock_time, context)
    if moment.instant > context.after:
        return moment
    moment = _on_day(_next_day(day), clock_time, context)
    return ParsedTime(
        moment.instant, moment.note or f"{clock_time:%H:%M} on the next day"
    )


def _next_day(day: date) -> date:
    try:
        return day + timedelta(days=1)
    except OverflowError as error:
        raise InvalidTime("the next day is past the end of the calendar.") from error


def _on_day(day: date, clock_time: time, context: TimeContext) -> ParsedTime:
    """Return when clocks in the zone show this time; they do so 0 to 2 times a day."""
    shown = datetime.combine(day, clock_time)
    instants = _instants(shown, context.zone)
    if not instants:
        raise InvalidTime(
            f"clocks skip {shown:%Y-%m-%d %H:%M}, when they go forward. Write a time"
            " one hour later or earlier."
        )
    if len(instants) == 1:
        return ParsedTime(instants[0])
    # Use the latest start or the earliest end of those that have not passed.
    ahead = [one for one in instants if one > context.after] or instants
    chosen = max(ahead) if context.is_start else min(ahead)
    which = "first" if chosen == instants[0] else "second"
    return ParsedTime(
        chosen,
        f"{clock_time:%H:%M} occurs twice on that day, when clocks go back; the"
        f" {which} is used",
    )


def _instants(shown: datetime, zone: tzinfo | None) -> list[datetime]:
    """Return all instants at which a clock of the zone shows this, in order.

    Source: PEP 495. ``fold`` selects one of two instants with the same local time; a
    local time that clocks skip does not survive the conversion to UTC and back.
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


def _check_is_ahead(text: str, moment: ParsedTime, context: TimeContext) -> ParsedTime:
    is_ahead = moment.instant > context.now
    if moment.instant > context.after or (context.is_start and is_ahead):
        return moment
    if context.after > context.now and is_ahead:
        raise InvalidTime(f"{quote(text)} is not after the start.")
    raise InvalidTime(f"{quote(text)} has already passed. Write a time in the future.")
