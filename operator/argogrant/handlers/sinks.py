"""Audit outputs of the operator process, as its settings configure them."""

import asyncio
import sys
from contextlib import suppress

from argogrant.audit.audit_log import AuditListener, AuditLog, Stream
from argogrant.audit.http_sink import Sink, SinkTarget, open_spool
from argogrant.audit.kubernetes_events import KubernetesEvents
from argogrant.controller.manager import log_task_failure
from argogrant.handlers.settings import OperatorSettings
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import Conflict
from argogrant.kube.resources import EVENTS
from argogrant.telemetry.metrics import AuditMetrics


class Sinks:
    """Standard output, the HTTP sink if configured, Kubernetes Events and metrics.

    The HTTP sink starts at once, also in a standby: events that an earlier process of
    this pod left in the spool need not wait for the Lease.

    Args:
        cluster: API server that stores the Events.
        settings: Address of the sink and folder of its spool.
        metrics: Counters of sent and dropped events.
    """

    def __init__(
        self, cluster: Cluster, settings: OperatorSettings, metrics: AuditMetrics
    ) -> None:
        self._cluster = cluster
        self._sink = _sink(settings, metrics)
        events = KubernetesEvents(self._post, metrics.events_dropped.inc)
        self._posting = asyncio.create_task(events.run())
        self._posting.add_done_callback(log_task_failure)
        listeners: list[AuditListener] = [
            Stream(sys.stdout),
            lambda event: metrics.record_event(event.event_type),
            events,
        ]
        if self._sink is not None:
            listeners.insert(1, self._sink)
            self._sink.start()
        self.audit = AuditLog(*listeners)

    async def stop(self) -> None:
        """Let the sink post its queued events once more, then stop."""
        self._posting.cancel()
        if self._sink is not None:
            await asyncio.to_thread(self._sink.stop)

    async def _post(self, namespace: str, body: Body) -> None:
        """Create an Event; an existing one of that name has the same content."""
        with suppress(Conflict):
            await self._cluster.create(EVENTS.path(namespace), body)


def _sink(settings: OperatorSettings, metrics: AuditMetrics) -> Sink | None:
    if not settings.audit_sink:
        return None
    target = SinkTarget(
        url=settings.audit_sink,
        token_file=settings.audit_sink_token_file,
        ca_file=settings.audit_sink_ca_file,
    )
    spool = open_spool(settings.audit_spool, metrics.dropped.inc)
    metrics.pending.set_function(spool.count)
    return Sink(target, spool)
