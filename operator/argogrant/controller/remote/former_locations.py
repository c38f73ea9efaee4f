"""Places that an instance was moved away from, until nothing of it is left there.

Argo CD there obeys what was bound as long as it is bound, and no grant names it any
longer. So the old place is cleaned first; one that can not be reached keeps nobody
waiting for long, but is not forgotten either.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from argogrant.api.accessgrant import ABANDON_ANNOTATION
from argogrant.api.bound_locations import ArgoCDLocation
from argogrant.argocd.overlay import Owner
from argogrant.controller.apply import Applier
from argogrant.controller.appproject.placement import IN_CONFIG_MAP, plan_bindings
from argogrant.controller.argocd_state import ArgoCD, Snapshot
from argogrant.controller.error_messages import describe
from argogrant.controller.remote.connection import RemoteConnection, RemoteConnections
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.validation import with_full_stop
from argogrant.kube.backoff import Backoff
from argogrant.kube.errors import ClusterError, Conflict, NotFound, Unauthorized
from argogrant.kube.resources import CONFIG_MAPS

PATIENCE: Final = 3.0
"""Seconds that grants of the new place wait for the old one."""
_NO_NEW_MEMBERS: Final = datetime.max.replace(tzinfo=UTC)

logger = logging.getLogger(__name__)


class FormerLocation:
    """One place that was left.

    Args:
        connection: The way there.
        owner: What its overlay is marked with.
        applier: Writes it.
        on_change: Called when it is clean, or when another problem is in the way.
    """

    def __init__(
        self,
        connection: RemoteConnection,
        owner: Owner,
        applier: Applier,
        on_change: Callable[[], None],
    ) -> None:
        self.connection = connection
        self.is_clean = False
        self._owner = owner
        self._applier = applier
        self._on_change = on_change
        self._problem = "it was not reached yet"
        self._refused: ClusterError | None = None
        """The last refusal for which another token was tried."""
        self._pause = Backoff()

    @property
    def location(self) -> ArgoCDLocation:
        """The place that was left."""
        return self.connection.place

    @property
    def finding(self) -> Finding:
        """Say what stands in the way."""
        return Finding(
            Reason.LEFT_BEHIND,
            "What was bound in the former place of Argo CD,"
            f" {self.location.describe()}, may still be obeyed there:"
            f" {with_full_stop(self._problem)} It is tried again; if that Argo CD is"
            f' gone, the annotation {ABANDON_ANNOTATION}: "true" on the ArgoCDInstance'
            " forgets the place. Remove the annotation after that.",
        )

    async def run(self) -> None:
        """Try until nothing of the instance is left there."""
        self.connection.hold()
        namespace = self.location.namespace
        argocd = ArgoCD(self.connection.cluster, namespace, self._pause.retry_now)
        self.connection.on_change = argocd.retry_now
        await self.connection.wait_until_observed()
        watching = asyncio.create_task(argocd.run())
        try:
            await argocd.wait_until_observed()
            await self._clean(argocd)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        self.is_clean = True
        logger.info(
            "Nothing is left in the former place, %s.", self.location.describe()
        )
        self._on_change()

    async def _clean(self, argocd: ArgoCD) -> None:
        while True:
            try:
                if await self._is_clean_now(argocd):
                    return
            except Conflict:
                await self._read_anew(argocd)
            except ClusterError as error:
                self._tell(error)
            await self._pause.wait()

    async def _is_clean_now(self, argocd: ArgoCD) -> bool:
        """Remove our key and our members; tell whether the place is clean."""
        seen = argocd.snapshot()
        for collection, error in seen.failures:
            is_served = not isinstance(error, NotFound)
            if collection.resource == CONFIG_MAPS or is_served:
                raise error
        planned = plan_bindings(
            (),
            seen,
            owner=self._owner,
            living_owners=(),
            where=IN_CONFIG_MAP,
            now=_NO_NEW_MEMBERS,
        )
        for work in planned.projects:
            await argocd.write_project(work)
        if _is_somebody_elses(seen, self._owner):
            return not planned.projects
        if planned.overlay_exists(seen):
            await self._applier.write(argocd, planned, seen, orphans=(), leaving=True)
        elif planned.blocked is not None and seen.config_map is None:
            self._say(planned.blocked.message)
        return seen.config_map is not None and not planned.projects

    async def _read_anew(self, argocd: ArgoCD) -> None:
        try:
            await argocd.refresh_config_map()
        except ClusterError as error:
            self._tell(error)

    def _tell(self, error: ClusterError) -> None:
        if isinstance(error, Unauthorized) and error is not self._refused:
            self._refused = error
            self.connection.try_another_token()
        self._say(describe(error, self.location, namespace=self._owner.namespace))

    def _say(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            logger.warning("%s: %s", self.location.describe(), problem)
            self._on_change()


class FormerLocations:
    """All places that one instance left and that are not clean yet.

    Args:
        instance: Its name.
        connections: Where the ways there are.
    """

    def __init__(self, instance: str, connections: RemoteConnections) -> None:
        self._instance = instance
        self._connections = connections
        self._open: list[FormerLocation] = []
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def locations(self) -> tuple[ArgoCDLocation, ...]:
        """The places that are not clean yet."""
        return tuple(one.location for one in self._open if not one.is_clean)

    @property
    def finding(self) -> Finding | None:
        """Say what stands in the way of the first that is not clean."""
        return next((one.finding for one in self._open if not one.is_clean), None)

    def begin(self, departure: FormerLocation) -> None:
        """Begin to clean a place."""
        self._open.append(departure)
        self._tasks.append(asyncio.create_task(self._leave(departure)))

    async def wait(self) -> None:
        """Wait a moment until every place is clean."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=PATIENCE)

    async def abandon(self) -> None:
        """Forget every place, whatever is left there."""
        await self.stop()
        for departure in self._open:
            await self._connections.close(departure.connection, self._instance)
        self._open.clear()

    async def stop(self) -> None:
        """Stop trying; the places are remembered in the instance's status."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _leave(self, departure: FormerLocation) -> None:
        await departure.run()
        await self._connections.close(departure.connection, self._instance)


def _is_somebody_elses(seen: Snapshot, owner: Owner) -> bool:
    """Whether our key there is written by another instance by now."""
    overlay = seen.config_map.overlay if seen.config_map else None
    return overlay is not None and overlay.owner not in (None, owner)
