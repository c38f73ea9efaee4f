"""The convergence of one instance: gather, decide, plan, apply, report.

Level-triggered: whatever woke it, a convergence looks at everything and makes what
Argo CD has equal to what is in force. It sleeps until something changes or until the
next instant at which an answer changes by itself.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import datetime
from typing import Final

from argogrant.api.argocdinstance import Instance
from argogrant.grants.conditions import Condition
from argogrant.grants.facts import InstanceFacts
from argogrant.instance.argocd import ArgoCD, Snapshot
from argogrant.instance.decisions import Decisions
from argogrant.instance.gather import gather
from argogrant.instance.health import failure_conditions, instance_conditions
from argogrant.instance.plan import Plan, plan
from argogrant.instance.report import Reporter
from argogrant.instance.store import Store
from argogrant.kube.cluster import Cluster
from argogrant.kube.failures import ClusterError, Conflict
from argogrant.rbac.overlay import Owner

Clock = Callable[[], datetime]

LONGEST_SLEEP: Final = 1.0
"""Seconds; deadlines are wall-clock, so that a stepped clock is noticed."""
WRITE_PAUSE: Final = 1.0
"""Seconds between two writes that take nothing away: bursts share a write."""
ATTEMPTS: Final = 3
FIRST_BACKOFF: Final = 0.2
LONGEST_BACKOFF: Final = 5.0

logger = logging.getLogger(__name__)


class Controller:
    """Keeps one Argo CD equal to the grants of one ArgoCDInstance.

    Args:
        name: The instance, in the store's namespace.
        store: Our own kinds.
        cluster: Where this Argo CD runs.
        reporter: Writes what is said about grants and the instance.
        clock: Tells the time in UTC.
    """

    def __init__(
        self,
        name: str,
        *,
        store: Store,
        cluster: Cluster,
        reporter: Reporter,
        clock: Clock,
    ) -> None:
        self._name = name
        self._store = store
        self._cluster = cluster
        self._reporter = reporter
        self._clock = clock
        self._signal = store.signal(name)
        self._decisions = Decisions()
        self._facts = InstanceFacts(name=name, exists=False)
        self._last_write = 0.0
        self._last_write_at: datetime | None = None
        self._argocd: ArgoCD | None = None

    async def run(self) -> None:
        """Converge until cancelled, or until the instance was deleted and is clean."""
        await self._store.wait_until_synced()
        while (record := self._store.instance(self._name)) is None or (
            record.instance is None
        ):
            self._signal.clear()
            await self._signal.wait()
        namespace = record.instance.argocd_namespace
        self._argocd = ArgoCD(self._cluster, namespace, self._signal.set)
        watching = asyncio.create_task(self._argocd.run())
        try:
            await self._argocd.wait_until_looked_at()
            await self._loop(self._argocd, watching)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def relist(self) -> int:
        """Compare everything with Argo CD; answers how much was not as believed."""
        differences = 0 if self._argocd is None else await self._argocd.relist()
        self._signal.set()
        return differences

    async def _loop(self, argocd: ArgoCD, watching: asyncio.Task[None]) -> None:
        backoff = FIRST_BACKOFF
        while not watching.done():
            self._signal.clear()
            record = self._store.instance(self._name)
            if record is None or record.instance is None:
                return
            try:
                wait = await self._converge(argocd, record.instance)
                backoff = FIRST_BACKOFF
            except ClusterError as error:
                self._report_failure(argocd, error)
                await asyncio.sleep(backoff * random.uniform(0.5, 1.0))  # noqa: S311
                backoff = min(backoff * 2, LONGEST_BACKOFF)
                continue
            if record.instance.being_deleted and argocd.snapshot().text_is_known:
                return
            await self._sleep(wait)
        watching.result()

    async def _converge(self, argocd: ArgoCD, instance: Instance) -> float | None:
        """Make what Argo CD has equal to what is in force.

        Returns:
            Seconds after which a write that was put off is due; None if there is none.
        """
        for _ in range(ATTEMPTS):
            now, seen = self._clock(), argocd.snapshot()
            planned = self._plan(instance, seen, now)
            leaving = instance.being_deleted and planned.finds_an_overlay(seen)
            wait = None if leaving else self._time_to_write(planned)
            try:
                if leaving or (planned.has_work and wait is None):
                    await self._apply(argocd, planned, seen, instance=instance)
            except Conflict:
                await argocd.refresh_config_map()
                continue
            self._report(argocd, planned)
            return wait
        raise Conflict(f"argocd-rbac-cm changed {ATTEMPTS} times while it was written")

    def _plan(self, instance: Instance, seen: Snapshot, now: datetime) -> Plan:
        facts = gather(self._name, self._store.instance(self._name), seen)
        if facts != self._facts:
            self._facts = facts
        self._decisions.update(self._store.grants_of(self._name), self._facts, now)
        return plan(
            self._decisions.all(),
            seen,
            owner=_owner(instance),
            living_owners=[
                _owner(record.instance)
                for record in self._store.instances.objects.values()
                if record.instance is not None
            ],
        )

    async def _apply(
        self, argocd: ArgoCD, planned: Plan, seen: Snapshot, *, instance: Instance
    ) -> None:
        assert planned.overlay is not None
        assert seen.config_map is not None
        text = None if instance.being_deleted else planned.overlay.text
        await argocd.write_overlay(text, seen.config_map.resource_version)
        self._last_write = asyncio.get_running_loop().time()
        self._last_write_at = self._clock()
        logger.info(
            "%s/%s: wrote the overlay: %d added, %d removed.",
            self._store.namespace,
            self._name,
            len(planned.overlay.missing),
            len(planned.overlay.extra),
        )

    def _time_to_write(self, planned: Plan) -> float | None:
        """Say how long a write that takes nothing away has to wait for others."""
        if not planned.has_work or planned.is_urgent:
            return None
        due = self._last_write + WRITE_PAUSE
        wait = due - asyncio.get_running_loop().time()
        return wait if wait > 0 and self._last_write else None

    def _report(self, argocd: ArgoCD, planned: Plan) -> None:
        seen, now = argocd.snapshot(), self._clock()
        self._reporter.report_grants(self._decisions, planned.blocked, seen, now)
        self._report_instance(seen, instance_conditions(planned.blocked, seen), now)

    def _report_instance(
        self, seen: Snapshot, conditions: tuple[Condition, ...], now: datetime
    ) -> None:
        record = self._store.instance(self._name)
        if record is not None:
            self._reporter.report_instance(
                record, seen, conditions, now=now, last_write_at=self._last_write_at
            )

    def _report_failure(self, argocd: ArgoCD, error: ClusterError) -> None:
        logger.warning("%s/%s: %s", self._store.namespace, self._name, error)
        seen = argocd.snapshot()
        self._report_instance(seen, failure_conditions(error, seen), self._clock())

    async def _sleep(self, wait: float | None) -> None:
        """Sleep until a change, a put-off write, or the next instant of a decision."""
        loop = asyncio.get_running_loop()
        due = None if wait is None else loop.time() + wait
        while True:
            seconds = LONGEST_SLEEP
            recheck_at = self._decisions.recheck_at
            if recheck_at is not None:
                left = (recheck_at - self._clock()).total_seconds()
                seconds = min(seconds, left)
            if due is not None:
                seconds = min(seconds, due - loop.time())
            if seconds <= 0 or self._clock() < self._decisions.decided_at:
                return
            try:
                async with asyncio.timeout(seconds):
                    await self._signal.wait()
            except TimeoutError:
                continue
            return


def _owner(instance: Instance) -> Owner:
    return Owner(namespace=instance.namespace, instance=instance.name, uid=instance.uid)
