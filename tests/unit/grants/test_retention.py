"""How long the record of an ended grant is kept."""

from datetime import timedelta

import pytest

from argogrant.grants.retention import Remains, kept_until
from support.builders import HOUR, NOON, a_grant

DAY = timedelta(days=1)


def remains(grant=None, **overrides) -> Remains:
    facts = {"ended_at": NOON + HOUR, "is_gone": True, **overrides}
    return Remains(grant=grant or a_grant(), **facts)


def test_a_record_is_kept_for_the_retention_after_the_end() -> None:
    assert kept_until(remains(), DAY) == NOON + HOUR + DAY


def test_no_retention_is_no_delay() -> None:
    assert kept_until(remains(), timedelta(0)) == NOON + HOUR


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param(
            remains(a_grant(tracked_by_git=True)), id="Git would create it anew"
        ),
        pytest.param(remains(a_grant(being_deleted=True)), id="it is being deleted"),
        pytest.param(remains(is_gone=False), id="Argo CD may still allow it"),
        pytest.param(remains(is_continued=True), id="another grant continues it"),
    ],
)
def test_a_record_is_kept_however_old_while(kept) -> None:
    assert kept_until(kept, DAY) is None


def test_a_retention_past_the_calendar_is_for_ever() -> None:
    assert kept_until(remains(), timedelta.max) is None
