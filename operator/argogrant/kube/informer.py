"""A local copy of a collection that keeps itself fresh.

List, then watch from the list's version; on any doubt list again. Every object is
kept at its newest resource version, wherever it was heard of: from the watch, from a
list, or from the answer to a write. Resource versions are compared as numbers.

Source: Kubernetes, "API Concepts", efficient detection of changes and comparison of
resource versions.

A whole collection, however many pages it has.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Final, Generic, NamedTuple, TypeVar

from argogrant.kube.backoff import FIRST_BACKOFF, LONGEST_BACKOFF, Backoff
from argogrant.kube.client import Body, Cluster, WatchEvent
from argogrant.kube.errors import ClusterError, Forbidden, Gone
from argogrant.kube.resources import Collection

T = TypeVar("T")

LATEST_CHANGES: Final = 60.0
"""Seconds after a deletion in which a list or an answer may still hold the object."""


class _Comparison(NamedTuple):
    """A list's version, and how many objects were not as believed."""

    resource_version: str
    differences: int


class Informer(Generic[T]):
    """The objects of one collection by name, each read once when it changes.

    Args:
        cluster: Where the collection is.
        collection: What to follow.
        read: Turns an object into what is kept of it; must not raise.
        on_change: Told of every difference (before, after; None: not there), and with
            (None, None) when the reflector fails or recovers.
        longest_backoff: Seconds between two attempts that fail.
    """

    def __init__(
        self,
        cluster: Cluster,
        collection: Collection,
        *,
        read: Callable[[Body], T],
        on_change: Callable[[T | None, T | None], None],
        longest_backoff: float = LONGEST_BACKOFF,
    ) -> None:
        self.collection = collection
        self.synced = asyncio.Event()
        self.attempted = asyncio.Event()
        """Listed once, or failed to be."""
        self.error: ClusterError | None = None
        self._cluster = cluster
        self._read = read
        self._on_change = on_change
        self._objects: dict[str, T] = {}
        self._versions: dict[str, int] = {}
        self._deleted: dict[str, tuple[int, float]] = {}
        """The version and the time of deletions that late news must not undo."""
        self._version = ""
        self._backoff = Backoff(first=FIRST_BACKOFF, longest=longest_backoff)

    @property
    def objects(self) -> Mapping[str, T]:
        """What is known, by name, or by namespace/name where that is not one alone."""
        return self._objects

    async def run(self) -> None:
        """List and watch until cancelled; failures are kept in ``failure``."""
        while True:
            try:
                self._version = (await self._list()).resource_version
                self._backoff.reset()
                while True:
                    await self._watch()
            except Gone:
                continue
            except ClusterError as error:
                self._fail(error)
                await self._backoff.wait()

    def retry_now(self) -> None:
        """Try again now, if it failed and pauses: something was mended."""
        self._backoff.retry_now()

    async def relist(self) -> int:
        """Compare with what the API server has now; the watch goes on where it is.

        Returns:
            How many objects were not as they were believed to be.
        """
        return (await self._list()).differences

    def upsert(self, body: Body) -> bool:
        """Take in an object, unless a newer one is known; tell whether it was news."""
        name, version = self._key(body), _version(body)
        deleted, _ = self._deleted.get(name, (-1, 0.0))
        if version <= max(self._versions.get(name, -1), deleted):
            return False
        before, after = self._objects.get(name), self._read(body)
        self._objects[name], self._versions[name] = after, version
        self._on_change(before, after)
        return True

    async def _list(self) -> "_Comparison":
        try:
            comparison = await self._compare()
        except Forbidden as error:
            self._fail(error)  # a watch that is open goes on as if nothing had happened
            raise
        oldest = asyncio.get_running_loop().time() - LATEST_CHANGES
        self._deleted = {n: d for n, d in self._deleted.items() if d[1] > oldest}
        self._recover()
        self.synced.set()
        self.attempted.set()
        return comparison

    async def _compare(self) -> "_Comparison":
        """Make the copy equal to a list, but for what is newer than the list."""
        names: set[str] = set()
        differences, page = 0, ""
        while True:
            listing = await self._cluster.list(self.collection, page)
            names.update(map(self._key, listing.items))
            differences += sum([self.upsert(body) for body in listing.items])
            resource_version, page = listing.resource_version, listing.next_page
            del listing  # or two pages would be held while the next one is read
            if not page:
                break
        version = int(resource_version)
        vanished = [name for name in self._objects if name not in names]
        differences += sum([self._forget(name, version) for name in vanished])
        return _Comparison(resource_version, differences)

    async def _watch(self) -> None:
        async for event in self._cluster.watch(self.collection, self._version):
            self._take(event)

    def _take(self, event: WatchEvent) -> None:
        self._version = event.body["metadata"]["resourceVersion"]
        if event.type == "DELETED":
            self._forget(self._key(event.body), _version(event.body))
        elif event.type != "BOOKMARK":
            self.upsert(event.body)

    def _forget(self, name: str, version: int) -> bool:
        self._deleted[name] = (version, asyncio.get_running_loop().time())
        if self._versions.get(name, version + 1) > version:
            return False
        del self._versions[name]
        self._on_change(self._objects.pop(name), None)
        return True

    def _key(self, body: Body) -> str:
        metadata = body["metadata"]
        name: str = metadata["name"]
        if self.collection.namespace or "namespace" not in metadata:
            return name
        return f"{metadata['namespace']}/{name}"

    def _fail(self, error: ClusterError) -> None:
        news = type(self.error) is not type(error)
        self.error = error
        self.attempted.set()
        if news:
            self._on_change(None, None)

    def _recover(self) -> None:
        if self.error is not None:
            self.error = None
            self._on_change(None, None)


async def stop(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it is gone."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _version(body: Body) -> int:
    return int(body["metadata"]["resourceVersion"])


async def list_all(cluster: Cluster, collection: Collection) -> AsyncIterator[Body]:
    """Read every object of a collection, page by page.

    Raises:
        ClusterError: A page could not be read.
    """
    page = ""
    while True:
        listing = await cluster.list(collection, page)
        for body in listing.items:
            yield body
        page = listing.next_page
        if not page:
            return
