"""Writer of policy.argogrant.csv, and detection of programs that overwrite the key.

A write that removes access is never delayed, and delays no other. A write that only
adds access waits for other changes of the same second, and longer while another program
overwrites the key: two programs that overwrite each other make Argo CD reload its
policy without end. From the third overwrite within ten minutes, each delay is twice as
long as the one before, and the condition ``Contested`` names the field manager of the
other program::

    time      0 s       overwritten  ─> written again at once
              ...       overwritten  ─> written again at once
              third     overwritten  ─> written again after 2 s, then 4 s, ... 60 s
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Final

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.appproject.placement import managed_member_ends
from argogrant.controller.argocd_state import ArgoCD, Snapshot
from argogrant.controller.plan import Plan
from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.validation import quote
from argogrant.kube.errors import ClusterError, Conflict
from argogrant.telemetry.metrics import InstanceMetrics

Clock = Callable[[], datetime]
Ends = Mapping[Binding, datetime | None]

WRITE_PAUSE: Final = 1.2
"""Seconds between two writes that add access, so a burst shares one write. Ends are at
whole seconds; with a pause of one second, additions would be written just before."""
PERIOD_SECONDS: Final = 600.0
CONTESTED_FROM: Final = 3
"""Overwrites within the period; fewer are corrected at once."""
FIRST_DELAY: Final = 2.0
LONGEST_DELAY: Final = 60.0

logger = logging.getLogger(__name__)


class Contention:
    """Overwrites of one text, all times in seconds of one monotonic clock."""

    def __init__(self, what: str = f"{OVERLAY_KEY} of argocd-rbac-cm") -> None:
        self._what = what
        self._expected: str | None = None
        self._is_expected = False
        self._overwritten_at: deque[float] = deque()
        self._manager = ""

    def record_write(self, text: str | None) -> None:
        """Record the text that stays until the next own write."""
        self._expected, self._is_expected = text, True

    def record_overwrite(
        self, text: str | None, manager: str, *, is_wrong: bool, at: float
    ) -> None:
        """Record an overwrite of the text, if there was one.

        Args:
            text: The observed text.
            manager: The field manager that wrote last; may be empty.
            is_wrong: Whether the text has to be corrected.
            at: Current time.
        """
        while self._overwritten_at and at - self._overwritten_at[0] > PERIOD_SECONDS:
            self._overwritten_at.popleft()
        if text == self._expected:
            return
        if not is_wrong:
            # Another replica of the operator has written the same plan.
            self.record_write(text)
        elif self._is_expected:
            # Counted once, until it is corrected.
            self._is_expected = False
            self._overwritten_at.append(at)
            self._manager = manager

    def finding(self) -> Finding | None:
        """Return the finding about the other program, if it overwrites repeatedly."""
        if len(self._overwritten_at) < CONTESTED_FROM:
            return None
        program = "Another program"
        if self._manager:
            program += f" (field manager {quote(self._manager)})"
        return Finding(
            Reason.CONTESTED,
            f"{program} changed {self._what}"
            f" {len(self._overwritten_at)} times within"
            f" {int(PERIOD_SECONDS / 60)} minutes. The operator writes it again, with a"
            " longer delay each time. Stop that program from managing it, as"
            " docs/how-to/contested.md shows.",
        )

    def next_write_at(self) -> float | None:
        """Return when access may be added again; None for now."""
        times = len(self._overwritten_at) - CONTESTED_FROM
        if times < 0:
            return None
        delay = min(FIRST_DELAY * 2.0**times, LONGEST_DELAY)
        return self._overwritten_at[-1] + delay


class Applier:
    """Writer of the managed key of one instance."""

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
            self._contention.record_overwrite(
                seen.config_map.data.get(OVERLAY_KEY),
                seen.config_map.last_manager,
                is_wrong=planned.has_work,
                at=at,
            )

    def write_delay(self, planned: Plan) -> float | None:
        """Return the seconds until the plan may be written; None for now."""
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
        if planned.overlay.to_add or not planned.is_urgent:
            # Only writes that add are delayed by each other.
            self._last_write = asyncio.get_running_loop().time()
        self.last_write_at = self._clock()
        self._metrics.record_write("ok")
        removed, before = planned.overlay.to_remove, seen.config_map.overlay
        ended, ends = removed.difference(orphans), before.ends if before else {}
        self._metrics.record_removals(
            lags=lags_of(ended, ends, self.last_write_at), orphans=len(orphans)
        )
        logger.info(
            "%s: wrote the overlay: %d added, %d removed, %d of them orphans.",
            self._qualified_name,
            len(planned.overlay.to_add),
            len(removed),
            len(orphans),
        )


def lags_of(removed: Collection[Binding], ends: Ends, now: datetime) -> list[float]:
    """Return how many seconds after its expiry each binding was removed.

    Bindings that were removed before their expiry do not count.
    """
    removed_ends = (ends.get(binding) for binding in removed)
    return [(now - end).total_seconds() for end in removed_ends if end and end <= now]


def orphans_of(planned: Plan, decisions: Iterable[Decision]) -> frozenset[Binding]:
    """Return the bindings to remove that belong to no grant."""
    removed = planned.overlay.to_remove if planned.overlay else frozenset()
    of_grants = (decision.grant.binding for decision in decisions)
    return removed - {binding for binding in of_grants if binding in removed}


def overdue_since(
    seen: Snapshot, decisions: Iterable[Decision], now: datetime
) -> datetime | None:
    """Return the earliest expiry that has passed while its binding still exists.

    Argo CD keeps its policy in memory if the ConfigMap is deleted, so the last version
    that it loaded is used until another version exists. A binding that expires now is
    overdue.
    """
    loaded = seen.last_loaded_config_map
    overlay = loaded.overlay if loaded is not None else None
    all_ends = [managed_member_ends(seen), overlay.ends if overlay is not None else {}]
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
