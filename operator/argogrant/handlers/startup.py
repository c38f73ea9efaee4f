"""Start and end of the operator process, and the namespaces that it serves."""

import asyncio
import itertools
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
from argogrant.handlers.leader_election import LeaderElection
from argogrant.handlers.process_tuning import limit_arenas, tune_gc
from argogrant.handlers.settings import SETTINGS
from argogrant.handlers.sinks import Sinks
from argogrant.kube.client import Cluster, KubernetesCluster
from argogrant.telemetry.health_server import HealthServer, Heartbeat
from argogrant.telemetry.metrics import Metrics

HEARTBEAT_SECONDS: Final = 1.0
REQUEST_SECONDS: Final = 15.0
"""kopf would wait five minutes for an answer, and a deleted instance with it."""
CONNECT_SECONDS: Final = 5.0
LOOKUPS: Final = 64
"""Names that are looked up at once: those that nobody answers delay no others."""
BACKOFFS: Final = (1, 1, 2, 3, 5)
"""Seconds between kopf's attempts; its own go up to 21, which an instance feels."""


def utc_now() -> datetime:
    """Read the clock; the only place of the operator that does."""
    return datetime.now(UTC)


async def connect_to(remote: RemoteCluster, token: str) -> KubernetesCluster:
    """Make a client of another cluster."""
    return KubernetesCluster.connect_to(
        remote.server, authorities=remote.ca_bundle, token=token, clock=utc_now
    )


class NoDiffBase(kopf.AnnotationsDiffBaseStorage):
    """Keeps kopf from writing a copy of every object into an annotation."""

    def build(self, **_: Any) -> kopf.BodyEssence:  # noqa: ANN401
        """Nothing of an object is compared."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence:  # noqa: ANN401
        """Nothing was seen before."""
        return kopf.BodyEssence()

    def store(self, **_: Any) -> None:  # noqa: ANN401
        """Nothing is kept."""


class NamespaceRegistry:
    """The namespaces that are served, each opened when first heard of.

    A standby opens them as well, to know everything when it comes to lead; it writes
    nothing until ``leading`` is set.
    """

    def __init__(
        self, cluster: Cluster, metrics: Metrics, audit: AuditLog, clock: Clock
    ) -> None:
        self._cluster = cluster
        self._audit = audit
        self._clock = clock
        self._metrics = metrics
        self._open: dict[str, tuple[NamespaceManager, asyncio.Task[None]]] = {}
        self.leading = asyncio.Event()

    def get(self, namespace: str) -> NamespaceManager:
        """Open a namespace, or answer the open one; one that failed is opened anew."""
        room, task = self._open.get(namespace, (None, None))
        if room is None or task is None or task.done():
            room = NamespaceManager(
                self._cluster,
                namespace,
                metrics=self._metrics,
                audit=self._audit,
                clock=self._clock,
                connect=connect_to,
                leading=self.leading,
                accepts_unverified=SETTINGS.accept_unverified_requesters,
            )
            task = asyncio.create_task(room.run())
            task.add_done_callback(log_task_failure)
            self._open[namespace] = (room, task)
        return room

    def are_synced(self) -> bool:
        """Tell whether everything that is open was listed."""
        return all(room.is_synced() for room, _ in list(self._open.values()))

    def trim_line_caches(self) -> None:
        """Let memory follow the grants that there are, in all namespaces together."""
        rooms = (room for room, _ in self._open.values())
        trim_line_caches(sum(room.grant_count() for room in rooms))

    async def close(self) -> None:
        """Stop everything."""
        tasks = [task for _, task in self._open.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class OperatorProcess:
    """The parts of one operator process."""

    def __init__(self, cluster: KubernetesCluster) -> None:
        self._cluster = cluster
        self._metrics = Metrics()
        self._vitals = Heartbeat()
        self._probes = HealthServer(self._vitals, self._metrics.registry)
        self._leadership = LeaderElection(
            lambda: KubernetesCluster.connect(utc_now),
            SETTINGS,
            clock=self._now,
            is_alive=lambda: self._vitals.age() < SETTINGS.lease_seconds,
        )
        self._beating = asyncio.create_task(self._beat())
        self._outlets = Sinks(cluster, SETTINGS, self._metrics.audit)
        self.namespaces = NamespaceRegistry(
            cluster, self._metrics, self._outlets.audit, self._now
        )

    async def start(self) -> None:
        """Serve the probes, get warm, and wait until this process leads."""
        self._vitals.synced = self.namespaces.are_synced
        self._metrics.process.clock_skew.set_function(self._cluster.clock_skew)
        if SETTINGS.port is not None:
            self._probes.start(SETTINGS.port)
        for namespace in SETTINGS.namespaces:
            self.namespaces.get(namespace)
        await self._leadership.acquire()
        self._vitals.leading = True
        self._metrics.lead()
        self.namespaces.leading.set()

    async def stop(self) -> None:
        """Stop everything, then let another process lead."""
        await self.namespaces.close()
        await self._leadership.release()
        await self._outlets.stop()
        self._beating.cancel()
        self._probes.stop()
        await self._cluster.close()

    def _now(self) -> datetime:
        """Tell the time, by the API server's clock where ours is behind it.

        The API server stamped the creation that a duration counts from, and a clock
        that is behind would let a grant outlive its end.
        """
        return utc_now() + timedelta(seconds=max(0.0, self._cluster.clock_skew()))

    async def _beat(self) -> None:
        while True:
            self._vitals.beat()
            await asyncio.sleep(HEARTBEAT_SECONDS)


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:  # noqa: ANN401
    """Set kopf up, and return when this process leads: kopf watches nothing before."""
    limit_arenas()
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
    names = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="lookup")
    asyncio.get_running_loop().set_default_executor(names)
    memo.process = OperatorProcess(await KubernetesCluster.connect(utc_now))
    memo.namespaces = memo.process.namespaces
    await memo.process.start()


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: Any) -> None:  # noqa: ANN401
    """Stop, and give the lease back."""
    if "process" in memo:
        await memo.process.stop()
