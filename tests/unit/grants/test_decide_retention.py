"""Retention of ended grants."""

from datetime import timedelta

import pytest

from argogrant.grants.decide import EndedGrant, delete_after
from support.builders import HOUR, MINUTE, NOON, a_grant

DAY = timedelta(days=1)


def ended_grant(grant=None, **overrides) -> EndedGrant:
    fields = {
        "ended_at": NOON + HOUR,
        "latest_end": NOON + HOUR,
        "is_gone": True,
        **overrides,
    }
    return EndedGrant(grant=grant or a_grant(), **fields)


def test_grant_is_kept_for_the_retention_time_after_its_end() -> None:
    assert delete_after(ended_grant(), DAY) == NOON + HOUR + DAY


def test_forged_end_before_the_creation_does_not_delete_the_record() -> None:
    """Without the record, a chain of grants would begin again."""
    assert delete_after(ended_grant(ended_at=NOON - 30 * DAY), DAY) == NOON + DAY


def test_retention_of_zero_deletes_at_once() -> None:
    assert delete_after(ended_grant(), timedelta(0)) == NOON + HOUR


@pytest.mark.parametrize(
    ("latest_end", "until"),
    [
        pytest.param(NOON + 3 * HOUR, NOON + 3 * HOUR, id="before the latest end"),
        pytest.param(NOON + HOUR, NOON + HOUR + MINUTE, id="after the latest end"),
    ],
)
def test_short_retention_deletes_no_grant_that_could_be_in_force(
    latest_end, until
) -> None:
    """It was revoked at one; its manifest would give access until three."""
    assert delete_after(ended_grant(latest_end=latest_end), MINUTE) == until


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param(ended_grant(is_applied_again=True), id="applied from Git"),
        pytest.param(ended_grant(a_grant(being_deleted=True)), id="being deleted"),
        pytest.param(ended_grant(is_gone=False), id="binding may still apply"),
        pytest.param(ended_grant(is_continued=True), id="extended by another grant"),
    ],
)
def test_grant_is_kept_regardless_of_its_age(kept) -> None:
    assert delete_after(kept, DAY) is None


def test_retention_beyond_the_calendar_keeps_a_grant_forever() -> None:
    assert delete_after(ended_grant(), timedelta.max) is None
