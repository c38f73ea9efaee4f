"""One namespace of ours: its store, its reports, and a controller per instance."""

import asyncio
import logging
from typing import Final

from argogrant.audit.audit_log import AuditLog
from argogrant.controller.admission import AdmissionWatcher
from argogrant.controller.apply import Applier, Clock
from argogrant.controller.argocd_state import Snapshot
from argogrant.controller.decision_cache import DecisionCache
from argogrant.controller.plan import Plan
from argogrant.controller.reconciler import Reconciler
from argogrant.controller.remote.connection import Connect, RemoteConnections
from argogrant.controller.remote.location import RemoteLocation
from argogrant.controller.remote.maintenance import Maintenance
from argogrant.controller.status.reporter import Reporter
from argogrant.controller.status.retention import RetentionCollector
from argogrant.controller.status.writer import StatusWriter
from argogrant.controller.store import POLICIES, UNASSIGNED, Store
from argogrant.grants.facts import InstanceState
from argogrant.kube.client import Cluster
from argogrant.telemetry.metrics import InstanceMetrics, Metrics

RECHECK_SECONDS: Final = 1.0

logger = logging.getLogger(__name__)


class NamespaceManager:
    """Everything that runs for the grants and instances of one namespace.

    Args:
        cluster: Where our own kinds are.
        name: The namespace.
        metrics: Told of everything that is counted.
        audit: Told of everything that happens to grants and instances.
        clock: Tells the time in UTC.
        connect: Makes clients of the clusters of other Argo CDs.
        leading: Set once this process leads; until then it only listens.
        accepts_unverified: Believe what objects say about who made them.
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
        accepts_unverified: bool = False,
    ) -> None:
        self._connections = RemoteConnections(cluster, name, connect)
        self._metrics = metrics
        self._clock = clock
        self._leading = leading
        self._store = Store(cluster, name)
        self._verification = AdmissionWatcher(
            cluster,
            self._store.enqueue_all,
            clock=clock,
            accepts_unverified=accepts_unverified,
        )
        self._writer = StatusWriter(cluster)
        self._disposal = RetentionCollector(
            cluster, self._store, audit=audit, metrics=metrics, clock=clock
        )
        self._reporter = Reporter(self._store, self._writer, audit, self._disposal)
        self._controllers: dict[str, Reconciler] = {}
        self._serving: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Keep the store fresh, and once leading write, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._store.run())
                tasks.create_task(self._verification.run())
                tasks.create_task(self._run_as_leader())
        finally:
            for serving in self._serving.values():
                serving.cancel()
            ended = [*self._serving.values(), *self._connections.close_all()]
            await asyncio.gather(*ended, return_exceptions=True)

    def is_synced(self) -> bool:
        """Tell whether everything was listed."""
        return self._store.is_synced()

    def grant_count(self) -> int:
        """Count the grants that there are."""
        return len(self._store.grants.objects)

    async def run_instance(self, instance: str) -> None:
        """Converge one instance until cancelled, or until it was deleted."""
        await self._ensure_running(instance)

    async def resync(self, instance: str) -> None:
        """List everything anew and converge, whatever the watches said.

        Raises:
            ClusterError: Not everything could be listed.
        """
        differences = await self._relist(instance)
        if differences:
            logger.warning(
                "%s/%s: the sweep found %d differences.",
                self._store.namespace,
                instance,
                differences,
            )

    async def _relist(self, instance: str) -> int:
        differences = await self._store.relist()
        differences += await self._verification.relist()
        if instance in self._controllers:
            differences += await self._controllers[instance].resync(differences)
        return differences

    async def _run_as_leader(self) -> None:
        """Do not wait for kopf to find every instance: ends may be overdue."""
        await self._leading.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._writer.run())
            tasks.create_task(self._disposal.run())
            tasks.create_task(self._report_unassigned())
            tasks.create_task(self._report_policies())
            await self._store.wait_until_synced()
            for instance in self._store.instances.objects:
                self._ensure_running(instance)

    def _ensure_running(self, instance: str) -> "asyncio.Task[None]":
        """Begin to converge an instance, unless that was begun already."""
        serving = self._serving.get(instance)
        if serving is None or serving.done():
            serving = asyncio.create_task(self._reconcile_instances(instance))
            serving.add_done_callback(log_task_failure)
            self._serving[instance] = serving
        return serving

    async def _reconcile_instances(self, instance: str) -> None:
        """Converge an instance, and then another that got its name meanwhile.

        One whose Argo CD is elsewhere by now is begun anew as well.
        """
        while True:
            ended = await self._reconcile_one(instance)
            record = self._store.instance(instance)
            if record is None or record.is_force_released:
                return
            if record.uid == ended.uid and not ended.has_moved:
                return

    async def _reconcile_one(self, instance: str) -> Reconciler:
        metrics = self._metrics.get(self._store.namespace, instance)
        controller = Reconciler(
            instance,
            store=self._store,
            verification=self._verification,
            whereabouts=self._location(instance, metrics),
            reporter=self._reporter,
            metrics=metrics,
            clock=self._clock,
        )
        self._controllers[instance] = controller
        try:
            await controller.run()
        finally:
            del self._controllers[instance]
        return controller

    def _location(self, instance: str, metrics: InstanceMetrics) -> RemoteLocation:
        title, clock = f"{self._store.namespace}/{instance}", self._clock
        upkeep = Maintenance(
            instance,
            store=self._store,
            connections=self._connections,
            reporter=self._reporter,
            metrics=metrics,
            clock=clock,
        )
        return RemoteLocation(
            instance,
            store=self._store,
            connections=self._connections,
            make_applier=lambda: Applier(title, metrics, clock),
            upkeep=upkeep,
        )

    async def _report_unassigned(self) -> None:
        """Report about grants that name no instance, and let their deletion finish."""
        await self._store.wait_until_synced()
        decisions, signal = DecisionCache(), self._store.event(UNASSIGNED)
        facts = InstanceState(name="", exists=False)
        nothing = Plan(overlay=None, blocked=None)
        while True:
            signal.clear()
            now = self._clock()
            decisions.update(self._store.unassigned_grants(), facts, now, self._store)
            self._reporter.report_and_release_grants(
                decisions, nothing, Snapshot(), now
            )
            self._reporter.report_orphaned_approvals(now)
            is_unsettled = decisions.recheck_at is not None or any(
                record.being_deleted for record in decisions.records.values()
            )
            try:
                async with asyncio.timeout(RECHECK_SECONDS if is_unsettled else None):
                    await signal.wait()
            except TimeoutError:
                continue

    async def _report_policies(self) -> None:
        """Say of each access policy whether it is obeyed."""
        signal = self._store.event(POLICIES)
        while True:
            signal.clear()
            self._reporter.report_policies(self._clock())
            await signal.wait()


def log_task_failure(task: "asyncio.Task[None]") -> None:
    """Log what a task ended with that nobody may be waiting for."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        logger.error("Something failed that will be begun anew.", exc_info=error)
