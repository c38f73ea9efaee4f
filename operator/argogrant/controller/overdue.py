"""Bindings that are still there although their end has passed."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from argogrant.controller.appproject.placement import ends_of_members
from argogrant.controller.argocd_state import Snapshot
from argogrant.grants.decide import Decision, Holding
from argogrant.grants.model.grant import Binding

Ends = Mapping[Binding, datetime | None]


def overdue_since(
    seen: Snapshot, decisions: Iterable[Decision], now: datetime
) -> datetime | None:
    """Tell the earliest end that has passed without its binding being removed.

    Argo CD keeps its last rules in memory when the ConfigMap goes, so that what was
    seen last counts until something else is seen.

    Args:
        seen: What is there.
        decisions: What every grant wants.
        now: An end at this instant has passed.
    """
    overlay = seen.remembered.overlay if seen.remembered is not None else None
    places = [ends_of_members(seen)]
    if overlay is not None:
        places.append(overlay.ends)
    passed = {
        b: end for ends in places for b, end in ends.items() if end and end <= now
    }
    if not passed:
        return None
    for decision in decisions:
        if decision.holding is not Holding.RELEASE:
            passed.pop(decision.grant.binding, None)
    return min(passed.values(), default=None)


def lags_of(removed: Collection[Binding], ends: Ends, now: datetime) -> list[float]:
    """Tell how late each binding was removed, in seconds; early ones do not count."""
    told = (ends.get(binding) for binding in removed)
    return [(now - end).total_seconds() for end in told if end and end <= now]
