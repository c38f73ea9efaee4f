"""Moments as people read them: absolute, with the zone, beside relative. Pure."""

from datetime import datetime, timedelta, tzinfo
from typing import Final

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def short(span: timedelta) -> str:
    """Write a span in at most two units, rounded down: ``2h5m``, ``3d4h``, ``40s``."""
    seconds = int(span.total_seconds())
    parts: list[str] = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count}{unit}")
        elif parts:
            break
    return "".join(parts[:2])


def relative(moment: datetime, now: datetime) -> str:
    """Write how far away a moment is: ``in 2h5m``, ``40s ago``, ``now``."""
    span = moment - now
    if abs(span) < timedelta(seconds=1):
        return "now"
    return f"in {short(span)}" if span > timedelta(0) else f"{short(-span)} ago"


def absolute(moment: datetime, zone: tzinfo | None = None) -> str:
    """Write a moment with its zone: ``2026-11-24 18:00 CET``.

    Args:
        moment: With a zone of its own.
        zone: The one to write it in; the machine's if none is given.
    """
    local = moment.astimezone(zone)
    seconds = f":{local.second:02}" if local.second else ""
    return f"{local:%Y-%m-%d %H:%M}{seconds} {local.tzname()}"


def when(moment: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    """Write both: ``2026-11-24 18:00 CET (in 2h5m)``."""
    return f"{absolute(moment, zone)} ({relative(moment, now)})"
