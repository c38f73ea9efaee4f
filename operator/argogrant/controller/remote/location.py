"""Where one instance's Argo CD is, how it is reached, and the places where it was."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from argogrant.api.bound_locations import (
    MAX_LOCATIONS,
    ArgoCDLocation,
    read_locations,
    write_locations,
)
from argogrant.controller.apply import Applier
from argogrant.controller.argocd_state import ArgoCD
from argogrant.controller.cached_objects import InstanceRecord
from argogrant.controller.remote.connection import RemoteConnection, RemoteConnections
from argogrant.controller.remote.former_locations import FormerLocation, FormerLocations
from argogrant.controller.remote.maintenance import Maintenance
from argogrant.controller.store import Store
from argogrant.grants.model.reasons import Finding
from argogrant.kube.backoff import Backoff
from argogrant.kube.errors import ClusterError, Conflict
from argogrant.kube.resources import Collection

ATTEMPTS: Final = 3
PATIENCE: Final = 5.0
"""Seconds after which it is said that Argo CD's cluster does not answer."""

logger = logging.getLogger(__name__)


class RemoteLocation:
    """The present place of one instance, and those that it left.

    Args:
        name: The instance.
        store: Our own kinds.
        connections: The ways to Argo CDs.
        make_applier: Gives what writes an overlay.
        upkeep: Looks after our rights and the token, wherever Argo CD is.
    """

    def __init__(
        self,
        name: str,
        *,
        store: Store,
        connections: RemoteConnections,
        make_applier: Callable[[], Applier],
        upkeep: Maintenance,
    ) -> None:
        self._name = name
        self._store = store
        self._connections = connections
        self.home = connections.home
        self.upkeep = upkeep
        self._make_applier = make_applier
        self._departures = FormerLocations(name, connections)
        self._connection: RemoteConnection | None = None
        self._argocd: ArgoCD | None = None
        self._is_remembered = False
        self.place = ArgoCDLocation(namespace="")
        self.pause = Backoff()
        """What is between two attempts to write; a new token cuts it short."""

    @asynccontextmanager
    async def at(
        self, record: InstanceRecord, place: ArgoCDLocation
    ) -> AsyncIterator[tuple[ArgoCD, "asyncio.Task[None]"]]:
        """Be in a place for the length of a block, and clean those that were left.

        Args:
            record: The instance, whose status knows the places that it left.
            place: Where its Argo CD is.

        Returns:
            What is seen of Argo CD, and the task that keeps it fresh.
        """
        try:
            connection = await self._arrive(record, place)
            wake = self._store.event(self._name).set
            argocd = ArgoCD(connection.cluster, place.namespace, wake)
            watching = asyncio.create_task(argocd.run())
            self._argocd = argocd
            connection.on_change = self._retry_now
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE):
                        await argocd.wait_until_observed()
                async with self.upkeep.of(connection):
                    yield argocd, watching
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
        finally:
            await self._leave(self._store.instance(self._name))

    @property
    def left_behind(self) -> Finding | None:
        """Why a former place is not clean yet, if one is not."""
        return self._departures.finding

    @property
    def bound_in(self) -> tuple[ArgoCDLocation, ...] | None:
        """Where something of the instance may be bound; None if that is not known.

        The present place is among them before anything is bound, so that as a rule no
        binding has to wait for that to be written.
        """
        if self._connection is None:
            return None
        left = self._departures.locations
        is_full = len(left) >= MAX_LOCATIONS and not self._is_remembered
        return left if is_full else (*left, self.place)

    @property
    def failures(self) -> tuple[tuple[Collection, ClusterError], ...]:
        """What of our own can not be read at the moment, the token among it."""
        ways = self._connection.failures if self._connection is not None else ()
        return (*ways, *self._store.failures())

    async def compare(self) -> int:
        """Compare with what Argo CD has; answers how much was not as believed."""
        self.upkeep.ask()
        if self._argocd is None:
            return 0
        try:
            return await self._argocd.relist()
        except ClusterError as error:
            if self.place.cluster is None:
                raise
            # The copy tries again by itself; that other cluster delays no sweep.
            logger.warning("%s/%s: %s", self._store.namespace, self._name, error)
            return 0

    def is_elsewhere(self, record: InstanceRecord) -> bool:
        """Tell whether Argo CD is said to be elsewhere, or to be reached otherwise."""
        return record.instance is not None and record.instance.location != self.place

    async def abandon(self) -> None:
        """Forget the places that were left."""
        await self._departures.abandon()

    async def remember(self, record: InstanceRecord) -> None:
        """Write down where something is about to be bound, unless that was done.

        An operator that ends after the binding, and finds another place in spec when it
        begins anew, has nothing else to know the old one by.

        Raises:
            ClusterError: It could not be written; nothing may be bound.
        """
        known = {place.key for place in read_locations(record.status)}
        self._is_remembered = self._is_remembered or self.place.key in known
        if self._is_remembered:
            return
        places = write_locations((*self._departures.locations, self.place))
        version = record.version
        for _ in range(ATTEMPTS):
            patch = {
                "metadata": {"uid": record.uid, "resourceVersion": version},
                "status": {"boundIn": places},
            }
            try:
                body = await self._connections.home.merge_patch(
                    f"{record.path}/status", patch
                )
            except Conflict:
                seen = await self._connections.home.get(record.path)
                version = seen["metadata"]["resourceVersion"]
                if seen["metadata"]["uid"] != record.uid:
                    raise
                continue
            self._is_remembered = True
            self._store.instances.upsert(body)
            return
        raise Conflict(f"{record.path} changed {ATTEMPTS} times while it was written")

    async def _arrive(
        self, record: InstanceRecord, place: ArgoCDLocation
    ) -> RemoteConnection:
        """Clean the places that were left, and open the way to the present one."""
        self.place = place
        places = read_locations(record.status)
        self._is_remembered = any(one.key == place.key for one in places)
        for one in places:
            if one.key != place.key:
                self._departures.begin(self._departure(record, one))
        await self._departures.wait()
        self._connection = await self._connections.to_present(self._name, place)
        await self._connection.wait_until_observed()
        return self._connection

    def _departure(
        self, record: InstanceRecord, place: ArgoCDLocation
    ) -> FormerLocation:
        return FormerLocation(
            self._connections.get(self._name, place),
            record.owner,
            self._make_applier(),
            self._store.event(self._name).set,
        )

    def _retry_now(self) -> None:
        """Try at once what failed: there is another client."""
        if self._argocd is not None:
            self._argocd.retry_now()
        self.pause.retry_now()
        self._store.event(self._name).set()  # another token has another end

    async def _leave(self, record: InstanceRecord | None) -> None:
        """Stop; the ways to places that are not clean stay open if it only moves."""
        if record is None or not self.is_elsewhere(record):
            await self._departures.abandon()
        await self._departures.stop()
        if self._connection is None:
            return
        if _is_left(record, self.place):
            self._connection.hold()
        else:
            await self._connections.close(self._connection, self._name)


def _is_left(record: InstanceRecord | None, place: ArgoCDLocation) -> bool:
    if record is None or record.instance is None:
        return False
    return record.instance.location.key != place.key
