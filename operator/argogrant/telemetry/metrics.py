"""Prometheus metrics of the operator.

``docs/reference/metrics.md`` is generated from here. Labels are namespaces, instances,
results and reasons, never users or grants: the number of series does not grow with the
number of grants, and the metrics contain no personal data.

Source: Prometheus, "Metric and label naming" and "Instrumentation".
"""

import time
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
)
from prometheus_client.metrics import MetricWrapperBase

from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.reasons import Reason

LABELS: Final = ("namespace", "instance")
"""Labels of the metrics of an instance."""
Metric = TypeVar("Metric", bound=MetricWrapperBase)

LAG_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600)
DURATION_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)


class Metrics:
    """All metrics of one operator process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.led_since = time.monotonic()
        self.of_instances: list[MetricWrapperBase] = []
        """The metrics with ``LABELS``."""
        ProcessCollector(registry=self.registry)  # memory, CPU and start of the process
        self.leader = self._gauge(
            "argogrant_leader", "1 while this process holds the Lease, else 0.", ()
        )
        self.clock_skew = self._gauge(
            "argogrant_clock_skew_seconds",
            "Lead of the API server's clock over the operator's; 0 if within a second.",
            (),
        )
        self.start_seconds = self._gauge(
            "argogrant_start_seconds",
            "Time from acquiring the Lease to the first reconciliation, by instance.",
        )
        self.grants = self._gauge(
            "argogrant_grants",
            "AccessGrants by instance and by reason of their Ready condition.",
            (*LABELS, "reason"),
        )
        self.bindings = self._gauge(
            "argogrant_bindings", "Bindings in policy.argogrant.csv."
        )
        self.break_glass = self._gauge(
            "argogrant_break_glass_grants",
            "AccessGrants with breakGlass that are in force.",
        )
        self.approvals_waiting = self._gauge(
            "argogrant_approvals_waiting", "AccessGrants that wait for approvals."
        )
        self.last_convergence = self._gauge(
            "argogrant_last_convergence_timestamp_seconds",
            "Unix time of the last complete reconciliation.",
        )
        self.overdue = self._gauge(
            "argogrant_overdue_seconds",
            "Age of the oldest binding past its end; 0 if there is none.",
        )
        self.contested = self._gauge(
            "argogrant_contested",
            "1 while another program keeps changing policy.argogrant.csv, else 0.",
        )
        self.rbac_text_bytes = self._gauge(
            "argogrant_rbac_text_bytes",
            "Size of all keys and values of argocd-rbac-cm; the limit is 1 MiB.",
        )
        self.token_expiry = self._gauge(
            "argogrant_token_expiry_timestamp_seconds",
            "Unix time at which the token for the remote cluster expires.",
        )
        self.token_at_risk = self._gauge(
            "argogrant_token_at_risk",
            "1 while that token expires soon and is not renewed, else 0.",
        )
        self.writes = self._counter(
            "argogrant_overlay_writes",
            "Writes of policy.argogrant.csv by result: ok, conflict or error.",
            (*LABELS, "result"),
        )
        self.convergence = self._histogram(
            "argogrant_convergence_duration_seconds",
            "Duration of one reconciliation: gather, decide, plan, apply, report.",
            DURATION_BUCKETS,
        )
        self.revocation_lag = self._histogram(
            "argogrant_revocation_lag_seconds",
            "Time from the end of a grant to the acknowledged write that removed it.",
            LAG_BUCKETS,
        )
        self.token_rotations = self._counter(
            "argogrant_token_rotations",
            "Renewals of the token for the remote cluster by result: ok, conflict or"
            " error.",
            (*LABELS, "result"),
        )
        self.orphans = self._counter(
            "argogrant_orphans_removed",
            "Bindings removed from policy.argogrant.csv that no grant accounts for.",
        )
        self.members_returned = self._counter(
            "argogrant_members_returned",
            "Members of AppProjects that came back after their grant, by result:"
            " removed or kept.",
            (*LABELS, "result"),
        )
        self.returned_members = self._gauge(
            "argogrant_returned_members",
            "Members of AppProjects without a grant that came back, are kept, and are"
            " not acknowledged.",
        )
        self.internal_errors = self._counter(
            "argogrant_internal_errors",
            "Unforeseen exceptions, which the operator contained and logged.",
        )
        self.deleted = self._counter(
            "argogrant_grants_deleted",
            "Ended AccessGrants that were deleted after spec.retention.",
        )
        self.sweep_differences = self._counter(
            "argogrant_sweep_differences",
            "Objects that a resync found different from the cache.",
        )
        self.audit_events = self._counter(
            "argogrant_audit_events",
            "Events of the audit stream by type, such as bound.",
            ("type",),
        )
        self.audit_pending = self._gauge(
            "argogrant_audit_sink_pending",
            "Audit events that wait for the sink; 0 without a sink.",
            (),
        )
        self.audit_dropped = self._counter(
            "argogrant_audit_dropped",
            "Audit events that were dropped because the spool was full.",
            (),
        )
        self.events_dropped = self._counter(
            "argogrant_events_dropped",
            "Kubernetes Events above the rate limit, or that could not be created.",
            (),
        )

    def lead(self) -> None:
        """Record that this process acquired the Lease."""
        self.led_since = time.monotonic()
        self.leader.set(1)

    def record_event(self, event_type: str) -> None:
        """Count an event of the audit stream by its type, such as ``bound``."""
        self.audit_events.labels(event_type).inc()

    def internal_errors_in(self, namespace: str) -> None:
        """Count an unforeseen exception in the work for a whole namespace."""
        self.internal_errors.labels(namespace, "").inc()

    def get(self, namespace: str, instance: str) -> "InstanceMetrics":
        """Return the metrics of one instance."""
        return InstanceMetrics(self, namespace, instance)

    def all(self) -> Iterator[MetricWrapperBase]:
        """Return all metrics of the operator."""
        found = vars(self).values()
        return (one for one in found if isinstance(one, MetricWrapperBase))

    def _gauge(self, name: str, text: str, labels: Iterable[str] = LABELS) -> Gauge:
        return self._listed(Gauge(name, text, labels, registry=self.registry), labels)

    def _counter(self, name: str, text: str, labels: Iterable[str] = LABELS) -> Counter:
        return self._listed(Counter(name, text, labels, registry=self.registry), labels)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        registry = self.registry
        metric = Histogram(name, text, LABELS, registry=registry, buckets=buckets)
        return self._listed(metric, LABELS)

    def _listed(self, metric: Metric, labels: Iterable[str]) -> Metric:
        if set(LABELS) <= set(labels):
            self.of_instances.append(metric)
        return metric


class InstanceMetrics:
    """Metrics of one instance, which are removed when it is deleted."""

    def __init__(self, metrics: Metrics, namespace: str, instance: str) -> None:
        self._metrics = metrics
        self._labels = (namespace, instance)
        self._reasons: set[str] = set()
        self._overdue_since: float | None = None
        self._has_converged = False
        metrics.overdue.labels(*self._labels).set_function(self._overdue_seconds)
        metrics.internal_errors.labels(*self._labels)  # 0, so an alert sees the first

    def record_reconciliation(self, seconds: float, now: datetime) -> None:
        """Record a complete reconciliation."""
        self._metrics.convergence.labels(*self._labels).observe(seconds)
        self._metrics.last_convergence.labels(*self._labels).set(now.timestamp())
        if not self._has_converged:
            self._has_converged = True
            duration = time.monotonic() - self._metrics.led_since
            self._metrics.start_seconds.labels(*self._labels).set(duration)

    def record_write(self, result: str) -> None:
        """Count a write of the managed key by its result."""
        self._metrics.writes.labels(*self._labels, result).inc()

    def record_removals(self, *, lags: Iterable[float], orphans: int) -> None:
        """Record the removals of a write: ended grants by their lag, and orphans."""
        histogram = self._metrics.revocation_lag.labels(*self._labels)
        for lag in lags:
            histogram.observe(lag)
        self._metrics.orphans.labels(*self._labels).inc(orphans)

    def record_return(self, *, is_kept: bool) -> None:
        """Count a member that came back after its grant, and was removed or kept."""
        result = "kept" if is_kept else "removed"
        self._metrics.members_returned.labels(*self._labels, result).inc()

    def returned(self, kept: int) -> None:
        """Set the number of members that are kept and not acknowledged."""
        self._metrics.returned_members.labels(*self._labels).set(kept)

    def record_internal_error(self) -> None:
        """Count an unforeseen exception that was contained."""
        self._metrics.internal_errors.labels(*self._labels).inc()

    def record_resync(self, differences: int) -> None:
        """Count the differences that a resync found."""
        self._metrics.sweep_differences.labels(*self._labels).inc(differences)

    def observed(self, *, bindings: int, text_bytes: int, contested: bool) -> None:
        """Set the gauges of Argo CD's RBAC ConfigMap."""
        self._metrics.bindings.labels(*self._labels).set(bindings)
        self._metrics.rbac_text_bytes.labels(*self._labels).set(text_bytes)
        self._metrics.contested.labels(*self._labels).set(contested)

    def token(self, expires_at: datetime | None, *, is_at_risk: bool) -> None:
        """Set the gauges of the token for a remote cluster."""
        if expires_at is not None:
            gauge = self._metrics.token_expiry.labels(*self._labels)
            gauge.set(expires_at.timestamp())
        self._metrics.token_at_risk.labels(*self._labels).set(is_at_risk)

    def rotated(self, result: str) -> None:
        """Count a renewal of the token by its result."""
        self._metrics.token_rotations.labels(*self._labels, result).inc()

    def overdue_since(self, end: datetime | None) -> None:
        """Set the end of the oldest overdue binding; None if there is none."""
        self._overdue_since = None if end is None else end.timestamp()

    def grants(self, by_reason: Mapping[str, int]) -> None:
        """Set the numbers of grants, by the reason of their Ready condition."""
        tally = Tally(by_reason)
        self._reasons |= tally.keys()
        for reason in self._reasons:
            self._metrics.grants.labels(*self._labels, reason).set(tally[reason])
        waiting = tally[Reason.AWAITING_APPROVAL]
        self._metrics.approvals_waiting.labels(*self._labels).set(waiting)

    def in_force(self, decisions: Iterable[Decision]) -> None:
        """Set the number of break-glass grants in force, from all decisions."""
        count = sum(
            decision.grant.break_glass
            and decision.desired_binding is DesiredBinding.PRESENT
            for decision in decisions
        )
        self._metrics.break_glass.labels(*self._labels).set(count)

    def forget(self) -> None:
        """Remove the metrics of an instance that no longer exists."""
        labels = dict(zip(LABELS, self._labels, strict=True))
        for metric in self._metrics.of_instances:
            metric.remove_by_labels(labels)

    def _overdue_seconds(self) -> float:
        since = self._overdue_since
        return 0.0 if since is None else max(0.0, time.time() - since)
