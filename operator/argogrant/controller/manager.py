"""Manager of one namespace.

It keeps the store current. While this process leads, it also runs the writers of
statuses, the deletion of ended grants, and one reconciler per ArgoCDInstance.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Final

from argogrant.audit.audit_log import AuditLog
from argogrant.controller.admission import AdmissionWatcher
from argogrant.controller.apply import Clock
from argogrant.controller.argocd_state import Snapshot
from argogrant.controller.faults import Faults, Work
from argogrant.controller.plan import Plan
from argogrant.controller.planner import DecisionCache
from argogrant.controller.reconciler import Reconciler
from argogrant.controller.remote.connection import Connect
from argogrant.controller.status.reporter import Reporter
from argogrant.controller.status.retention import RetentionCollector
from argogrant.controller.status.writer import StatusWriter
from argogrant.controller.stepwise import perform
from argogrant.controller.store import POLICIES, UNASSIGNED, Store
from argogrant.grants.checks import InstanceState
from argogrant.kube.client import Cluster
from argogrant.kube.errors import Backoff
from argogrant.telemetry.metrics import Metrics

RECHECK_SECONDS: Final = 1.0

logger = logging.getLogger(__name__)


class NamespaceManager:
    """Manager of the grants and instances of one namespace.

    Args:
        cluster: Client of the operator's own cluster.
        connect: Builds clients of the clusters of other Argo CDs.
        leading: Event that is set once this process is the leader. A standby keeps its
            store current and writes nothing.
        operator_namespace: The operator's own namespace; empty if it has none.
        accepts_unverified: Accept requesters and approvers that the admission policies
            have not verified.
    """

    def __init__(  # noqa: PLR0913
        self,
        cluster: Cluster,
        name: str,
        *,
        metrics: Metrics,
        audit: AuditLog,
        clock: Clock,
        connect: Connect,
        leading: asyncio.Event,
        operator_namespace: str = "",
        accepts_unverified: bool = False,
    ) -> None:
        self._cluster = cluster
        self._connect = connect
        self._metrics = metrics
        self._clock = clock
        self._leading = leading
        self._store = Store(cluster, name, operator_namespace)
        self._verification = AdmissionWatcher(
            cluster,
            self._store.enqueue_all,
            clock=clock,
            accepts_unverified=accepts_unverified,
        )
        self._faults = Faults(name, partial(metrics.internal_errors_in, name))
        self._writer = StatusWriter(cluster)
        self._retention = RetentionCollector(
            cluster, self._store, audit=audit, metrics=metrics, clock=clock
        )
        self._reporter = Reporter(self._store, self._writer, audit, self._retention)
        self._one_at_a_time = asyncio.Lock()
        self._work_lock = asyncio.Lock()
        self._reconcilers: dict[str, Reconciler] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._relisting: asyncio.Task[int] | None = None

    async def run(self) -> None:
        """Keep the store current, and reconcile while this process leads.

        Every part has a task of its own, which is started again if it fails: none ends
        the others.
        """
        watches: dict[str, Work] = {
            f"the watch of {informer.collection.describe()}": informer.run
            for informer in (
                *self._store.informers,
                *self._store.own_namespaces,
                *self._verification.informers,
            )
        }
        try:
            async with asyncio.TaskGroup() as tasks:
                for what, run in watches.items():
                    tasks.create_task(self._faults.keep_running(what, run))
                await self._leading.wait()
                for what, run in self._work_of_leader().items():
                    tasks.create_task(self._faults.keep_running(what, run))
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def is_synced(self) -> bool:
        """Return whether every kind was listed."""
        return self._store.is_synced()

    def grant_count(self) -> int:
        """Return the number of grants."""
        return len(self._store.grants.objects)

    async def run_instance(self, name: str) -> None:
        """Wait until an instance is deleted and clean.

        The loop may already be running: the leader starts every instance of the store.
        It also goes on if this call is cancelled, as kopf does first when it stops.
        """
        await asyncio.shield(self._ensure_running(name))

    def is_ending_access(self) -> bool:
        """Return whether bindings of deleted instances may remain in Argo CD."""
        records = map(self._store.instance, self._reconcilers)
        deleted = {
            record.name
            for record in records
            if record is not None and self._store.as_ending(record).being_deleted
        }
        return any(not self._reconcilers[name].has_ended_access for name in deleted)

    async def resync(self, name: str) -> None:
        """List all objects of the namespace and of one Argo CD, and reconcile.

        Raises:
            ClusterError: Some objects could not be listed.
        """
        differences = await self._relist()
        if name in self._reconcilers:
            differences += await self._reconcilers[name].resync(differences)
        if differences:
            logger.warning(
                "%s/%s: the resync found %d differences.",
                self._store.namespace,
                name,
                differences,
            )

    async def _relist(self) -> int:
        """List the objects of the namespace again; callers at one time share the list.

        If every instance of a namespace listed all objects at the same time, the memory
        would grow with the square of the instances.

        Returns:
            The number of differences, to the caller for which the list began; 0 to the
            others.
        """
        if self._relisting is not None and not self._relisting.done():
            await asyncio.shield(self._relisting)
            return 0
        self._relisting = asyncio.create_task(self._list_again())
        return await asyncio.shield(self._relisting)

    async def _list_again(self) -> int:
        return await self._store.relist() + await self._verification.relist()

    def _work_of_leader(self) -> Mapping[str, Work]:
        return {
            "the reconcile loops": self._start_instances,
            "the writer of statuses": self._writer.run,
            "the deletion of ended grants": self._retention.run,
            "the report of grants without an instance": self._report_unassigned,
            "the report of access policies": self._report_policies,
        }

    async def _start_instances(self) -> None:
        """Start the loop of every instance in the store.

        kopf starts its daemons one after the other, and grants may have expired while
        no operator ran.
        """
        await self._store.wait_until_synced()
        for name in self._store.instances.objects:
            self._ensure_running(name)

    def _ensure_running(self, name: str) -> "asyncio.Task[None]":
        """Start to reconcile an instance, unless that task runs already."""
        task = self._tasks.get(name)
        if task is None or task.done():
            task = asyncio.create_task(self._reconcile(name))
            task.add_done_callback(log_task_failure)
            task.add_done_callback(partial(self._forget, name))
            self._tasks[name] = task
        return task

    def _forget(self, name: str, task: "asyncio.Task[None]") -> None:
        """Forget the task of an instance that is deleted and clean."""
        if self._tasks.get(name) is task:
            del self._tasks[name]
            self._store.forget_event(name)

    async def _reconcile(self, name: str) -> None:
        """Reconcile an instance, then any later instance of the same name.

        A loop that fails unexpectedly is reported and started again.
        """
        backoff, has_failed = Backoff(), False
        while True:
            reconciler = self._reconcilers[name] = Reconciler(
                name,
                store=self._store,
                verification=self._verification,
                home=self._cluster,
                connect=self._connect,
                reporter=self._reporter,
                metrics=self._metrics.get(self._store.namespace, name),
                clock=self._clock,
                one_at_a_time=self._one_at_a_time,
                work_lock=self._work_lock,
            )
            try:
                await reconciler.run()
            except Exception as error:  # noqa: BLE001 - it is started again
                has_failed = True
                self._report_fault(name, error)
            finally:
                del self._reconcilers[name]
            record = self._store.instance(name)
            if record is None or record.is_force_released:
                return
            if has_failed:
                await backoff.wait()
                has_failed = False
            elif record.uid == reconciler.uid:
                return

    def _report_fault(self, name: str, error: Exception) -> None:
        """Report a reconcile loop that has failed and is about to be started again."""
        record = self._store.instance(name)
        if record is not None:
            finding = self._faults.record(f"ArgoCDInstance {name}", error)
            self._reporter.report_not_ready(record, finding, self._clock())

    async def _report_unassigned(self) -> None:
        """Report about grants without an instance, and release deleted ones."""
        await self._store.wait_until_synced()
        decisions = DecisionCache(self._faults)
        changed = self._store.event(UNASSIGNED)
        no_instance = InstanceState(name="", exists=False)
        nothing = Plan(overlay=None, blocked=None)
        while True:
            changed.clear()
            now = self._clock()
            grants = self._store.unassigned_grants()
            await perform(decisions.decide(grants, no_instance, now, self._store))
            await perform(
                self._reporter.report_and_release_grants(
                    decisions, nothing, Snapshot(), now, self._faults
                )
            )
            self._reporter.report_orphaned_approvals(now)
            needs_recheck = decisions.recheck_at is not None or any(
                record.being_deleted for record in decisions.records.values()
            )
            with suppress(TimeoutError):
                async with asyncio.timeout(RECHECK_SECONDS if needs_recheck else None):
                    await changed.wait()

    async def _report_policies(self) -> None:
        """Report the condition of every access policy."""
        changed = self._store.event(POLICIES)
        while True:
            changed.clear()
            self._reporter.report_policies(self._clock())
            await changed.wait()


def log_task_failure(task: "asyncio.Task[None]") -> None:
    """Log the exception of a background task that no caller may be awaiting."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        logger.error("Background task failed and will be restarted.", exc_info=error)
