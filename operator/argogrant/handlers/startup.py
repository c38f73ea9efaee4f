"""Start and end of the operator process, its settings, and its parts.

``argogrant operator`` turns its options into environment variables and runs
``kopf run -m argogrant.handlers``. The variables can also be set by hand in front of
``kopf run``, which does not accept these options.
"""

import asyncio
import gc
import logging
import os
import resource
import socket
import sys
import threading
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

import click
import kopf
from pydantic import TypeAdapter

from argogrant.api.accessgrant import FINALIZER
from argogrant.audit.audit_log import AuditListener, AuditLog, Stream
from argogrant.audit.http_sink import Sink, SinkTarget, open_spool
from argogrant.audit.kubernetes_events import KubernetesEvents
from argogrant.controller.manager import log_task_failure
from argogrant.handlers.instances import (
    NamespaceRegistry,
    connect_home,
    register_resync,
    utc_now,
)
from argogrant.handlers.kopf_requests import Backoffs, survive_broken_answers
from argogrant.kube.api_server import retry_later
from argogrant.kube.client import (
    SHORT_TIMEOUTS,
    WRITE_TIMEOUT,
    Body,
    Cluster,
    KubernetesCluster,
)
from argogrant.kube.errors import Conflict, CredentialUnavailable
from argogrant.kube.kubeconfig.entries import InvalidKubeconfig
from argogrant.kube.leader_election import LeaderElector
from argogrant.kube.own_namespace import own_namespace
from argogrant.kube.resources import EVENTS
from argogrant.telemetry import log_lines
from argogrant.telemetry.health_server import HealthServer, Heartbeat
from argogrant.telemetry.metrics import Metrics

HEARTBEAT_SECONDS: Final = 1.0
REQUEST_SECONDS: Final = WRITE_TIMEOUT.total
"""Timeout of kopf's requests: that of other writes, so a slow admission webhook does
not keep an ArgoCDInstance. kopf's default of five minutes would delay its deletion by
as much."""
CONNECT_SECONDS: Final = 5.0
DNS_THREADS: Final = 64
"""Host names resolved at the same time; names that time out must not delay others."""
FEWEST_FILES: Final = 4_096
"""Open files below which a warning is logged; an ArgoCDInstance needs about ten."""
GC_NEW_OBJECTS: Final = 20_000
GC_YOUNGER_COLLECTIONS: Final = 20
TLS_BUFFER_BYTES: Final = 64 * 2**10
"""Bytes that a TLS connection reads at once; a record of TLS has 16 KiB."""
ENDING_SECONDS: Final = 10.0
"""Longest delay of a stop by bindings of deleted instances that are to be removed; a
third of the grace period of a pod."""
LOST_LEASE: Final = 3
"""Exit status of a process that lost its Lease."""
LOGIN_SECONDS: Final = 5.0
"""Seconds until kopf asks again for a credential that was missing."""
ELECTION_POLL_SECONDS: Final = 0.1
ELECTION_SHUTDOWN_TIMEOUT: Final = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """Options of ``argogrant operator``, under the same names.

    The variable of ``lease_seconds`` is ``ARGOGRANT_LEASE_SECONDS``, and so on.
    """

    namespaces: tuple[str, ...] = ()
    """Namespaces to list before this process leads, so a standby starts warm."""
    operator_namespace: str = ""
    """The operator's own namespace; empty if it has none (``kube/own_namespace.py``).
    """
    sweep_seconds: float = 60.0
    """Seconds between two resyncs of an instance. (``argogrant sweep``, which removes
    expired bindings without the operator, has a schedule of its own.)"""
    lease_namespace: str = ""
    """Namespace of the Lease; empty for no leader election."""
    lease_seconds: float = 15.0
    identity: str = ""
    accept_unverified_requesters: bool = False
    """Trust spec.requester and spec.approver without the admission policies."""
    port: int | None = None
    """Port of probes and metrics; None to serve none."""
    audit_sink: str = ""
    """URL that receives audit events besides standard output; empty for none."""
    audit_sink_token_file: Path | None = None
    audit_sink_ca_file: Path | None = None
    audit_spool: Path | None = None
    """Folder of the events that wait for the sink; None keeps them in memory."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings; every unset variable has its default."""
        values: dict[str, Any] = {
            name: text
            for name in cls.__slots__
            if (text := environment.get(f"ARGOGRANT_{name.upper()}"))
        }
        namespaces = tuple(filter(None, values.get("namespaces", "").split(",")))
        values["namespaces"] = namespaces or _namespaces_of_kopf()
        lease_namespace = values.get("lease_namespace", "")
        values.setdefault(
            "operator_namespace", own_namespace(lease_namespace, values["namespaces"])
        )
        values.setdefault("identity", f"{socket.gethostname()}_{os.getpid()}")
        unverified = "accept_unverified_requesters"
        values[unverified] = values.get(unverified) == "true"
        return TypeAdapter(cls).validate_python(values)


def _namespaces_of_kopf() -> tuple[str, ...]:
    """Return the ``--namespace`` options of the ``kopf run`` that loads this module."""
    context = click.get_current_context(silent=True)
    return tuple(context.params.get("namespaces") or ()) if context else ()


class LeaderElection:
    """Leader election of this process: wait for the Lease, and exit when it is lost.

    The election runs in a thread with an event loop and a connection of its own, and
    not on the main event loop, for two reasons:

    - A burst of grants can keep the main loop busy for seconds. A renewal on that loop
      would be late, and the leader would lose the Lease to its own work.
    - If the main loop hangs, this thread stops the renewals (``is_alive``) and ends the
      process at the renew deadline, before a standby may take over. A renewal on the
      main loop would notice the loss only when that loop runs again. Other tasks of the
      loop may run before it, and would write to the API server as a second leader.

    Args:
        settings: Without ``lease_namespace`` this process always leads.
        clock: Current time in UTC.
        is_alive: Returns whether the main event loop runs; while it does not, the
            Lease is not renewed.
    """

    def __init__(
        self,
        settings: OperatorSettings,
        *,
        clock: Callable[[], datetime],
        is_alive: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._is_alive = is_alive
        self._leads = asyncio.Event()
        self._released = threading.Event()
        self._thread: threading.Thread | None = None

    async def acquire(self) -> None:
        """Wait until this process leads; if it loses the Lease later, it exits."""
        if not self._settings.lease_namespace:
            return
        logger.info("Standby: waiting for the Lease.")
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=self._run, args=(loop,), name="lease", daemon=True
        )
        self._thread.start()
        await self._leads.wait()
        logger.info("Leader: acquired the Lease.")

    async def release(self) -> None:
        """Stop the election and release the Lease, so a standby can lead at once."""
        if self._thread is not None:
            self._released.set()
            await asyncio.to_thread(self._thread.join, ELECTION_SHUTDOWN_TIMEOUT)

    def _run(self, main: asyncio.AbstractEventLoop) -> None:
        try:
            asyncio.run(self._elect(main))
        except Exception:
            logger.exception("The leader election failed.")
            _exit()

    async def _elect(self, main: asyncio.AbstractEventLoop) -> None:
        """Acquire the Lease, notify the main loop, and renew until released."""
        cluster = connect_home(SHORT_TIMEOUTS)
        elector = LeaderElector(
            cluster,
            self._settings.lease_namespace,
            identity=self._settings.identity,
            seconds=self._settings.lease_seconds,
            clock=self._clock,
        )
        try:
            if await self._unless_released(elector.acquire()):
                main.call_soon_threadsafe(self._leads.set)
                if await self._unless_released(elector.renew(self._is_alive)):
                    _exit()
                await elector.release()
        finally:
            await cluster.close()

    async def _unless_released(self, work: Coroutine[Any, Any, None]) -> bool:
        """Run until done or until ``release``; return whether the work was done."""
        task = asyncio.create_task(work)
        while not task.done() and not self._released.is_set():
            await asyncio.wait([task], timeout=ELECTION_POLL_SECONDS)
        if task.done():
            await task
            return True
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return False


def _exit() -> None:
    """End the process without cleanup: another replica may lead by now."""
    logger.critical(
        "The Lease was lost. The process exits: another replica leads or will."
    )
    logging.shutdown()
    os._exit(LOST_LEASE)


class Sinks:
    """Audit outputs: standard output, the HTTP sink if configured, Events and metrics.

    The HTTP sink starts at once, also in a standby: events that an earlier process of
    this pod left in the spool need not wait for the Lease.

    Args:
        cluster: API server that stores the Events.
        settings: Address of the sink and folder of its spool.
        metrics: Counters of sent and dropped events.
    """

    def __init__(
        self, cluster: Cluster, settings: OperatorSettings, metrics: Metrics
    ) -> None:
        self._cluster = cluster
        self._sink: Sink | None = None
        listeners: list[AuditListener] = [Stream(sys.stdout)]
        if settings.audit_sink:
            target = SinkTarget(
                url=settings.audit_sink,
                token_file=settings.audit_sink_token_file,
                ca_file=settings.audit_sink_ca_file,
            )
            spool = open_spool(settings.audit_spool, metrics.audit_dropped.inc)
            metrics.audit_pending.set_function(spool.count)
            self._sink = Sink(target, spool)
            self._sink.start()
            listeners.append(self._sink)
        events = KubernetesEvents(self._post, metrics.events_dropped.inc)
        self._posting = asyncio.create_task(events.run())
        self._posting.add_done_callback(log_task_failure)
        self.audit = AuditLog(
            *listeners,
            lambda event: metrics.record_event(event.event_type),
            events,
        )

    async def stop(self) -> None:
        """Let the sink post its queued events once more, then stop."""
        self._posting.cancel()
        if self._sink is not None:
            await asyncio.to_thread(self._sink.stop)

    async def _post(self, namespace: str, body: Body) -> None:
        """Create an Event; an existing one of that name has the same content."""
        with suppress(Conflict):
            await self._cluster.create(EVENTS.path(namespace), body)


class OperatorProcess:
    """Parts of one operator process, and the order of their start and stop."""

    def __init__(self, cluster: KubernetesCluster, settings: OperatorSettings) -> None:
        self._cluster = cluster
        self._settings = settings
        self._metrics = Metrics()
        self._heartbeat = Heartbeat()
        self._health_server = HealthServer(self._heartbeat, self._metrics.registry)
        self._election = LeaderElection(
            settings,
            clock=self._now,
            is_alive=lambda: self._heartbeat.age() < settings.lease_seconds,
        )
        self._beating = asyncio.create_task(self._beat())
        self._sinks = Sinks(cluster, settings, self._metrics)
        self.namespaces = NamespaceRegistry(
            cluster.partition,
            self._metrics,
            self._sinks.audit,
            self._now,
            operator_namespace=settings.operator_namespace,
            accepts_unverified=settings.accept_unverified_requesters,
        )

    async def start(self) -> None:
        """Serve probes, list all objects, and return when this process leads."""
        self._heartbeat.synced = self.namespaces.are_synced
        self._metrics.clock_skew.set_function(self._cluster.clock_skew)
        if self._settings.port is not None:
            self._health_server.start(self._settings.port)
        for namespace in self._settings.namespaces:
            self.namespaces.get(namespace)
        await self._election.acquire()
        self._heartbeat.leading = True
        self._metrics.lead()
        self.namespaces.leading.set()

    async def stop(self) -> None:
        """Stop all writes first, then release the Lease for another replica.

        If the namespace is being deleted, access ends before.
        """
        await self.namespaces.finish_ending_access(ENDING_SECONDS)
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


class NoDiffBase(kopf.AnnotationsDiffBaseStorage):
    """Diff base that stores nothing: kopf writes no copy of an object into it.

    kopf finds no differences between empty essences, and every object counts as seen.
    """

    def build(self, **_: object) -> kopf.BodyEssence:
        """Return an empty essence."""
        return kopf.BodyEssence()

    fetch = build

    def store(self, **_: object) -> None:
        """Store nothing."""


def tune_gc() -> None:
    """Run the collector of reference cycles less often.

    One change of an ArgoCDInstance creates ten thousand decisions. With its defaults
    the collector runs after every 700 new objects; it took a tenth of the time of such
    a reconciliation and found nothing. Cycles of kopf and aiohttp can wait.

    Source: https://docs.python.org/3.11/library/gc.html#gc.set_threshold.
    """
    gc.set_threshold(GC_NEW_OBJECTS, GC_YOUNGER_COLLECTIONS, GC_YOUNGER_COLLECTIONS)


def limit_tls_buffers() -> None:
    """Limit the buffer of each new TLS connection; asyncio's default is 256 KiB.

    The server of each ArgoCDInstance in another cluster can keep ten connections open,
    also in the middle of a handshake.

    Source: python/cpython, ``Lib/asyncio/sslproto.py``, ``SSLProtocol``.
    """
    SSLProtocol.max_size = TLS_BUFFER_BYTES


def allow_open_files() -> None:
    """Raise the limit of open files as far as permitted, as Go programs do.

    Source: golang/go, ``src/os/rlimit.go``.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < FEWEST_FILES:
        logger.warning(
            "This process may open only %d files; an ArgoCDInstance needs about ten."
            " Raise the limit of open files (nofile) in the container runtime.",
            hard,
        )


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: object) -> None:
    """Configure kopf, and return when this process leads: kopf watches nothing before.

    The settings of the operator go into kopf's memo, from where handlers take them.
    """
    log_lines.install(logging.getLogger())
    tune_gc()
    limit_tls_buffers()
    allow_open_files()
    settings.persistence.finalizer = FINALIZER
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.background.instant_exit_timeout = 2.0
    settings.networking.request_timeout = REQUEST_SECONDS
    settings.networking.connect_timeout = CONNECT_SECONDS
    settings.networking.error_backoffs = Backoffs()
    survive_broken_answers()
    resolvers = ThreadPoolExecutor(DNS_THREADS, thread_name_prefix="lookup")
    asyncio.get_running_loop().set_default_executor(resolvers)
    memo.settings = OperatorSettings.read(os.environ)
    register_resync(memo.settings.sweep_seconds)
    try:
        cluster = connect_home()
    except InvalidKubeconfig as error:
        raise kopf.PermanentError(str(error)) from error
    memo.cluster = cluster
    memo.process = OperatorProcess(cluster, memo.settings)
    memo.namespaces = memo.process.namespaces
    await memo.process.start()


@kopf.on.login()
async def log_in(memo: kopf.Memo, **_: object) -> kopf.AiohttpSession:
    """Open a session for kopf, with the credential of this process.

    kopf's own logins know neither exec plugins nor contexts as kubectl does. kopf calls
    this again when the API server rejects the credential.

    Raises:
        kopf.TemporaryError: The credential is missing now.
    """
    api_server = memo.cluster.api_server
    try:
        credential = await api_server.credentials.current()
    except CredentialUnavailable as error:
        raise kopf.TemporaryError(str(error), delay=LOGIN_SECONDS) from error
    session = api_server.open_session(credential.certificate, outer=(retry_later,))
    return kopf.AiohttpSession(server=api_server.url, aiohttp_session=session)


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: object) -> None:
    """Stop everything and release the Lease."""
    if "process" in memo:
        await memo.process.stop()
