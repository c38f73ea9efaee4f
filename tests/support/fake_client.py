"""Clients of a fake API server, with a token and a connection that can be closed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from argogrant.kube.client import Body, ListPage, WatchEvent
from argogrant.kube.errors import Unauthorized, Unavailable
from argogrant.kube.resources import Collection
from support.fake_cluster import FakeCluster


class FakeClient:
    """One client, which implements ``Cluster``.

    Args:
        cluster: The API server.
        token: Token of all requests.
        refused: Tokens that the API server does not accept; may change at any time.
    """

    def __init__(self, cluster: FakeCluster, token: str, refused: set[str]) -> None:
        self._cluster = cluster
        self._token = token
        self._refused = refused
        self._closed = asyncio.Event()

    async def get(self, path: str) -> Body:
        self._authenticate("GET")
        return await self._cluster.get(path)

    async def list(self, collection: Collection, page: str = "") -> ListPage:
        self._authenticate("LIST")
        return await self._cluster.list(collection, page)

    async def watch(
        self, collection: Collection, resource_version: str
    ) -> AsyncIterator[WatchEvent]:
        """Yield the changes of a collection; fail when the client is closed."""
        self._authenticate("WATCH")
        closing = asyncio.create_task(self._closed.wait())
        events = self._cluster.watch(collection, resource_version)
        try:
            while True:
                event = asyncio.ensure_future(anext(events))
                await asyncio.wait({event, closing}, return_when="FIRST_COMPLETED")
                if not event.done():
                    event.cancel()
                    raise Unavailable("the connection was closed")
                yield event.result()
        except StopAsyncIteration:
            return
        finally:
            closing.cancel()
            with suppress(RuntimeError):
                await events.aclose()

    async def merge_patch(self, path: str, body: Body) -> Body:
        self._authenticate("PATCH")
        return await self._cluster.merge_patch(path, body)

    async def create(self, path: str, body: Body) -> Body:
        self._authenticate("POST")
        return await self._cluster.create(path, body)

    def clock_skew(self) -> float:
        return self._cluster.clock_skew()

    async def close(self) -> None:
        self._closed.set()

    def _authenticate(self, verb: str) -> None:
        if self._closed.is_set():
            raise RuntimeError("the client was used after it was closed")
        if self._token in self._refused:
            raise Unauthorized(f"{verb}: 401 Unauthorized")
