"""kopf handlers of ArgoCDInstances: reconcile loop, resync and finalizer.

They call the managers of the served namespaces, which ``NamespaceRegistry`` starts.
"""

import asyncio
import ctypes
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Final

import kopf
from pydantic import TypeAdapter

from argogrant.api.remote_cluster import RemoteCluster
from argogrant.argocd.policy_csv import trim_line_caches
from argogrant.audit.audit_log import AuditLog
from argogrant.controller.apply import Clock
from argogrant.controller.manager import NamespaceManager, log_task_failure
from argogrant.kube.client import Cluster, KubernetesCluster, Timeouts
from argogrant.kube.errors import ClusterError, CredentialUnavailable
from argogrant.kube.kubeconfig.choosing import ConnectionOptions, read_client_config
from argogrant.telemetry.metrics import Metrics

INSTANCES: Final = ("argogrant.dev", "v1alpha1", "argocdinstances")
POLL_SECONDS: Final = 0.5
END_POLL_SECONDS: Final = 0.05
_C_LIBRARY: Final = ctypes.CDLL(None)
LONGEST_RESYNC_RETRY: Final = 5.0
"""Seconds; kopf's own delay after an exception would be a minute without a resync."""


def utc_now() -> datetime:
    """Return the current time: the only clock of decisions and statuses."""
    return datetime.now(UTC)


async def connect_to(remote: RemoteCluster, token: str) -> KubernetesCluster:
    """Create a client of another cluster."""
    return KubernetesCluster.connect_to(
        remote.server,
        authorities=remote.ca_bundle,
        token=token,
        clock=utc_now,
        environment=os.environ,
    )


def connect_home(timeouts: Timeouts | None = None) -> KubernetesCluster:
    """Create a client of the cluster that the kubeconfig or the pod names.

    Args:
        timeouts: Limits of the time that requests take.

    Raises:
        InvalidKubeconfig: Neither names a usable API server and credential.
    """
    given = json.loads(os.environ.get("ARGOGRANT_CONNECTION") or "{}")
    options = TypeAdapter(ConnectionOptions).validate_python(given)
    config = read_client_config(options, os.environ)
    return KubernetesCluster.connect(
        config, utc_now, environment=os.environ, timeouts=timeouts
    )


class NamespaceRegistry:
    """Managers of the served namespaces, each started at first use.

    A standby starts them also, so it has listed everything when it acquires the Lease.
    It writes nothing until ``leading`` is set.

    Args:
        connect: Returns a client of the API server with connections of its own. Each
            namespace has one, so that no namespace uses up those of another.
    """

    def __init__(  # noqa: PLR0913
        self,
        connect: Callable[[], Cluster],
        metrics: Metrics,
        audit: AuditLog,
        clock: Clock,
        *,
        operator_namespace: str = "",
        accepts_unverified: bool = False,
    ) -> None:
        self.leading = asyncio.Event()
        self._managers: dict[str, tuple[NamespaceManager, asyncio.Task[None]]] = {}
        self._connect = connect
        self._new_manager = partial(
            NamespaceManager,
            metrics=metrics,
            audit=audit,
            clock=clock,
            connect=connect_to,
            leading=self.leading,
            operator_namespace=operator_namespace,
            accepts_unverified=accepts_unverified,
        )

    def get(self, namespace: str) -> NamespaceManager:
        """Return the manager of a namespace; start it again if it failed."""
        if namespace not in self._managers or self._managers[namespace][1].done():
            cluster = self._connect()
            manager = self._new_manager(cluster, namespace)
            task = asyncio.create_task(_run(manager, cluster))
            task.add_done_callback(log_task_failure)
            self._managers[namespace] = manager, task
        return self._managers[namespace][0]

    def are_synced(self) -> bool:
        """Return whether all started managers have listed their objects."""
        # The health server calls this from its own thread, hence the copy.
        managers = list(self._managers.values())
        return all(manager.is_synced() for manager, _ in managers)

    def trim_line_caches(self) -> None:
        """Limit the caches of policy lines by the number of grants that exist."""
        managers = (manager for manager, _ in self._managers.values())
        trim_line_caches(sum(manager.grant_count() for manager in managers))

    async def finish_ending_access(self, seconds: float) -> None:
        """Wait until the bindings of deleted instances are removed, or time is over.

        A process that is stopped because its namespace is being deleted is not started
        again, and its account soon loses its permissions.
        """
        managers = [one for one, _ in self._managers.values()]
        for _ in range(int(seconds / END_POLL_SECONDS)):
            is_ending = any(one.is_ending_access() for one in managers)
            if not (self.leading.is_set() and is_ending):
                return
            await asyncio.sleep(END_POLL_SECONDS)

    async def close(self) -> None:
        """Stop all managers."""
        tasks = [task for _, task in self._managers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run(manager: NamespaceManager, cluster: Cluster) -> None:
    """Run a manager, then close its connections."""
    try:
        await manager.run()
    finally:
        await cluster.close()


@kopf.daemon(*INSTANCES, cancellation_polling=2.0, backoff=1.0)
async def run_instance(
    *,
    name: str,
    namespace: str | None,
    body: kopf.Body,
    memo: kopf.Memo,
    stopped: kopf.DaemonStopped,
    **_: object,
) -> None:
    """Reconcile an instance until it is deleted and clean, or the process ends."""
    manager = memo.namespaces.get(namespace)
    async with _reconciling(manager, name) as loop:
        while not stopped and not loop.done():
            await stopped.wait(POLL_SECONDS)
            if memo.namespaces.get(namespace) is not manager:
                raise kopf.TemporaryError(
                    f"The manager of namespace {namespace} was restarted.", delay=1
                )
        if loop.done() or "deletionTimestamp" in body.metadata:
            await loop


@kopf.on.delete(*INSTANCES, backoff=1.0)
async def on_instance_deleted(
    *, name: str, namespace: str | None, memo: kopf.Memo, **_: object
) -> None:
    """Keep the finalizer of a deleted instance until its Argo CD is clean.

    kopf starts no daemon for an instance that was deleted before this process started,
    and would remove the finalizer at once. The manager runs one reconcile loop for an
    instance, however many callers wait for it.
    """
    while True:
        manager = memo.namespaces.get(namespace)
        async with _reconciling(manager, name) as loop:
            while not loop.done() and memo.namespaces.get(namespace) is manager:
                await asyncio.wait({loop}, timeout=POLL_SECONDS)
            if loop.done() and not loop.cancelled():
                await loop
                return


def register_resync(interval: float) -> None:
    """Register the timer of the resyncs, once the settings have been read.

    kopf wants the interval when a handler is registered, and looks handlers up for
    every event, so those that a startup handler registers are in effect.

    Args:
        interval: Seconds between two resyncs of an instance.
    """
    kopf.timer(*INSTANCES, interval=interval, initial_delay=interval)(resync_instance)


async def resync_instance(
    *, name: str, namespace: str | None, memo: kopf.Memo, **_: object
) -> None:
    """List all objects of an instance again: finds changes that the watch missed."""
    try:
        await memo.namespaces.get(namespace).resync(name)
    except CredentialUnavailable as error:
        # kopf logs every failure, and the watches log this one once.
        message = "There is no credential now."
        delay = memo.settings.sweep_seconds
        raise kopf.TemporaryError(message, delay=delay) from error
    except ClusterError as error:
        delay = min(LONGEST_RESYNC_RETRY, memo.settings.sweep_seconds)
        raise kopf.TemporaryError(str(error), delay=delay) from error
    memo.namespaces.trim_line_caches()
    trim_heap()


def trim_heap(library: object = _C_LIBRARY) -> None:
    """Return unused pages of the C heap to the kernel.

    A burst of grants needs some megabytes for a while, and what it frees lies between
    objects that stay. glibc returns only the top of its heap, so without this call the
    process would keep the size of its largest burst. ``MALLOC_ARENA_MAX=1`` in the
    Dockerfile gives all threads one heap; other C libraries (musl, macOS) have no
    ``malloc_trim``, and nothing happens.

    Source: mallopt(3), malloc_trim(3).
    """
    trim = getattr(library, "malloc_trim", None)
    if trim is not None:
        trim(0)


@asynccontextmanager
async def _reconciling(
    manager: NamespaceManager, name: str
) -> AsyncIterator["asyncio.Task[None]"]:
    """Run the reconcile loop of an instance for the length of a block."""
    loop = asyncio.create_task(manager.run_instance(name))
    try:
        yield loop
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
