"""Times, durations, and the window in which a grant can be in force.

    created ──▶ start ─────────────▶ end
                └──── in force ────┘   start <= now < end

The start is the latest of the creation, ``spec.notBefore`` and the last required
approval. The end is the earliest of ``spec.expiresAt``, or the start plus
``spec.duration``; the start plus each maximum duration; and ``status.expiresAt``.

Two rules make the end independent of when an object is created, which a tool or a
person can do again:

    notBefore and duration  the duration, and each maximum, count from ``notBefore``
    a record                the end is not after that of the record, and the duration
                            and each maximum also count from the start in the record

All times come from the API server, in UTC and whole seconds, because ``metav1.Time``
stores no fractions. Rounding always shortens access.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.untrusted_text import cached_if_short
from argogrant.grants.model.validation import quote

INSTANT_PATTERN: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$"
)
"""RFC 3339; the CRD rejects everything else."""

DURATION_PATTERN: Final = r"^([0-9]{1,9}(\.[0-9]{1,9})?(ns|us|µs|ms|s|m|h))+$"
"""Format of Go's ``time.ParseDuration``, without signs."""

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

ENDS_REMEMBERED: Final = 1 << 15
"""Number of parsed ends to keep; each reconciliation parses the same ones again."""

END_OF_TIME: Final = datetime.max.replace(microsecond=0, tzinfo=UTC)
"""End of a window that has no end yet."""


class Window(NamedTuple):
    """Time from ``start`` until just before ``end``; empty if they are equal.

    A tuple, as one is created for every decision.
    """

    start: datetime
    end: datetime

    @property
    def has_end(self) -> bool:
        """Return whether the end is known; unapproved grants may have none."""
        return self.end < END_OF_TIME

    def has_opened(self, now: datetime) -> bool:
        """Return whether the start is reached."""
        return now >= self.start

    def has_closed(self, now: datetime) -> bool:
        """Return whether the end is reached; an empty window is always closed."""
        return now >= self.end or self.end <= self.start


def parse_instant(text: str, *, round_up: bool = False) -> datetime:
    """Parse an RFC 3339 time as a whole second in UTC.

    Args:
        text: As stored in an object, ``2026-11-24T18:00:00.5+01:00``.
        round_up: True for a start, False for an end: rounding shortens access.

    Raises:
        InvalidGrant: The format is wrong, or the date does not exist.
    """
    if not re.fullmatch(INSTANT_PATTERN, text):
        raise InvalidGrant(
            f"{quote(text)} is not an RFC 3339 time; write it as 2026-11-24T18:00:00Z"
        )
    whole, fraction = re.sub(r"\.[0-9]+", "", text), re.search(r"\.([0-9]+)", text)
    try:
        instant = datetime.fromisoformat(whole).astimezone(UTC)
        if round_up and fraction is not None and int(fraction.group(1)) > 0:
            instant += timedelta(seconds=1)
    except (ValueError, OverflowError) as error:
        raise InvalidGrant(f"{quote(text)} is not a date in the calendar") from error
    return instant


@cached_if_short(ENDS_REMEMBERED)
def read_end(text: str) -> datetime | None:
    """Parse the end of a grant, once: a reconciliation reads ten thousand.

    Return None if it is no instant: other programs can write to the same places.
    """
    try:
        return parse_instant(text)
    except InvalidGrant:
        return None


def format_instant(instant: datetime) -> str:
    """Format a time as ``2026-11-24T18:00:00Z``."""
    return f"{instant.astimezone(UTC).isoformat(timespec='seconds')[:19]}Z"


def parse_duration(text: str) -> timedelta:
    """Parse a Go-style duration, rounded down to whole seconds.

    Args:
        text: Numbers with units ``h``, ``m``, ``s``, ``ms``, ``us`` or ``ns``:
            ``2h30m``.

    Raises:
        InvalidGrant: The format is wrong, or it is shorter than a second or too long.
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
    """Format a duration of whole seconds as ``2h30m``."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [
        f"{n}{unit}"
        for n, unit in zip((hours, minutes, seconds), "hms", strict=True)
        if n
    ]
    return "".join(parts) or "0s"


def window_of(
    grant: Grant, *, max_duration: timedelta, approved_at: datetime | None = None
) -> Window:
    """Derive the window of an approved grant, as the module's docstring defines it.

    Arguments as for ``window_without_status``.
    """
    window = window_without_status(
        grant, max_duration=max_duration, approved_at=approved_at
    )
    if grant.frozen_end is None or grant.frozen_end >= window.end:
        return window
    return Window(window.start, grant.frozen_end)


def window_without_status(
    grant: Grant, *, max_duration: timedelta, approved_at: datetime | None = None
) -> Window:
    """Derive the window from spec, creation and approval, as if it had no status.

    Args:
        grant: The grant.
        max_duration: The lowest maximum that applies, counted from the start.
        approved_at: Creation of the last required approval; None if none was required.
    """
    start = grant.earliest_start
    if approved_at is not None and approved_at > start:
        start = approved_at
    longest, counts_from = max_duration, start
    if grant.duration is not None:
        longest = min(grant.duration, max_duration)
        counts_from = grant.not_before or start
    end = add_capped(counts_from, longest)
    if grant.expires_at is not None and grant.expires_at < end:
        end = grant.expires_at
    record = grant.record
    if record is not None:
        end = min(end, record.end, add_capped(record.start, longest))
    return Window(start, end)


def fixed_end(grant: Grant) -> datetime | None:
    """Return the end that the spec alone determines, or None.

    It is the same for every object with this spec, whenever it is created or approved.
    """
    if grant.expires_at is not None:
        return grant.expires_at
    if grant.not_before is None or grant.duration is None:
        return None
    return add_capped(grant.not_before, grant.duration)


def latest_end(
    grant: Grant, *, max_duration: timedelta, approved_at: datetime | None = None
) -> datetime:
    """Return the latest end that the spec could still give, also to a copy.

    A revocation, a denial or a lower maximum makes it no earlier: the manifest that a
    tool applies again may not contain them.
    """
    end = window_without_status(
        grant, max_duration=max_duration, approved_at=approved_at
    ).end
    return max(end, fixed_end(grant) or end)


def pending_window(grant: Grant, *, approval_timeout: timedelta | None) -> Window:
    """Derive the window of a grant that is not approved.

    A duration counts from the approval, so the window has an end only by ``expiresAt``
    or ``notBefore``, by the approval timeout (None: unlimited), by the record, or if
    the grant had started before.
    """
    start = grant.earliest_start
    ends = [END_OF_TIME, fixed_end(grant) or END_OF_TIME]
    if grant.record is not None:
        ends.append(grant.record.end)
    if grant.frozen_end is not None:
        ends.append(grant.frozen_end)
    elif grant.duration is not None and approval_timeout is not None:
        ends.append(add_capped(start, max(grant.duration, approval_timeout)))
    return Window(start, min(ends))


def add_capped(instant: datetime, duration: timedelta) -> datetime:
    """Add a duration to a time; return at most the end of the calendar."""
    try:
        return instant + duration
    except OverflowError:
        return END_OF_TIME
