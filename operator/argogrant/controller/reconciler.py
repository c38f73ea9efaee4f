"""The convergence of one instance: gather, decide, plan, apply, report.

Level-triggered: whatever woke it, a convergence looks at everything and makes what
Argo CD has equal to what is in force. It sleeps until something changes or until the
next instant at which an answer changes by itself.
"""

import asyncio
import logging
from dataclasses import replace
from typing import Final

from argogrant.argocd.configmap_size import size_of
from argogrant.controller.admission import AdmissionWatcher
from argogrant.controller.apply import Applier, Clock, orphans_of, overdue_since
from argogrant.controller.appproject.apply import ProjectApplier
from argogrant.controller.argocd_state import ArgoCD, Snapshot
from argogrant.controller.cached_objects import InstanceRecord
from argogrant.controller.plan import Plan
from argogrant.controller.planner import Planner
from argogrant.controller.remote.location import RemoteLocation
from argogrant.controller.scheduler import Scheduler
from argogrant.controller.status.instance_conditions import (
    NOT_KNOWN,
    NOT_RECONCILED,
    InstanceStatusInput,
)
from argogrant.controller.status.reporter import Reporter
from argogrant.controller.store import Store
from argogrant.grants.model.reasons import Finding
from argogrant.kube.errors import ClusterError, Conflict
from argogrant.telemetry.metrics import InstanceMetrics

ATTEMPTS: Final = 3

logger = logging.getLogger(__name__)


class Reconciler:
    """Keeps one Argo CD equal to the grants of one ArgoCDInstance.

    Args:
        name: The instance, in the store's namespace.
        store: Our own kinds.
        verification: Tells whether requesters and approvers are who they say.
        whereabouts: Where its Argo CD is, and how it is reached.
        reporter: Writes what is said about grants and the instance.
        metrics: Told of every convergence.
        clock: Tells the time in UTC.
    """

    def __init__(  # noqa: PLR0913
        self,
        name: str,
        *,
        store: Store,
        verification: AdmissionWatcher,
        whereabouts: RemoteLocation,
        reporter: Reporter,
        metrics: InstanceMetrics,
        clock: Clock,
    ) -> None:
        self._name = name
        self._title = f"{store.namespace}/{name}"
        self._store = store
        self._verification = verification
        self._home = whereabouts.home
        self._reporter = reporter
        self._metrics = metrics
        self._clock = clock
        self._signal = store.event(name)
        self._alarm = Scheduler(self._signal, clock)
        self._applier = Applier(self._title, metrics, clock)
        self._projects = ProjectApplier(self._title, metrics, clock)
        self._whereabouts = whereabouts
        self._planning = Planner(
            name,
            store=store,
            verification=verification,
            whereabouts=whereabouts,
            clock=clock,
        )
        self._decisions = self._planning.decisions
        self.uid = ""
        """Whose Argo CD it is, once that is known."""
        self.has_moved = False
        """Whether it ended since Argo CD is elsewhere, or is reached otherwise."""

    async def run(self) -> None:
        """Converge until cancelled, or until the instance was deleted and is clean."""
        await self._store.wait_until_synced()
        await self._verification.wait_until_observed()
        record = await self._first_understood()
        instance = record.instance if record is not None else None
        if record is None or instance is None:
            self._metrics.forget()
            return
        self.uid = record.uid
        async with self._whereabouts.at(record, instance.location) as (
            argocd,
            watching,
        ):
            await self._loop(argocd, watching)

    async def _first_understood(self) -> InstanceRecord | None:
        """Wait until the instance is there and can be understood.

        Returns:
            None if it is gone, or given up, before that.
        """
        was_there = False
        while True:
            self._signal.clear()
            record = self._store.instance(self._name)
            if record is not None and record.instance is not None:
                return record
            if record is None and was_there:
                return None
            if record is not None:
                was_there = True
                if record.is_force_released:
                    return None
                self._report_unknown(record)
            await self._alarm.wait_until_due(self._decisions, None)

    async def resync(self, others: int) -> int:
        """Compare everything with Argo CD.

        Args:
            others: Differences that were found elsewhere; counted along.

        Returns:
            How much of Argo CD's was not as believed.
        """
        differences = await self._whereabouts.compare()
        self._metrics.record_resync(others + differences)
        self._signal.set()
        return differences

    async def _loop(self, argocd: ArgoCD, watching: asyncio.Task[None]) -> None:
        backoff = self._whereabouts.pause
        while not watching.done():
            self._signal.clear()
            record = self._store.instance(self._name)
            if record is None or record.uid != self.uid:
                self._metrics.forget()
                return
            if self._whereabouts.is_elsewhere(record):
                self.has_moved = True
                return
            if record.force_release:
                await self._whereabouts.abandon()
            began = asyncio.get_running_loop().time()
            try:
                wait = await self._reconcile(argocd, record)
                backoff.reset()
            except ClusterError as error:
                self._report_failure(argocd, error, lasts=backoff.has_failed)
                if record.is_force_released:
                    self._metrics.forget()
                    return
                await backoff.wait()
                continue
            took = asyncio.get_running_loop().time() - began
            self._metrics.record_reconciliation(took, self._clock())
            if record.is_force_released or (
                record.being_deleted
                and argocd.snapshot().config_map is not None
                and self._whereabouts.left_behind is None
            ):
                self._metrics.forget()
                return
            await self._alarm.wait_until_due(self._decisions, wait)
            await self._alarm.debounce(self._decisions, took)
        watching.result()

    async def _reconcile(self, argocd: ArgoCD, record: InstanceRecord) -> float | None:
        """Make what Argo CD has equal to what is in force.

        Returns:
            Seconds after which a write that was put off is due; None if there is none.
        """
        for _ in range(ATTEMPTS):
            seen = argocd.snapshot()
            planned, failure = await self._planning.plan(record, seen)
            self._metrics.overdue_since(
                overdue_since(seen, self._decisions.all(), self._clock())
            )
            planned = self._detect_contention(planned, seen)
            self._reporter.report_tokens(record, planned, self._clock())
            members = await self._projects.write(argocd, planned)
            if members.conflict:
                continue
            leaving = record.being_deleted and planned.overlay_exists(seen)
            wait = None if leaving else self._applier.write_delay(planned)
            try:
                if leaving or (planned.has_work and wait is None):
                    orphans = orphans_of(planned, self._decisions.all())
                    self._reporter.report_orphans(record, orphans, seen, self._clock())
                    await self._applier.write(
                        argocd, planned, seen, orphans=orphans, leaving=leaving
                    )
            except Conflict:
                await argocd.refresh_config_map()
                continue
            await members.wait_for_argocd(planned, failure)
            self._report(argocd, planned)
            return members.no_later_than(wait)
        raise Conflict(f"Argo CD's objects changed {ATTEMPTS} times while written")

    def _detect_contention(self, planned: Plan, seen: Snapshot) -> Plan:
        """Say whether somebody else changed what was written."""
        planned = self._projects.detect_external_change(planned, seen)
        if planned.blocked is None and planned.has_work:
            planned = replace(planned, blocked=self._applier.contested)
        self._applier.detect_external_change(planned, seen)
        return planned

    def _report(self, argocd: ArgoCD, planned: Plan) -> None:
        seen, now = argocd.snapshot(), self._clock()
        self._metrics.overdue_since(overdue_since(seen, self._decisions.all(), now))
        overlay = seen.config_map.overlay if seen.config_map else None
        self._metrics.observed(
            bindings=len(overlay.bindings) if overlay else 0,
            text_bytes=size_of(seen.config_map.data) if seen.config_map else 0,
            contested=self._contested() is not None,
        )
        by_reason = self._reporter.report_and_release_grants(
            self._decisions, planned, seen, now
        )
        self._metrics.grants(by_reason)
        self._metrics.in_force(self._decisions.all())
        self._report_instance(
            InstanceStatusInput(
                seen=seen,
                blocked=planned.blocked
                or planned.capacity_finding
                or planned.left_behind,
                contested=self._contested(),
                clock_skew=self._home.clock_skew(),
                failures=self._whereabouts.failures,
            )
        )

    def _contested(self) -> Finding | None:
        return self._applier.contested or self._projects.contested

    def _report_failure(
        self, argocd: ArgoCD, error: ClusterError, *, lasts: bool
    ) -> None:
        """Say why there is no convergence; a single failure is no news to grants."""
        logger.warning("%s: %s", self._title, error)
        seen, now = argocd.snapshot(), self._clock()
        if lasts:
            nothing = Plan(overlay=None, blocked=NOT_RECONCILED)
            self._reporter.report_and_release_grants(
                self._decisions, nothing, seen, now
            )
        self._report_instance(InstanceStatusInput(seen=seen, error=error))

    def _report_unknown(self, record: InstanceRecord) -> None:
        """Say that there is no telling where Argo CD is."""
        seen, now = Snapshot(), self._clock()
        self._planning.decide(record, seen, now)
        nothing = Plan(overlay=None, blocked=NOT_KNOWN)
        said = self._reporter.report_and_release_grants(
            self._decisions, nothing, seen, now
        )
        self._metrics.grants(said)
        self._report_instance(InstanceStatusInput(seen=seen))

    def _report_instance(self, health: InstanceStatusInput) -> None:
        record = self._store.instance(self._name)
        if record is None:
            return
        health = replace(
            health,
            problem=record.problem,
            is_waiting=record.being_deleted,
            identities=self._verification.verification(),
            maintenance=self._whereabouts.upkeep.look(health.error),
            location=self._whereabouts.place,
            namespace=record.namespace,
        )
        gathered = self._planning.gather(record, health.seen)
        self._reporter.report_instance(
            record,
            health,
            gathered=gathered,
            now=self._clock(),
            last_write_at=self._applier.last_write_at,
            bound_in=self._whereabouts.bound_in,
        )
