"""The deletion of ended grants whose retention has passed, at a bounded rate.

What may be deleted, and when, is said anew at every convergence; one worker goes
through that, oldest first. A stepped clock or a shortened retention can make ten
thousand records due at once: neither the API server nor the loop has to notice.

Which records of ended grants there are, and until when each is kept. Pure.
"""

import asyncio
import heapq
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from argogrant.api.accessgrant_view import read_conditions
from argogrant.audit.audit_log import Audit
from argogrant.audit.event import GrantChange
from argogrant.controller.apply import Clock
from argogrant.controller.cached_objects import ApprovalRecord, GrantRecord, Record
from argogrant.controller.status.audit_records import grant_ref
from argogrant.controller.status.binding_state import BindingState
from argogrant.controller.store import Store
from argogrant.grants.model.window import read_end
from argogrant.grants.retention import EndedGrant, delete_after
from argogrant.kube.client import Cluster
from argogrant.kube.errors import ClusterError, Conflict, Forbidden, NotFound
from argogrant.telemetry.metrics import Metrics

DELETE_INTERVAL: Final = 0.1
"""Seconds from one deletion to the next; each has a convergence in its train."""
POLL: Final = 1.0
"""Seconds; the clock may be stepped."""
RETRY: Final = 15.0
"""Seconds after a refusal or an outage; nothing is urgent about a record."""

logger = logging.getLogger(__name__)


class RetainedGrant(NamedTuple):
    """A record, and until when it is kept; a tuple, since there are ten thousand."""

    until: datetime
    name: str
    uid: str


class RetentionCollector:
    """Deletes the records of one namespace that need not be kept any longer.

    Args:
        cluster: Where our own kinds are.
        store: Where the grants are known.
        audit: Told of each deletion just before it.
        metrics: Counts them.
        clock: Tells the time in UTC.
    """

    def __init__(
        self,
        cluster: Cluster,
        store: Store,
        *,
        audit: Audit,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._audit = audit
        self._deleted = metrics.counts.deleted
        self._clock = clock
        self._kept: dict[str, list[RetainedGrant]] = {}
        self._told: set[str] = set()
        self.failures: dict[str, ClusterError] = {}
        """Why records can not be deleted, by instance."""

    def plan(self, instance: str, kept: Iterable[RetainedGrant]) -> None:
        """Say anew which records of an instance there are, and until when."""
        heap = list(kept)
        heapq.heapify(heap)
        self._kept[instance] = heap
        if not heap:
            self._failed(instance, None)

    async def run(self) -> None:
        """Delete what is due until cancelled."""
        while True:
            due = self._due()
            if due is None:
                await asyncio.sleep(POLL)
                continue
            instance, kept = due
            try:
                await self._delete(instance, kept)
            except (NotFound, Conflict):
                pass  # the next convergence looks at what it is now
            except ClusterError as error:
                self._failed(instance, error)
                heapq.heappush(self._kept[instance], kept)
                await asyncio.sleep(RETRY)
                continue
            else:
                self._failed(instance, None)
            await asyncio.sleep(DELETE_INTERVAL)

    def _due(self) -> tuple[str, RetainedGrant] | None:
        """Take the record that was due first.

        A clock that is ahead of the API server's must not shorten what is kept; one
        that is behind was corrected already.
        """
        ahead = timedelta(seconds=min(0.0, self._cluster.clock_skew()))
        now = self._clock() + ahead
        heads = [(heap[0], name) for name, heap in self._kept.items() if heap]
        if not heads or min(heads)[0].until > now:
            return None
        instance = min(heads)[1]
        return instance, heapq.heappop(self._kept[instance])

    async def _delete(self, instance: str, kept: RetainedGrant) -> None:
        """Delete a grant with its approvals: they say nothing without it."""
        record = self._store.grant(kept.name)
        if record is None or record.uid != kept.uid or record.being_deleted:
            return
        if "endedAt" not in record.status:
            return  # the API server does not know yet that it is over
        for approval in self._store.approvals_of(record.name):
            if _is_about(approval, record):
                await self._remove(approval)
        self._log(record)
        await self._remove(record)
        self._deleted.labels(self._store.namespace, instance).inc()

    async def _remove(self, record: Record) -> None:
        await self._cluster.delete(record.path, uid=record.uid, version=record.version)

    def _log(self, record: GrantRecord) -> None:
        if record.uid in self._told:
            return
        self._told.add(record.uid)
        self._audit.deleted(
            GrantChange(
                ref=grant_ref(record),
                grant=record.grant,
                stored=record.status,
                new=record.status,
                conditions=read_conditions(record.status),
                now=self._clock(),
            )
        )

    def forget(self, uid: str) -> None:
        """Forget a grant that is gone."""
        self._told.discard(uid)

    def _failed(self, instance: str, error: ClusterError | None) -> None:
        """Note what stands in the way; the instance tells of a missing right."""
        before = self.failures.pop(instance, None)
        if error is not None:
            self.failures[instance] = error
            logger.warning("Ended grants are not deleted yet: %s", error)
        if isinstance(before, Forbidden) is not isinstance(error, Forbidden):
            self._store.event(instance).set()


def _is_about(approval: ApprovalRecord, record: GrantRecord) -> bool:
    said = approval.approval
    return said is not None and said.grant_uid == record.uid and not said.being_deleted


def records_kept(
    standing: BindingState,
    retention: timedelta,
    status_of: Callable[[GrantRecord], Mapping[str, Any]],
) -> Iterator[RetainedGrant]:
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
        for earlier in decision.related.chain
    }
    for uid, record in standing.decisions.records.items():
        decision = standing.decisions.get(uid)
        if decision is None or not decision.has_ended:
            continue
        ended_at = read_end(status_of(record).get("endedAt", ""))
        if ended_at is None:
            continue
        remains = EndedGrant(
            grant=decision.grant,
            ended_at=ended_at,
            is_gone=standing.is_confirmed and standing.is_gone(decision),
            is_continued=uid in continued,
        )
        until = delete_after(remains, retention)
        if until is not None:
            yield RetainedGrant(until, record.name, uid)
