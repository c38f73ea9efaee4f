"""Instants, durations and the half-open window in which a grant can be in force.

Source: DESIGN: everything is derived from what the API server stamped, in UTC and in
whole seconds, because ``metav1.Time`` keeps no more. Every rounding shortens access.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.validation import quote

INSTANT_PATTERN: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$"
)
"""RFC 3339 as people write it; the CRD refuses everything else."""

DURATION_PATTERN: Final = r"^([0-9]{1,9}(\.[0-9]{1,9})?(ns|us|µs|ms|s|m|h))+$"
"""The form that Go's ``time.ParseDuration`` reads, without signs."""

_DURATION_PART: Final = re.compile(r"([0-9]+)(?:\.([0-9]+))?(ns|us|µs|ms|s|m|h)")
_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_SECOND: Final = timedelta(seconds=1)

ENDS_REMEMBERED: Final = 1 << 15
"""Ends read before; a convergence meets the same ones again."""

END_OF_TIME: Final = datetime.max.replace(microsecond=0, tzinfo=UTC)
"""The end of what has none yet."""


class Window(NamedTuple):
    """From ``start`` on, until just before ``end``; empty if they are equal.

    A tuple, since one is made for every decision.
    """

    start: datetime
    end: datetime

    @property
    def has_end(self) -> bool:
        """Whether the end is known; that of what waits for approval may not be."""
        return self.end < END_OF_TIME

    def has_opened(self, now: datetime) -> bool:
        """Tell whether the start has come."""
        return now >= self.start

    def has_closed(self, now: datetime) -> bool:
        """Tell whether the end has come; an empty window was never open."""
        return now >= self.end or self.end <= self.start


def parse_instant(text: str, *, round_up: bool = False) -> datetime:
    """Read an RFC 3339 instant as a whole second in UTC.

    Args:
        text: As the API server holds it, ``2026-11-24T18:00:00.5+01:00``.
        round_up: True for a start, False for an end: access gets shorter.

    Raises:
        InvalidGrant: It is not such a text, or no calendar holds it.
    """
    if not re.fullmatch(INSTANT_PATTERN, text):
        raise InvalidGrant(
            f"{quote(text)} is not an RFC 3339 time; write it as 2026-11-24T18:00:00Z"
        )
    whole, fraction = re.sub(r"\.[0-9]+", "", text), re.search(r"\.([0-9]+)", text)
    try:
        instant = datetime.fromisoformat(whole).astimezone(UTC)
        if round_up and fraction is not None and int(fraction.group(1)) > 0:
            instant += _SECOND
    except (ValueError, OverflowError) as error:
        raise InvalidGrant(f"{quote(text)} is no date in the calendar") from error
    return instant


@lru_cache(maxsize=ENDS_REMEMBERED)
def read_end(text: str) -> datetime | None:
    """Read the end of a grant once: every convergence looks at ten thousand.

    Returns:
        None if it is no instant: other people can write in the same places.
    """
    try:
        return parse_instant(text)
    except InvalidGrant:
        return None


def format_instant(instant: datetime) -> str:
    """Write an instant as ``2026-11-24T18:00:00Z``."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def parse_duration(text: str) -> timedelta:
    """Read a Go-style duration, rounded down to whole seconds.

    Args:
        text: Numbers with units ``h``, ``m``, ``s``, ``ms``, ``us`` or ``ns``:
            ``2h30m``.

    Raises:
        InvalidGrant: It is no such text, or less than a second, or too long.
    """
    if not re.fullmatch(DURATION_PATTERN, text):
        raise InvalidGrant(f"{quote(text)} is not a duration; write it as 2h30m")
    nanoseconds = 0
    for whole, fraction, unit in _DURATION_PART.findall(text):
        nanoseconds += int(whole) * _NANOSECONDS[unit]
        if fraction:
            nanoseconds += int(fraction) * _NANOSECONDS[unit] // 10 ** len(fraction)
    seconds = nanoseconds // _NANOSECONDS["s"]
    if seconds < 1:
        raise InvalidGrant(f"{quote(text)} is less than one second; make it longer")
    try:
        return timedelta(seconds=seconds)
    except OverflowError as error:
        raise InvalidGrant(f"{quote(text)} is too long; make it shorter") from error


def format_duration(duration: timedelta) -> str:
    """Write a duration of whole seconds as ``2h30m``."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [
        f"{n}{unit}"
        for n, unit in zip((hours, minutes, seconds), "hms", strict=True)
        if n
    ]
    return "".join(parts) or "0s"


def window_of(
    grant: Grant, *, max_duration: timedelta, since: datetime | None = None
) -> Window:
    """Derive when a grant may be in force from what was stamped and what was written.

    Args:
        grant: Its creation, ``notBefore``, and ``expiresAt`` or ``duration``.
        max_duration: The lowest ceiling that applies, counted from the start.
        since: When the last approval that it needed was given; None if none was.

    Returns:
        The start is the latest of creation, ``notBefore`` and ``since``. The end is the
        earliest of what was asked for, the ceiling, and the end reported at activation.
    """
    start = grant.earliest_start
    if since is not None and since > start:
        start = since
    end = add_capped(start, max_duration)
    if grant.duration is not None and grant.duration < max_duration:
        end = add_capped(start, grant.duration)
    if grant.expires_at is not None and grant.expires_at < end:
        end = grant.expires_at
    if grant.frozen_end is not None and grant.frozen_end < end:
        end = grant.frozen_end
    return Window(start, end)


def pending_window(grant: Grant, *, patience: timedelta | None) -> Window:
    """Derive the window of a grant to which nobody agrees, or not yet.

    Its duration does not run before somebody does, so that it has an end only by
    ``expiresAt``, or as promised when it had begun already.

    Args:
        grant: What is asked for.
        patience: How long one with a duration may be in vain; None: for ever.
    """
    start = grant.earliest_start
    ends = [END_OF_TIME]
    if grant.expires_at is not None:
        ends.append(grant.expires_at)
    if grant.frozen_end is not None:
        ends.append(grant.frozen_end)
    elif grant.duration is not None and patience is not None:
        ends.append(add_capped(start, max(grant.duration, patience)))
    return Window(start, min(ends))


def add_capped(instant: datetime, duration: timedelta) -> datetime:
    """Add, but never past the end of the calendar."""
    try:
        return instant + duration
    except OverflowError:
        return END_OF_TIME
