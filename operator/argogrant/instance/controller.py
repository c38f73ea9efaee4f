"""The convergence of one instance: gather, decide, plan, apply, report.

Level-triggered: whatever woke it, a convergence looks at everything and makes what
Argo CD has equal to what is in force. It sleeps until something changes or until the
next instant at which an answer changes by itself.
"""

import asyncio
import logging
import random
from dataclasses import replace
from datetime import datetime
from typing import Final

from argogrant.api.argocdinstance import Instance
from argogrant.grants.facts import InstanceFacts
from argogrant.grants.finding import Finding
from argogrant.instance.alarm import Alarm
from argogrant.instance.apply import Applier, Clock, orphans_of
from argogrant.instance.argocd import ArgoCD, Snapshot
from argogrant.instance.decisions import Decisions
from argogrant.instance.gather import Gathered, Gatherer
from argogrant.instance.health import NOT_CONVERGED, NOT_KNOWN, Health
from argogrant.instance.overdue import overdue_since
from argogrant.instance.places import where_of
from argogrant.instance.plan import Plan
from argogrant.instance.planner import Planner
from argogrant.instance.project_apply import SEEN_EVERYWHERE, ProjectApplier
from argogrant.instance.records import InstanceRecord
from argogrant.instance.report import Reporter
from argogrant.instance.store import Store
from argogrant.instance.verification import Verification
from argogrant.kube.cluster import Cluster
from argogrant.kube.failures import ClusterError, Conflict
from argogrant.outlets.metrics import InstanceMetrics
from argogrant.rbac.capacity import size_of

ATTEMPTS: Final = 3
FIRST_BACKOFF: Final = 0.2
LONGEST_BACKOFF: Final = 5.0

logger = logging.getLogger(__name__)


class Controller:
    """Keeps one Argo CD equal to the grants of one ArgoCDInstance.

    Args:
        name: The instance, in the store's namespace.
        store: Our own kinds.
        verification: Tells whether requesters and approvers are who they say.
        cluster: Where this Argo CD runs.
        reporter: Writes what is said about grants and the instance.
        metrics: Told of every convergence.
        clock: Tells the time in UTC.
    """

    def __init__(  # noqa: PLR0913
        self,
        name: str,
        *,
        store: Store,
        verification: Verification,
        cluster: Cluster,
        reporter: Reporter,
        metrics: InstanceMetrics,
        clock: Clock,
    ) -> None:
        self._name = name
        self._title = f"{store.namespace}/{name}"
        self._store = store
        self._verification = verification
        self._cluster = cluster
        self._reporter = reporter
        self._metrics = metrics
        self._clock = clock
        self._signal = store.signal(name)
        self._alarm = Alarm(self._signal, clock)
        self._gatherer = Gatherer(name)
        self._decisions = Decisions()
        self._planner = Planner()
        self._applier = Applier(self._title, metrics, clock)
        self._projects = ProjectApplier(self._title, metrics, clock)
        self._argocd: ArgoCD | None = None
        self.uid = ""
        """Whose Argo CD it is, once that is known."""

    async def run(self) -> None:
        """Converge until cancelled, or until the instance was deleted and is clean."""
        await self._store.wait_until_synced()
        await self._verification.wait_until_looked_at()
        instance = await self._first_understood()
        if instance is None:
            self._metrics.forget()
            return
        self.uid = instance.uid
        namespace = instance.argocd_namespace
        self._argocd = ArgoCD(self._cluster, namespace, self._signal.set)
        watching = asyncio.create_task(self._argocd.run())
        try:
            await self._argocd.wait_until_looked_at()
            await self._loop(self._argocd, watching)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _first_understood(self) -> Instance | None:
        """Wait until the instance is there and can be understood.

        Returns:
            None if it is gone, or given up, before that.
        """
        was_there = False
        while True:
            self._signal.clear()
            record = self._store.instance(self._name)
            if record is not None and record.instance is not None:
                return record.instance
            if record is None and was_there:
                return None
            if record is not None:
                was_there = True
                if record.is_given_up:
                    return None
                self._report_unknown(record)
            await self._alarm.sleep(self._decisions, None)

    async def relist(self, others: int) -> int:
        """Compare everything with Argo CD.

        Args:
            others: Differences that were found elsewhere; counted along.

        Returns:
            How much of Argo CD's was not as believed.
        """
        differences = 0 if self._argocd is None else await self._argocd.relist()
        self._metrics.swept(others + differences)
        self._signal.set()
        return differences

    async def _loop(self, argocd: ArgoCD, watching: asyncio.Task[None]) -> None:
        backoff = FIRST_BACKOFF
        while not watching.done():
            self._signal.clear()
            record = self._store.instance(self._name)
            if record is None or record.uid != self.uid:
                self._metrics.forget()
                return
            began = asyncio.get_running_loop().time()
            try:
                wait = await self._converge(argocd, record)
                backoff = FIRST_BACKOFF
            except ClusterError as error:
                self._report_failure(argocd, error, lasts=backoff > FIRST_BACKOFF)
                if record.is_given_up:
                    self._metrics.forget()
                    return
                await asyncio.sleep(backoff * random.uniform(0.5, 1.0))  # noqa: S311
                backoff = min(backoff * 2, LONGEST_BACKOFF)
                continue
            took = asyncio.get_running_loop().time() - began
            self._metrics.converged(took, self._clock())
            if record.is_given_up or (
                record.being_deleted and argocd.snapshot().config_map is not None
            ):
                self._metrics.forget()
                return
            await self._alarm.sleep(self._decisions, wait)
            await self._alarm.rest(self._decisions, took)
        watching.result()

    async def _converge(self, argocd: ArgoCD, record: InstanceRecord) -> float | None:
        """Make what Argo CD has equal to what is in force.

        Returns:
            Seconds after which a write that was put off is due; None if there is none.
        """
        for _ in range(ATTEMPTS):
            seen = argocd.snapshot()
            planned = self._plan(record, seen)
            self._applier.look(planned, seen)
            self._reporter.report_tokens(record, planned, self._clock())
            members = await self._projects.write(argocd, planned)
            if members.conflict:
                continue
            leaving = record.being_deleted and planned.finds_an_overlay(seen)
            wait = None if leaving else self._applier.wait_for(planned)
            try:
                if leaving or (planned.has_work and wait is None):
                    orphans = orphans_of(planned, self._decisions.all())
                    self._reporter.report_orphans(record, orphans, seen, self._clock())
                    await self._applier.write(
                        argocd,
                        planned,
                        seen,
                        orphans=orphans,
                        leaving=leaving,
                    )
            except Conflict:
                await argocd.refresh_config_map()
                continue
            if planned.is_moving:
                await asyncio.sleep(SEEN_EVERYWHERE)
            if members.failure is not None:
                raise members.failure
            self._report(argocd, planned)
            return members.no_later_than(wait)
        raise Conflict(f"Argo CD's objects changed {ATTEMPTS} times while written")

    def _plan(self, record: InstanceRecord, seen: Snapshot) -> Plan:
        now = self._clock()
        gathered = self._gather(record, seen)
        self._decide(gathered.facts, now)
        decisions = self._decisions.all()
        self._metrics.overdue_since(overdue_since(seen, decisions, now))
        planned = self._planner.plan(
            self._decisions,
            seen,
            owner=record.owner,
            living_owners=[r.owner for r in self._store.instances.objects.values()],
            where=where_of(record.instance),
        )
        planned = self._projects.look(planned, seen)
        if planned.blocked is None and planned.has_work:
            return replace(planned, blocked=self._applier.contested)
        return planned

    def _gather(self, record: InstanceRecord, seen: Snapshot) -> Gathered:
        rules = self._store.rules(self._verification.identities())
        return self._gatherer.gather(record, seen, rules)

    def _decide(self, facts: InstanceFacts, now: datetime) -> None:
        grants = self._store.grants_of(self._name)
        self._decisions.update(grants, facts, now, self._store)

    def _report(self, argocd: ArgoCD, planned: Plan) -> None:
        seen, now = argocd.snapshot(), self._clock()
        self._metrics.overdue_since(overdue_since(seen, self._decisions.all(), now))
        overlay = seen.config_map.overlay if seen.config_map else None
        self._metrics.observed(
            bindings=len(overlay.bindings) if overlay else 0,
            text_bytes=size_of(seen.config_map.data) if seen.config_map else 0,
            contested=self._contested() is not None,
        )
        by_reason = self._reporter.report_grants(self._decisions, planned, seen, now)
        self._metrics.grants(by_reason)
        self._metrics.in_force(self._decisions.all())
        self._report_instance(
            Health(
                seen=seen,
                blocked=planned.blocked or planned.fullness,
                contested=self._contested(),
                clock_skew=self._cluster.clock_skew(),
                failures=self._store.failures(),
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
            nothing = Plan(overlay=None, blocked=NOT_CONVERGED)
            self._reporter.report_grants(self._decisions, nothing, seen, now)
        self._report_instance(Health(seen=seen, error=error))

    def _report_unknown(self, record: InstanceRecord) -> None:
        """Say that there is no telling where Argo CD is."""
        seen, now = Snapshot(), self._clock()
        facts = self._gather(record, seen).facts
        self._decide(facts, now)
        nothing = Plan(overlay=None, blocked=NOT_KNOWN)
        said = self._reporter.report_grants(self._decisions, nothing, seen, now)
        self._metrics.grants(said)
        self._report_instance(Health(seen=seen))

    def _report_instance(self, health: Health) -> None:
        record = self._store.instance(self._name)
        if record is None:
            return
        health = replace(
            health,
            problem=record.problem,
            is_waiting=record.being_deleted,
            identities=self._verification.identities(),
        )
        gathered = self._gather(record, health.seen)
        self._reporter.report_instance(
            record,
            health,
            roles=gathered.roles,
            now=self._clock(),
            last_write_at=self._applier.last_write_at,
        )
