"""The period that a report is about, as a person names it. Pure."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.validation import quoted
from argogrant.grants.model.window import parse_instant

_AGO: Final = re.compile(r"([0-9]{1,5})([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class NoMoment(ValueError):
    """A text names no moment; the message says how to write one."""


class Period(NamedTuple):
    """From ``since`` on, until just before ``until``."""

    since: datetime
    until: datetime

    def touches(self, start: datetime, end: datetime | None) -> bool:
        """Tell whether some moment between two others is in it; None: no end yet."""
        return start < self.until and (end is None or end > self.since)


def parse_past(text: str, now: datetime) -> datetime:
    """Read how long ago, or a date, whose day begins in UTC, or an RFC 3339 time.

    Args:
        text: ``30d``, ``2026-11-01`` or ``2026-11-01T08:00:00+01:00``.
        now: What is counted back from.

    Raises:
        NoMoment: It is none of these.
    """
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            return now - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
        if _DATE.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        return parse_instant(text)
    except (InvalidGrant, ValueError, OverflowError) as error:
        raise NoMoment(
            f"{quoted(text)} is no moment; write 30d, 2026-11-01 or"
            " 2026-11-01T08:00:00Z"
        ) from error
