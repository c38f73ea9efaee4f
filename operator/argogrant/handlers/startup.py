"""Start and end of the operator process."""

import asyncio
import gc
import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import kopf

from argogrant.api.remote_cluster import RemoteCluster
from argogrant.argocd.policy_line import trim_line_caches
from argogrant.audit.audit_log import AuditLog
from argogrant.controller.apply import Clock
from argogrant.controller.manager import NamespaceManager, log_task_failure
from argogrant.controller.status.writer import FINALIZER
from argogrant.handlers.instances import register_resync
from argogrant.handlers.leader_election import LeaderElection
from argogrant.handlers.settings import OperatorSettings
from argogrant.handlers.sinks import Sinks
from argogrant.kube.client import Cluster, KubernetesCluster
from argogrant.telemetry.health_server import HealthServer, Heartbeat
from argogrant.telemetry.metrics import Metrics

HEARTBEAT_SECONDS: Final = 1.0
REQUEST_SECONDS: Final = 15.0
"""Timeout of kopf's requests. kopf's default of five minutes would delay the deletion
of an ArgoCDInstance by as much."""
CONNECT_SECONDS: Final = 5.0
DNS_THREADS: Final = 64
"""Host names resolved at the same time; names that time out must not delay others."""
BACKOFFS: Final = (1, 1, 2, 3, 5)
"""Seconds between attempts of kopf's requests; its defaults go up to 21."""
GC_NEW_OBJECTS: Final = 20_000
GC_YOUNGER_COLLECTIONS: Final = 20


def utc_now() -> datetime:
    """Return the current time; the only place of the operator that reads the clock."""
    return datetime.now(UTC)


async def connect_to(remote: RemoteCluster, token: str) -> KubernetesCluster:
    """Create a client of another cluster."""
    return KubernetesCluster.connect_to(
        remote.server, authorities=remote.ca_bundle, token=token, clock=utc_now
    )


def tune_gc() -> None:
    """Run the collector of reference cycles less often.

    One change of an ArgoCDInstance creates ten thousand decisions. With its defaults
    the collector runs after every 700 new objects; it took a tenth of the time of such
    a reconciliation and found nothing. Cycles of kopf and aiohttp can wait.

    Source: https://docs.python.org/3.11/library/gc.html#gc.set_threshold.
    """
    gc.set_threshold(GC_NEW_OBJECTS, GC_YOUNGER_COLLECTIONS, GC_YOUNGER_COLLECTIONS)


class NoDiffBase(kopf.AnnotationsDiffBaseStorage):
    """Diff base that stores nothing: kopf writes no copy of an object into it."""

    def build(self, **_: Any) -> kopf.BodyEssence:  # noqa: ANN401
        """Return an empty essence, so kopf finds no differences."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence:  # noqa: ANN401
        """Return an empty essence, so every object counts as seen."""
        return kopf.BodyEssence()

    def store(self, **_: Any) -> None:  # noqa: ANN401
        """Store nothing."""


class NamespaceRegistry:
    """Managers of the served namespaces, each started at first use.

    A standby starts them also, so it has listed everything when it acquires the Lease.
    It writes nothing until ``leading`` is set.
    """

    def __init__(
        self,
        cluster: Cluster,
        metrics: Metrics,
        audit: AuditLog,
        clock: Clock,
        *,
        accepts_unverified: bool = False,
    ) -> None:
        self._cluster = cluster
        self._audit = audit
        self._clock = clock
        self._metrics = metrics
        self._accepts_unverified = accepts_unverified
        self._managers: dict[str, tuple[NamespaceManager, asyncio.Task[None]]] = {}
        self.leading = asyncio.Event()

    def get(self, namespace: str) -> NamespaceManager:
        """Return the manager of a namespace; start it again if it failed."""
        manager, task = self._managers.get(namespace, (None, None))
        if manager is None or task is None or task.done():
            manager = NamespaceManager(
                self._cluster,
                namespace,
                metrics=self._metrics,
                audit=self._audit,
                clock=self._clock,
                connect=connect_to,
                leading=self.leading,
                accepts_unverified=self._accepts_unverified,
            )
            task = asyncio.create_task(manager.run())
            task.add_done_callback(log_task_failure)
            self._managers[namespace] = (manager, task)
        return manager

    def are_synced(self) -> bool:
        """Return whether all started managers have listed their objects."""
        # The health server calls this from its own thread, hence the copy.
        managers = list(self._managers.values())
        return all(manager.is_synced() for manager, _ in managers)

    def trim_line_caches(self) -> None:
        """Limit the caches of policy lines by the number of grants that exist."""
        managers = (manager for manager, _ in self._managers.values())
        trim_line_caches(sum(manager.grant_count() for manager in managers))

    async def close(self) -> None:
        """Stop all managers."""
        tasks = [task for _, task in self._managers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class OperatorProcess:
    """Parts of one operator process, and the order of their start and stop."""

    def __init__(self, cluster: KubernetesCluster, settings: OperatorSettings) -> None:
        self._cluster = cluster
        self._settings = settings
        self._metrics = Metrics()
        self._heartbeat = Heartbeat()
        self._health_server = HealthServer(self._heartbeat, self._metrics.registry)
        self._election = LeaderElection(
            lambda: KubernetesCluster.connect(utc_now),
            settings,
            clock=self._now,
            is_alive=lambda: self._heartbeat.age() < settings.lease_seconds,
        )
        self._beating = asyncio.create_task(self._beat())
        self._sinks = Sinks(cluster, settings, self._metrics.audit)
        self.namespaces = NamespaceRegistry(
            cluster,
            self._metrics,
            self._sinks.audit,
            self._now,
            accepts_unverified=settings.accept_unverified_requesters,
        )

    async def start(self) -> None:
        """Serve probes, list all objects, and return when this process leads."""
        self._heartbeat.synced = self.namespaces.are_synced
        self._metrics.process.clock_skew.set_function(self._cluster.clock_skew)
        if self._settings.port is not None:
            self._health_server.start(self._settings.port)
        for namespace in self._settings.namespaces:
            self.namespaces.get(namespace)
        await self._election.acquire()
        self._heartbeat.leading = True
        self._metrics.lead()
        self.namespaces.leading.set()

    async def stop(self) -> None:
        """Stop all writes first, then release the Lease for another replica."""
        await self.namespaces.close()
        await self._election.release()
        await self._sinks.stop()
        self._beating.cancel()
        self._health_server.stop()
        await self._cluster.close()

    def _now(self) -> datetime:
        """Return the current time, corrected if this clock is behind the API server's.

        A ``spec.duration`` counts from the creationTimestamp, which the API server
        sets. With a clock that is behind, grants would expire late.
        """
        return utc_now() + timedelta(seconds=max(0.0, self._cluster.clock_skew()))

    async def _beat(self) -> None:
        while True:
            self._heartbeat.beat()
            await asyncio.sleep(HEARTBEAT_SECONDS)


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:  # noqa: ANN401
    """Configure kopf, and return when this process leads: kopf watches nothing before.

    The settings of the operator go into kopf's memo, from where handlers take them.
    """
    tune_gc()
    settings.persistence.finalizer = FINALIZER
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.background.instant_exit_timeout = 2.0
    settings.networking.request_timeout = REQUEST_SECONDS
    settings.networking.connect_timeout = CONNECT_SECONDS
    settings.networking.error_backoffs = [
        *BACKOFFS,
        *itertools.repeat(BACKOFFS[-1], 100),
    ]
    resolvers = ThreadPoolExecutor(DNS_THREADS, thread_name_prefix="lookup")
    asyncio.get_running_loop().set_default_executor(resolvers)
    memo.settings = OperatorSettings.read(os.environ)
    register_resync(memo.settings.sweep_seconds)
    cluster = await KubernetesCluster.connect(utc_now)
    memo.process = OperatorProcess(cluster, memo.settings)
    memo.namespaces = memo.process.namespaces
    await memo.process.start()


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: Any) -> None:  # noqa: ANN401
    """Stop everything and release the Lease."""
    if "process" in memo:
        await memo.process.stop()
