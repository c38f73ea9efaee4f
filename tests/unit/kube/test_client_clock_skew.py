"""Clock skew from Date headers, which have whole seconds."""

from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.kube.client import ClockSkew
from support.builders import NOON


def observe(skew: ClockSkew, *, ahead: float, sent: float, took: float) -> None:
    """Observe a response of a server whose clock is ahead by so many seconds."""
    sent_at = NOON + timedelta(seconds=sent)
    stamped = sent_at + timedelta(seconds=took / 2 + ahead)
    date = format_datetime(stamped.replace(microsecond=0), usegmt=True)
    skew.observe(date, sent=sent_at, received=sent_at + timedelta(seconds=took))


@given(
    st.floats(-1e5, 1e5),
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(0.001, 2)), min_size=1),
)
def test_skew_is_never_overstated(ahead, responses) -> None:
    """A clock that is corrected by the skew is never corrected too far."""
    skew = ClockSkew()
    for sent, took in responses:
        observe(skew, ahead=ahead, sent=sent, took=took)

    assert abs(skew.seconds) <= abs(ahead) + 1e-3
    assert skew.seconds * ahead >= 0


def test_many_responses_narrow_the_skew() -> None:
    skew = ClockSkew()
    for number in range(100):
        observe(skew, ahead=7.0, sent=number * 1.01, took=0.01)

    assert skew.seconds == pytest.approx(7.0, abs=0.05)


def test_skew_is_zero_before_the_first_response() -> None:
    assert ClockSkew().seconds == 0.0


def test_skew_follows_a_stepped_clock_at_once() -> None:
    """The new bounds contradict the earlier ones."""
    skew = ClockSkew()
    observe(skew, ahead=0.0, sent=0, took=0.01)
    observe(skew, ahead=60.0, sent=1, took=0.01)
    assert 58 < skew.seconds <= 60
    observe(skew, ahead=0.0, sent=2, took=0.01)

    assert abs(skew.seconds) <= 1


@pytest.mark.parametrize("date", ["", "soon", "Tue, 99 Nov 2026 12:00:00 GMT"])
def test_invalid_date_is_ignored(date) -> None:
    skew = ClockSkew()
    skew.observe(date, sent=NOON, received=NOON)

    assert skew.seconds == 0.0


def test_date_without_a_zone_is_utc() -> None:
    skew = ClockSkew()
    date = "Tue, 24 Nov 2026 12:01:00 -0000"
    skew.observe(date, sent=NOON, received=NOON)

    assert skew.seconds == 60.0
    assert isinstance(NOON, datetime)
