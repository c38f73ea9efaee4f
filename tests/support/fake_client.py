"""Clients of an API server in memory: each shows a token, and can be closed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from argogrant.kube.client import Body, ListPage, WatchEvent
from argogrant.kube.errors import Unauthorized, Unavailable
from argogrant.kube.resources import Collection
from support.fake_cluster import FakeCluster


class Visit:
    """One client; a ``Cluster`` itself.

    Args:
        there: The API server.
        token: What is shown to it.
        refused: Tokens that it does not accept; others may be added at any time.
    """

    def __init__(self, there: FakeCluster, token: str, refused: set[str]) -> None:
        self._there = there
        self._token = token
        self._refused = refused
        self._closed = asyncio.Event()

    async def get(self, path: str) -> Body:
        self._show("GET")
        return await self._there.get(path)

    async def list(self, collection: Collection, page: str = "") -> ListPage:
        self._show("LIST")
        return await self._there.list(collection, page)

    async def watch(
        self, collection: Collection, resource_version: str
    ) -> AsyncIterator[WatchEvent]:
        """Follow a collection; breaks when the client is closed."""
        self._show("WATCH")
        closing = asyncio.create_task(self._closed.wait())
        events = self._there.watch(collection, resource_version)
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
        self._show("PATCH")
        return await self._there.merge_patch(path, body)

    async def create(self, path: str, body: Body) -> Body:
        self._show("POST")
        return await self._there.create(path, body)

    def clock_skew(self) -> float:
        return self._there.clock_skew()

    async def close(self) -> None:
        self._closed.set()

    def _show(self, verb: str) -> None:
        if self._closed.is_set():
            raise RuntimeError("a client was asked after it was closed")
        if self._token in self._refused:
            raise Unauthorized(f"{verb}: 401 Unauthorized")
