"""The write of the overlay: when it may go out, and what is counted about it.

Bindings that are still there although their end has passed.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Final

from argogrant.argocd.overlay import Overlay
from argogrant.controller.appproject.placement import managed_member_ends
from argogrant.controller.argocd_state import ArgoCD, Snapshot
from argogrant.controller.contention import Contention
from argogrant.controller.plan import Plan
from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import Finding
from argogrant.kube.errors import ClusterError, Conflict
from argogrant.telemetry.metrics import InstanceMetrics

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
    overlay = (
        seen.last_loaded_config_map.overlay
        if seen.last_loaded_config_map is not None
        else None
    )
    places = [managed_member_ends(seen)]
    if overlay is not None:
        places.append(overlay.ends)
    passed = {
        b: end for ends in places for b, end in ends.items() if end and end <= now
    }
    if not passed:
        return None
    for decision in decisions:
        if decision.desired_binding is not DesiredBinding.ABSENT:
            passed.pop(decision.grant.binding, None)
    return min(passed.values(), default=None)


def lags_of(removed: Collection[Binding], ends: Ends, now: datetime) -> list[float]:
    """Tell how late each binding was removed, in seconds; early ones do not count."""
    told = (ends.get(binding) for binding in removed)
    return [(now - end).total_seconds() for end in told if end and end <= now]


Clock = Callable[[], datetime]

WRITE_PAUSE: Final = 1.0
"""Seconds between two writes that take nothing away: bursts share a write."""

logger = logging.getLogger(__name__)


class Applier:
    """Writes one instance's overlay.

    Args:
        title: What the instance is called in the log.
        metrics: Told of every write.
        clock: Tells the time in UTC.
    """

    def __init__(self, title: str, metrics: InstanceMetrics, clock: Clock) -> None:
        self._title = title
        self._clock = clock
        self._metrics = metrics
        self._contention = Contention()
        self._last_write: float | None = None
        self.last_write_at: datetime | None = None

    @property
    def contested(self) -> Finding | None:
        """Who keeps changing our key, if somebody does."""
        return self._contention.finding()

    def detect_external_change(self, planned: Plan, seen: Snapshot) -> None:
        """Notice whether somebody else changed what was written."""
        if seen.config_map is not None:
            at = asyncio.get_running_loop().time()
            self._contention.observe(seen.config_map, is_wrong=planned.has_work, at=at)

    def write_delay(self, planned: Plan) -> float | None:
        """Say how long a write has to wait; None if it may go out now.

        What takes access away never waits. What gives it waits for others of its
        burst, and longer where somebody keeps undoing it.
        """
        if not planned.has_work or planned.is_urgent:
            return None
        now = asyncio.get_running_loop().time()
        dues = [self._contention.next_write_at()]
        if self._last_write is not None:
            dues.append(self._last_write + WRITE_PAUSE)
        wait = max((due for due in dues if due is not None), default=now) - now
        return wait if wait > 0 else None

    async def write(
        self,
        argocd: ArgoCD,
        planned: Plan,
        seen: Snapshot,
        *,
        orphans: Collection[Binding],
        leaving: bool,
    ) -> None:
        """Write what was planned, or remove the key when the instance goes.

        Raises:
            Conflict: The ConfigMap changed since it was seen.
            ClusterError: It could not be written.
        """
        assert planned.overlay is not None
        assert seen.config_map is not None
        text = None if leaving else planned.overlay.text
        try:
            await argocd.write_overlay(text, seen.config_map.resource_version)
        except ClusterError as error:
            conflict = isinstance(error, Conflict)
            self._metrics.record_write("conflict" if conflict else "error")
            raise
        self._contention.record_write(text)
        self._last_write = asyncio.get_running_loop().time()
        self.last_write_at = self._clock()
        self._metrics.record_write("ok")
        self._count(planned, seen.config_map.overlay, orphans)

    def _count(
        self, planned: Plan, before: Overlay | None, orphans: Collection[Binding]
    ) -> None:
        assert planned.overlay is not None
        assert self.last_write_at is not None
        removed, ends = planned.overlay.to_remove, before.ends if before else {}
        ended = removed.difference(orphans)
        self._metrics.record_removals(
            lags=lags_of(ended, ends, self.last_write_at),
            orphans=len(orphans),
        )
        logger.info(
            "%s: wrote the overlay: %d added, %d removed, %d of them orphans.",
            self._title,
            len(planned.overlay.to_add),
            len(removed),
            len(orphans),
        )


def orphans_of(planned: Plan, decisions: Iterable[Decision]) -> frozenset[Binding]:
    """Give what is to be removed although no grant wants it or wanted it."""
    removed = planned.overlay.to_remove if planned.overlay else frozenset()
    granted = (decision.grant.binding for decision in decisions)
    return removed - {binding for binding in granted if binding in removed}
