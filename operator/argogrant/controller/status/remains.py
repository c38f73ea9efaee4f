"""Which records of ended grants there are, and until when each is kept. Pure."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from argogrant.controller.cached_objects import GrantRecord
from argogrant.controller.status.binding_state import Standing
from argogrant.controller.status.retention import Kept
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.window import parse_instant
from argogrant.grants.retention import Remains, kept_until


def records_kept(
    standing: Standing,
    retention: timedelta,
    status_of: Callable[[GrantRecord], Mapping[str, Any]],
) -> Iterator[Kept]:
    """Say of each ended grant until when its record is kept; not of those for ever.

    Args:
        standing: What stands after a convergence.
        retention: How long records are kept after the end.
        status_of: Gives the status that a grant has, or is about to have.
    """
    continued = {
        earlier.uid
        for decision in standing.decisions.all()
        if not decision.has_ended
        for earlier in decision.circumstances.chain
    }
    for uid, record in standing.decisions.records.items():
        decision = standing.decisions.of(uid)
        if decision is None or not decision.has_ended:
            continue
        ended_at = _instant(status_of(record).get("endedAt", ""))
        if ended_at is None:
            continue
        remains = Remains(
            grant=decision.grant,
            ended_at=ended_at,
            is_gone=standing.is_certain and standing.is_gone(decision),
            is_continued=uid in continued,
        )
        until = kept_until(remains, retention)
        if until is not None:
            yield Kept(until, record.name, uid)


@lru_cache(maxsize=16384)
def _instant(text: str) -> datetime | None:
    """Read an end once: ten thousand are looked at in every convergence.

    None if there is none, or if somebody else wrote what is no instant.
    """
    try:
        return parse_instant(text)
    except InvalidGrant:
        return None
