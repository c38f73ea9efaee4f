"""Formats of times and durations."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from argogrant.cli.terminal.times import relative, short, when

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(0, "0s", id="zero"),
        pytest.param(59, "59s", id="seconds"),
        pytest.param(3_600, "1h", id="one unit"),
        pytest.param(3_725, "1h2m", id="at most two units"),
        pytest.param(3_605, "1h", id="no unit is skipped"),
        pytest.param(2 * 86_400 + 3_600, "2d1h", id="days"),
    ],
)
def test_duration_has_at_most_two_units(seconds: int, text: str) -> None:
    assert short(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(300, "in 5m", id="future"),
        pytest.param(-300, "5m ago", id="past"),
        pytest.param(0.4, "now", id="less than a second away"),
    ],
)
def test_distance_has_a_direction(seconds: float, text: str) -> None:
    assert relative(NOW + timedelta(seconds=seconds), NOW) == text


def test_time_has_zone_and_distance() -> None:
    zone = timezone(timedelta(hours=1), "CET")

    assert when(NOW + timedelta(hours=2), NOW, zone) == "2026-11-24 15:00 CET (in 2h)"


def test_time_that_no_local_clock_can_show_is_in_utc() -> None:
    """Anybody who can create a grant can request the last second of the year 9999."""
    zone = timezone(timedelta(hours=1), "CET")
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

    assert when(last, NOW, zone).startswith("9999-12-31 23:59:59 UTC ")
