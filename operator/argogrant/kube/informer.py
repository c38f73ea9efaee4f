"""Informer: a local copy of a collection, kept current by list and watch.

The informer lists the collection, then watches from the resourceVersion of the list.
When the watch ends with an error it lists again::

    list ──> watch ──┬── closed by the server (minutes) ──> watch from the last version
      ▲              ├── Gone ──> list at once
      └── backoff <──┴── any other error

Objects arrive in three ways: by the watch, by a list, and in responses to own writes
(``upsert``). The copy keeps the newest version of each object, in any order of arrival,
so a list that was slow never overwrites a newer event. resourceVersions are
compared as numbers.

Source: Kubernetes, "API Concepts", on efficient detection of changes and on comparing
resource versions.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Final, Generic, TypeVar

from argogrant.kube.client import Body, Cluster, ListPage, WatchEvent
from argogrant.kube.errors import (
    LONGEST_BACKOFF,
    Backoff,
    ClusterError,
    Forbidden,
    Gone,
)
from argogrant.kube.resources import Collection

T = TypeVar("T")

TOMBSTONE_SECONDS: Final = 60.0
"""Time after a deletion in which a late list or response may still have the object."""


class Informer(Generic[T]):
    """Local copy of one collection, with each object parsed once per version.

    Args:
        cluster: API server of the collection.
        collection: The objects to list and watch.
        read: Parses an object into what the copy keeps; must not raise.
        on_change: Called with the object before and after each change; None stands for
            an object that does not exist. Called with (None, None) when list or watch
            begin to fail, and when they work again.
        longest_backoff: Upper limit of the seconds between two failed attempts.
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
        """Set after the first successful list."""
        self.attempted = asyncio.Event()
        """Set after the first list, whether it succeeded or failed."""
        self.error: ClusterError | None = None
        """Why list or watch fail at the moment; None while they work."""
        self._cluster = cluster
        self._read = read
        self._on_change = on_change
        self._objects: dict[str, T] = {}
        self._versions: dict[str, int] = {}
        self._tombstones: dict[str, tuple[int, float]] = {}
        """Version and time of recent deletions, which late events must not undo."""
        self._version = ""
        self._backoff = Backoff(longest=longest_backoff)

    @property
    def objects(self) -> Mapping[str, T]:
        """The objects by name; by ``namespace/name`` if the collection has several."""
        return self._objects

    async def run(self) -> None:
        """List and watch until cancelled; ``error`` has the present failure."""
        while True:
            try:
                self._version, _ = await self._list()
                self._backoff.reset()
                while True:
                    events = self._cluster.watch(self.collection, self._version)
                    async for event in events:
                        self._handle(event)
                        del event  # An object can have a mebibyte.
            except Gone:
                continue
            except ClusterError as error:
                self._fail(error)
                await self._backoff.wait()

    async def relist(self) -> int:
        """List again beside the watch; return in how many objects the copy differed."""
        _, differences = await self._list()
        return differences

    def upsert(self, body: Body) -> bool:
        """Record an object unless the copy is newer; return whether it changed."""
        name, version = self._key(body), _version(body)
        deleted, _ = self._tombstones.get(name, (-1, 0.0))
        if version <= max(self._versions.get(name, -1), deleted):
            return False
        before, after = self._objects.get(name), self._read(body)
        self._objects[name], self._versions[name] = after, version
        self._on_change(before, after)
        return True

    async def _list(self) -> tuple[str, int]:
        try:
            version, differences = await self._compare()
        except Forbidden as error:
            # An open watch continues after the permission was withdrawn, and would
            # hide that this copy can no longer be trusted.
            self._fail(error)
            raise
        oldest = asyncio.get_running_loop().time() - TOMBSTONE_SECONDS
        self._tombstones = {n: t for n, t in self._tombstones.items() if t[1] > oldest}
        if self.error is not None:
            self.error = None
            self._on_change(None, None)
        self.synced.set()
        self.attempted.set()
        return version, differences

    async def _compare(self) -> tuple[str, int]:
        """Make the copy equal to a list, except for objects newer than the list.

        Returns:
            The resourceVersion of the list, and in how many objects the copy differed.
        """
        names: set[str] = set()
        differences, resource_version = 0, ""
        async for page in _pages(self._cluster, self.collection):
            names.update(map(self._key, page.items))
            differences += sum([self.upsert(body) for body in page.items])
            resource_version = page.resource_version
            del page  # Otherwise two pages are in memory while the next one is read.
        version = int(resource_version)
        vanished = [name for name in self._objects if name not in names]
        differences += sum([self._remove(name, version) for name in vanished])
        return resource_version, differences

    def _handle(self, event: WatchEvent) -> None:
        self._version = event.body["metadata"]["resourceVersion"]
        if event.type == "DELETED":
            self._remove(self._key(event.body), _version(event.body))
        elif event.type != "BOOKMARK":
            self.upsert(event.body)

    def _remove(self, name: str, version: int) -> bool:
        self._tombstones[name] = (version, asyncio.get_running_loop().time())
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
        is_new = type(self.error) is not type(error)
        self.error = error
        self.attempted.set()
        if is_new:
            self._on_change(None, None)


async def list_all(cluster: Cluster, collection: Collection) -> AsyncIterator[Body]:
    """Yield every object of a collection, page by page.

    Raises:
        ClusterError: A page could not be read.
    """
    async for page in _pages(cluster, collection):
        for body in page.items:
            yield body


async def _pages(cluster: Cluster, collection: Collection) -> AsyncIterator[ListPage]:
    """Yield the pages of a list; every page has the resourceVersion of the first."""
    token = ""
    while True:
        page = await cluster.list(collection, token)
        token = page.next_page
        yield page
        del page
        if not token:
            return


async def stop(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it has ended."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _version(body: Body) -> int:
    return int(body["metadata"]["resourceVersion"])
