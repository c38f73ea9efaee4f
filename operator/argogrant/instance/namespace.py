"""One namespace of ours: its store, its reports, and a controller per instance."""

import asyncio
import logging

from argogrant.grants.facts import InstanceFacts
from argogrant.instance.argocd import Snapshot
from argogrant.instance.controller import Clock, Controller
from argogrant.instance.decisions import Decisions
from argogrant.instance.report import Reporter
from argogrant.instance.status import StatusWriter
from argogrant.instance.store import UNASSIGNED, Store
from argogrant.kube.cluster import Cluster

RECHECK_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Namespace:
    """Everything that runs for the grants and instances of one namespace.

    Args:
        cluster: Where our own kinds are.
        name: The namespace.
        clock: Tells the time in UTC.
    """

    def __init__(self, cluster: Cluster, name: str, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._store = Store(cluster, name)
        self._writer = StatusWriter(cluster)
        self._reporter = Reporter(self._store, self._writer)
        self._controllers: dict[str, Controller] = {}

    async def run(self) -> None:
        """Keep the store fresh and write reports until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._store.run())
            tasks.create_task(self._writer.run())
            tasks.create_task(self._report_unassigned())

    async def serve(self, instance: str) -> None:
        """Converge one instance until cancelled, or until it was deleted."""
        controller = Controller(
            instance,
            store=self._store,
            cluster=self._cluster,
            reporter=self._reporter,
            clock=self._clock,
        )
        self._controllers[instance] = controller
        try:
            await controller.run()
        finally:
            del self._controllers[instance]

    async def sweep(self, instance: str) -> None:
        """List everything anew and converge, whatever the watches said."""
        differences = await self._store.grants.relist()
        differences += await self._store.instances.relist()
        if instance in self._controllers:
            differences += await self._controllers[instance].relist()
        if differences:
            logger.warning(
                "%s/%s: the sweep found %d differences.",
                self._store.namespace,
                instance,
                differences,
            )

    async def wait_for_release(self, uid: str) -> None:
        """Wait until nothing of a deleted grant is left in Argo CD."""
        await self._reporter.wait_for_release(uid)

    async def _report_unassigned(self) -> None:
        """Report about grants that name no instance, and let their deletion finish."""
        await self._store.wait_until_synced()
        decisions, signal = Decisions(), self._store.signal(UNASSIGNED)
        facts = InstanceFacts(name="", exists=False)
        while True:
            signal.clear()
            now = self._clock()
            decisions.update(self._store.unassigned_grants(), facts, now)
            self._reporter.report_grants(decisions, None, Snapshot(), now)
            try:
                async with asyncio.timeout(
                    RECHECK_SECONDS if decisions.recheck_at else None
                ):
                    await signal.wait()
            except TimeoutError:
                continue
