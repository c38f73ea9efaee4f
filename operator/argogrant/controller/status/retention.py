"""Deletion of ended grants whose retention has passed.

Every reconciliation replaces the schedule of its instance. One worker deletes what is
due, oldest first, at a limited rate: a stepped clock or a shortened retention can make
thousands of grants due at once, and neither the API server nor the reconcile loop
should notice.
"""

import asyncio
import heapq
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from argogrant.api.accessgrant_view import read_conditions
from argogrant.api.argocdinstance import Instance
from argogrant.audit.audit_log import AuditLog, GrantChange
from argogrant.controller.apply import Clock
from argogrant.controller.planner import DecisionCache
from argogrant.controller.store import GrantRecord, Record, Store
from argogrant.grants.checks import tool_mark
from argogrant.grants.decide import Decision, EndedGrant, delete_after
from argogrant.grants.model.window import latest_end, read_end
from argogrant.kube.client import Cluster
from argogrant.kube.errors import ClusterError, Conflict, Forbidden, NotFound
from argogrant.telemetry.metrics import Metrics

DELETE_INTERVAL: Final = 0.1
"""Seconds between two deletions. Every deletion triggers a reconciliation."""
POLL: Final = 1.0
"""Seconds between two looks at the clock, which may be stepped."""
RETRY: Final = 15.0
"""Seconds after a denied or failed deletion; deletions are not urgent."""

logger = logging.getLogger(__name__)


class RetainedGrant(NamedTuple):
    """Ended grant with its deletion time; a tuple, as there may be thousands."""

    until: datetime
    name: str
    uid: str


class RetentionCollector:
    """Deletes the ended grants of one namespace once their retention has passed."""

    def __init__(
        self,
        cluster: Cluster,
        store: Store,
        *,
        audit: AuditLog,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._audit = audit
        self._deleted = metrics.deleted
        self._clock = clock
        self._retained: dict[str, list[RetainedGrant]] = {}
        """A heap for each instance."""
        self.failures: dict[str, ClusterError] = {}
        """Errors of the last deletions, by instance."""

    def schedule(self, instance: str, retained: Iterable[RetainedGrant]) -> None:
        """Replace the schedule of an instance."""
        heap = list(retained)
        heapq.heapify(heap)
        self._retained.pop(instance, None)
        if heap:
            self._retained[instance] = heap
        else:
            self._record_result(instance, None)

    async def run(self) -> None:
        """Delete grants that are due, until cancelled."""
        while True:
            due = self._pop_due()
            if due is None:
                await asyncio.sleep(POLL)
                continue
            instance, grant = due
            try:
                await self._delete(instance, grant)
            except (NotFound, Conflict):
                pass  # The next reconciliation schedules what is there then.
            except ClusterError as error:
                self._record_result(instance, error)
                if self._exists(grant):
                    heap = self._retained.setdefault(instance, [])
                    heapq.heappush(heap, grant)
                await asyncio.sleep(RETRY)
                continue
            else:
                self._record_result(instance, None)
            await asyncio.sleep(DELETE_INTERVAL)

    def _pop_due(self) -> tuple[str, RetainedGrant] | None:
        """Remove and return the grant that was due first, or None.

        An operator's clock that is ahead of the API server's is corrected here, so no
        retention is shortened. One that is behind was corrected already.
        """
        ahead = timedelta(seconds=min(0.0, self._cluster.clock_skew()))
        now = self._clock() + ahead
        heads = [(heap[0], name) for name, heap in self._retained.items() if heap]
        if not heads or min(heads)[0].until > now:
            return None
        instance = min(heads)[1]
        grant = heapq.heappop(self._retained[instance])
        if not self._retained[instance]:
            del self._retained[instance]
        return instance, grant

    def _exists(self, grant: RetainedGrant) -> bool:
        record = self._store.grant(grant.name)
        return record is not None and record.uid == grant.uid

    async def _delete(self, instance: str, grant: RetainedGrant) -> None:
        """Delete a grant after its approvals, which mean nothing without it.

        The checks repeat what the schedule assumed, because the grant may have changed
        since. ``endedAt`` must be stored: the retention begins then, and ``kubectl
        get`` must show the end before the grant is gone.
        """
        record = self._store.grant(grant.name)
        if record is None or record.uid != grant.uid or record.being_deleted:
            return
        if "endedAt" not in record.status:
            return
        for one in self._store.approvals_of(record.name):
            approval = one.approval
            if approval is None or approval.being_deleted:
                continue
            if approval.grant_uid == record.uid:
                await self._remove(one)
        if not self._exists(grant):
            return  # It was deleted meanwhile, and is forgotten.
        self._audit.deleted(
            GrantChange(
                uid=record.uid,
                namespace=record.namespace,
                name=record.name,
                instance=record.instance,
                grant=record.grant,
                stored=record.status,
                new=record.status,
                conditions=read_conditions(record.status),
                now=self._clock(),
            )
        )
        await self._remove(record)
        self._deleted.labels(self._store.namespace, instance).inc()

    async def _remove(self, record: Record) -> None:
        """Delete an object, if it is still the version that was checked."""
        await self._cluster.delete(record.path, uid=record.uid, version=record.version)

    def _record_result(self, instance: str, error: ClusterError | None) -> None:
        """Record an error, or its end; a missing permission is an instance condition.

        The reconcile loop runs when the permission is lost or granted, so the condition
        follows.
        """
        before = self.failures.pop(instance, None)
        if error is not None:
            self.failures[instance] = error
            logger.warning("Ended grants cannot be deleted yet: %s", error)
        if isinstance(before, Forbidden) is not isinstance(error, Forbidden):
            self._store.event(instance).set()


def retained_grants(
    decisions: DecisionCache,
    instance: Instance,
    *,
    instance_label_key: str,
    is_revoked: Callable[[Decision], bool],
    status_of: Callable[[GrantRecord], Mapping[str, Any]],
) -> Iterator[RetainedGrant]:
    """Return the ended grants that may be deleted, with their deletion times.

    Args:
        decisions: The decisions about the grants of the instance.
        instance: Its ``spec.retention`` and maximum duration.
        instance_label_key: Label that Argo CD uses as its mark; empty if unknown.
        is_revoked: Returns whether it is certain that nothing of a grant is left.
        status_of: Returns the status that a grant has, or is about to have.
    """
    continued = {
        earlier.uid
        for decision in decisions.all()
        if not decision.has_ended
        for earlier in decision.related.chain
    }
    for uid, record in decisions.records.items():
        decision = decisions.get(uid)
        if decision is None or not decision.has_ended:
            continue
        ended_at = read_end(status_of(record).get("endedAt", ""))
        if ended_at is None:
            continue
        mark = tool_mark(decision.grant, instance_label_key)
        ended = EndedGrant(
            grant=decision.grant,
            ended_at=ended_at,
            latest_end=latest_end(
                decision.grant,
                max_duration=instance.max_duration,
                approved_at=decision.policy_result.approved_at,
            ),
            is_gone=is_revoked(decision),
            is_continued=uid in continued,
            is_applied_again=mark is not None and mark.applies_again,
        )
        until = delete_after(ended, instance.retention)
        if until is not None:
            yield RetainedGrant(until, record.name, uid)
