"""Moments are written as people read them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from argogrant.cli.terminal.times import relative, short, when

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        pytest.param(0, "0s", id="nothing"),
        pytest.param(59, "59s", id="seconds"),
        pytest.param(3_600, "1h", id="a unit that is whole stands alone"),
        pytest.param(3_725, "1h2m", id="two units are enough"),
        pytest.param(3_605, "1h", id="a unit is not skipped"),
        pytest.param(2 * 86_400 + 3_600, "2d1h", id="days"),
    ],
)
def test_a_span_is_short(seconds: int, written: str) -> None:
    assert short(timedelta(seconds=seconds)) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        pytest.param(300, "in 5m", id="to come"),
        pytest.param(-300, "5m ago", id="past"),
        pytest.param(0.4, "now", id="less than a second away"),
    ],
)
def test_a_distance_says_its_direction(seconds: float, written: str) -> None:
    assert relative(NOW + timedelta(seconds=seconds), NOW) == written


def test_a_moment_has_its_zone_and_its_distance() -> None:
    zone = timezone(timedelta(hours=1), "CET")

    assert when(NOW + timedelta(hours=2), NOW, zone) == "2026-11-24 15:00 CET (in 2h)"
