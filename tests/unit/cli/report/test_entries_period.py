"""The period that a report is about."""

from datetime import UTC, datetime

import pytest

from argogrant.cli.report.entries import InvalidPeriod, Period, parse_past
from support.builders import HOUR, MINUTE, NOON


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1h", NOON - HOUR),
        ("2d", datetime(2026, 11, 22, 12, tzinfo=UTC)),
        ("1w", datetime(2026, 11, 17, 12, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-24T12:00:00+01:00", NOON - HOUR),
    ],
)
def test_a_moment_is_read(text, expected) -> None:
    assert parse_past(text, NOON) == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "30", "-1d", "2026-13-01", "999999w", "1h30m"]
)
def test_what_is_no_moment_is_named_with_a_remedy(text) -> None:
    with pytest.raises(InvalidPeriod, match="is no moment; write 30d, 2026-11-01 or"):
        parse_past(text, NOON)


@pytest.mark.parametrize(
    ("start", "end", "touches"),
    [
        pytest.param(NOON - HOUR, NOON, False, id="what ends at its beginning"),
        pytest.param(NOON - HOUR, NOON + MINUTE, True, id="what reaches into it"),
        pytest.param(NOON - HOUR, None, True, id="what has no end"),
        pytest.param(NOON + HOUR, None, False, id="what begins at its end"),
    ],
)
def test_a_period_is_half_open(start, end, touches) -> None:
    assert Period(NOON, NOON + HOUR).touches(start, end) is touches
