"""Writes of the managed policy key: rate limit, contention and metrics.

A write that removes access is never delayed. A write that only adds access waits for
other changes of the same second, and longer while another program overwrites the key.
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
    """Return the earliest expiry that has passed while its binding still exists.

    Argo CD keeps its policy in memory if the ConfigMap is deleted, so the last version
    that it loaded is used until another version exists.

    Args:
        seen: The observed state of Argo CD.
        decisions: The decisions about all grants.
        now: A binding that expires at this instant is overdue.
    """
    overlay = (
        seen.last_loaded_config_map.overlay
        if seen.last_loaded_config_map is not None
        else None
    )
    all_ends = [managed_member_ends(seen)]
    if overlay is not None:
        all_ends.append(overlay.ends)
    overdue = {
        binding: end
        for ends in all_ends
        for binding, end in ends.items()
        if end and end <= now
    }
    if not overdue:
        return None
    for decision in decisions:
        if decision.desired_binding is not DesiredBinding.ABSENT:
            overdue.pop(decision.grant.binding, None)
    return min(overdue.values(), default=None)


def lags_of(removed: Collection[Binding], ends: Ends, now: datetime) -> list[float]:
    """Return how many seconds after its expiry each binding was removed.

    Bindings that were removed before their expiry do not count.
    """
    removed_ends = (ends.get(binding) for binding in removed)
    return [(now - end).total_seconds() for end in removed_ends if end and end <= now]


Clock = Callable[[], datetime]

WRITE_PAUSE: Final = 1.0
"""Seconds between two writes that only add access, so a burst shares one write."""

logger = logging.getLogger(__name__)


class Applier:
    """Writer of the managed key of one instance.

    Args:
        qualified_name: Namespace and name of the instance, for the log.
        metrics: Counters of the writes.
        clock: Current time in UTC.
    """

    def __init__(
        self, qualified_name: str, metrics: InstanceMetrics, clock: Clock
    ) -> None:
        self._qualified_name = qualified_name
        self._clock = clock
        self._metrics = metrics
        self._contention = Contention()
        self._last_write: float | None = None
        self.last_write_at: datetime | None = None

    @property
    def contested(self) -> Finding | None:
        """The program that repeatedly overwrites the managed key, if there is one."""
        return self._contention.finding()

    def detect_external_change(self, planned: Plan, seen: Snapshot) -> None:
        """Record whether another program has changed the managed key."""
        if seen.config_map is not None:
            at = asyncio.get_running_loop().time()
            self._contention.observe(seen.config_map, is_wrong=planned.has_work, at=at)

    def write_delay(self, planned: Plan) -> float | None:
        """Return the seconds until the plan may be written; None for now.

        A plan that removes access is never delayed.
        """
        if not planned.has_work or planned.is_urgent:
            return None
        now = asyncio.get_running_loop().time()
        due_times = [self._contention.next_write_at()]
        if self._last_write is not None:
            due_times.append(self._last_write + WRITE_PAUSE)
        delay = max((due for due in due_times if due is not None), default=now) - now
        return delay if delay > 0 else None

    async def write(
        self,
        argocd: ArgoCD,
        planned: Plan,
        seen: Snapshot,
        *,
        orphans: Collection[Binding],
        remove_key: bool,
    ) -> None:
        """Write the planned key, or remove it when the instance is deleted.

        Raises:
            Conflict: The ConfigMap has changed since it was observed.
            ClusterError: The ConfigMap could not be written.
        """
        assert planned.overlay is not None
        assert seen.config_map is not None
        text = None if remove_key else planned.overlay.text
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
            self._qualified_name,
            len(planned.overlay.to_add),
            len(removed),
            len(orphans),
        )


def orphans_of(planned: Plan, decisions: Iterable[Decision]) -> frozenset[Binding]:
    """Return the bindings to remove that belong to no grant."""
    removed = planned.overlay.to_remove if planned.overlay else frozenset()
    of_grants = (decision.grant.binding for decision in decisions)
    return removed - {binding for binding in of_grants if binding in removed}
