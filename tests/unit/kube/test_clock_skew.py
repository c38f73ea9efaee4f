"""How far the API server's clock is from ours, told by whole seconds."""

from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.kube.clock_skew import ClockSkew
from support.builders import NOON


def answered(skew: ClockSkew, *, ahead: float, sent: float, took: float) -> None:
    """An answer of a server whose clock is so much ahead, by a Date in seconds."""
    left = NOON + timedelta(seconds=sent)
    stamped = left + timedelta(seconds=took / 2 + ahead)
    date = format_datetime(stamped.replace(microsecond=0), usegmt=True)
    skew.observe(date, sent=left, received=left + timedelta(seconds=took))


@given(
    st.floats(-1e5, 1e5),
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(0.001, 2)), min_size=1),
)
def test_a_difference_is_never_overstated(ahead, answers) -> None:
    """Whoever corrects a clock by this stays on the safe side."""
    skew = ClockSkew()
    for sent, took in answers:
        answered(skew, ahead=ahead, sent=sent, took=took)

    assert abs(skew.seconds) <= abs(ahead) + 1e-3
    assert skew.seconds * ahead >= 0


def test_many_answers_narrow_a_difference_down() -> None:
    skew = ClockSkew()
    for number in range(100):
        answered(skew, ahead=7.0, sent=number * 1.01, took=0.01)

    assert skew.seconds == pytest.approx(7.0, abs=0.05)


def test_nothing_heard_is_no_difference() -> None:
    assert ClockSkew().seconds == 0.0


def test_a_clock_that_was_stepped_is_followed_at_once() -> None:
    """What was known before contradicts what is heard now."""
    skew = ClockSkew()
    answered(skew, ahead=0.0, sent=0, took=0.01)
    answered(skew, ahead=60.0, sent=1, took=0.01)
    assert 58 < skew.seconds <= 60
    answered(skew, ahead=0.0, sent=2, took=0.01)

    assert abs(skew.seconds) <= 1


@pytest.mark.parametrize("date", ["", "soon", "Tue, 99 Nov 2026 12:00:00 GMT"])
def test_what_is_no_date_is_ignored(date) -> None:
    skew = ClockSkew()
    skew.observe(date, sent=NOON, received=NOON)

    assert skew.seconds == 0.0


def test_a_date_without_a_zone_is_utc() -> None:
    skew = ClockSkew()
    date = "Tue, 24 Nov 2026 12:01:00 -0000"
    skew.observe(date, sent=NOON, received=NOON)

    assert skew.seconds == 60.0
    assert isinstance(NOON, datetime)
