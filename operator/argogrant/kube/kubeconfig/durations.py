"""Durations of ``--request-timeout``.

Source: kubernetes/client-go, ``tools/clientcmd/helpers.go``, ``ParseTimeout``;
golang/go, ``time.ParseDuration``.
"""

import re
from typing import Final

_UNITS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3_600.0,
}
_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)


def parse_timeout(text: str) -> float | None:
    """Return a duration in seconds; None if the text is none.

    It is a number of seconds, or a duration of Go such as ``1m30s``.
    """
    if re.fullmatch(r"\+?\d{1,9}", text, re.ASCII):
        return float(text)
    plain = text.removeprefix("+")
    parts = _PART.findall(plain)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != plain:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
