"""A client that may be exchanged for another while it is used.

A token is renewed, or taken back, while watches are open and requests are on their
way. Those who ask need not know: what fails only because its client was exchanged is
asked again through the new one.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

from argogrant.kube.client import Body, Cluster, ListPage, WatchEvent
from argogrant.kube.errors import ClusterError
from argogrant.kube.resources import Collection

T = TypeVar("T")

GRACE: Final = 10.0
"""Seconds in which what a client that was exchanged was asked for may be answered."""


class ExchangeableCluster:
    """One API server by the present client; a ``Cluster`` itself.

    Args:
        absence: Why there is no client yet.
    """

    def __init__(self, absence: ClusterError) -> None:
        self._client: Cluster | None = None
        self._absence = absence
        self._retired: dict[asyncio.Task[None], Cluster] = {}

    @property
    def absence(self) -> ClusterError | None:
        """Why there is no client; None if there is one."""
        return None if self._client is not None else self._absence

    def use(self, client: Cluster) -> None:
        """Go on with this client, and close the one before it soon."""
        self._dismiss()
        self._client = client

    def lack(self, absence: ClusterError) -> None:
        """Have no client, and answer everything with this error."""
        self._dismiss()
        self._client = None
        self._absence = absence

    async def get(self, path: str) -> Body:
        """Read one object."""
        return await self._ask(lambda client: client.get(path))

    async def list(self, collection: Collection, page: str = "") -> ListPage:
        """Read a page of a collection."""
        return await self._ask(lambda client: client.list(collection, page))

    async def watch(
        self, collection: Collection, resource_version: str
    ) -> AsyncIterator[WatchEvent]:
        """Follow a collection; ends by itself when its client was exchanged."""
        client = self._present()
        try:
            async for event in client.watch(collection, resource_version):
                yield event
        except ClusterError:
            if self._client is client or self._client is None:
                raise

    async def merge_patch(self, path: str, body: Body) -> Body:
        """Change some fields of an object that exists."""
        return await self._ask(lambda client: client.merge_patch(path, body))

    async def create(self, path: str, body: Body) -> Body:
        """Create an object in the collection at this path."""
        return await self._ask(lambda client: client.create(path, body))

    async def delete(self, path: str, *, uid: str, version: str = "") -> None:
        """Delete an object, if it still is this one, and at this resource version."""
        await self._ask(lambda client: client.delete(path, uid=uid, version=version))

    def clock_skew(self) -> float:
        """Seconds that the API server's clock is ahead of ours."""
        return 0.0 if self._client is None else self._client.clock_skew()

    async def close(self) -> None:
        """Close the present client and all that were exchanged, at once."""
        self._dismiss()
        self._client = None
        retired = dict(self._retired)
        for task in retired:
            task.cancel()
        await asyncio.gather(*retired, return_exceptions=True)
        for client in retired.values():
            await client.close()

    def _present(self) -> Cluster:
        if self._client is None:
            # Anew each time: one error would collect the traces of all who got it.
            raise type(self._absence)(str(self._absence))
        return self._client

    async def _ask(self, ask: Callable[[Cluster], Awaitable[T]]) -> T:
        client = self._present()
        try:
            return await ask(client)
        except ClusterError:
            if self._client is client:
                raise
        return await ask(self._present())

    def _dismiss(self) -> None:
        if self._client is not None:
            task = asyncio.create_task(_close_later(self._client))
            self._retired[task] = self._client
            task.add_done_callback(lambda task: self._retired.pop(task, None))


async def _close_later(client: Cluster) -> None:
    await asyncio.sleep(GRACE)
    await client.close()
