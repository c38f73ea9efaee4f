"""How long the record of an ended grant is kept."""

from datetime import timedelta

import pytest

from argogrant.grants.retention import EndedGrant, delete_after
from support.builders import HOUR, NOON, a_grant

DAY = timedelta(days=1)


def remains(grant=None, **overrides) -> EndedGrant:
    facts = {"ended_at": NOON + HOUR, "is_gone": True, **overrides}
    return EndedGrant(grant=grant or a_grant(), **facts)


def test_a_record_is_kept_for_the_retention_after_the_end() -> None:
    assert delete_after(remains(), DAY) == NOON + HOUR + DAY


def test_no_retention_is_no_delay() -> None:
    assert delete_after(remains(), timedelta(0)) == NOON + HOUR


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
    assert delete_after(kept, DAY) is None


def test_a_retention_past_the_calendar_is_for_ever() -> None:
    assert delete_after(remains(), timedelta.max) is None
