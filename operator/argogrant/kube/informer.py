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
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import Final, Generic, TypeVar

from argogrant.kube.client import Body, Cluster, ListPage, WatchEvent
from argogrant.kube.errors import (
    LONGEST_BACKOFF,
    Backoff,
    ClusterError,
    Forbidden,
    Gone,
    TooLarge,
)
from argogrant.kube.resources import Collection

T = TypeVar("T")
logger = logging.getLogger(__name__)

TOMBSTONE_SECONDS: Final = 60.0
"""Time after a deletion in which a late list or response may still have the object."""

SHORTEST_WATCH: Final = 1.0
"""Seconds; a watch of the API server lasts for minutes."""
MOST_SHORT_WATCHES: Final = 3
STEP_SECONDS: Final = 0.1
"""Work on a page after which everything else has as much time; a page of ordinary
objects takes a third of it, so a restart is not delayed."""
TOO_LARGE_SECONDS: Final = 60.0
"""Pause after a collection was too large, since it is read again as a whole."""


@dataclass(frozen=True, slots=True)
class CollectionLimit:
    """Limits of a collection that others can fill."""

    objects: int
    size: int
    """Bytes of all objects."""

    def check(self, collection: Collection, objects: int, size: int) -> None:
        """Raise ``TooLarge`` if one of the limits is exceeded."""
        if objects > self.objects:
            raise TooLarge(f"{collection.path}: more than {self.objects:,} objects")
        if size > self.size:
            raise TooLarge(f"{collection.path}: more than {self.size:,} bytes")


class Informer(Generic[T]):
    """Local copy of one collection, with each object parsed once per version.

    Args:
        cluster: API server of the collection.
        collection: The objects to list and watch.
        read: Parses an object into what the copy keeps. If it raises, the object is
            logged and left out, and the other objects are not affected.
        on_change: Called with the object before and after each change; None stands for
            an object that does not exist. Called with (None, None) when list or watch
            begin to fail, and when they work again.
        longest_backoff: Upper limit of the seconds between two failed attempts.
        limit: Limits of the collection. One that is larger fails with ``TooLarge``, and
            the copy stays as it is.
    """

    def __init__(  # noqa: PLR0913
        self,
        cluster: Cluster,
        collection: Collection,
        *,
        read: Callable[[Body], T],
        on_change: Callable[[T | None, T | None], None],
        longest_backoff: float = LONGEST_BACKOFF,
        limit: CollectionLimit | None = None,
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
        self._short_watches = 0
        """Watches in a row that ended as soon as they began."""
        self._limit = limit
        self._size = 0
        """Bytes of the last list, and of the events since then."""

    @property
    def objects(self) -> Mapping[str, T]:
        """The objects by name; by ``namespace/name`` if the collection has several."""
        return self._objects

    async def run(self) -> None:
        """List and watch until cancelled; ``error`` has the present failure."""
        began = -inf
        while True:
            try:
                self._version, _ = await self._list()
                self._backoff.reset()
                while True:
                    began = asyncio.get_running_loop().time()
                    events = self._cluster.watch(self.collection, self._version)
                    async for event in events:
                        self._handle(event)
                        del event  # An object can have a mebibyte.
                    await self._rest(began)
            except Gone:
                await self._rest(began)
            except TooLarge as error:
                self._fail(error)
                await asyncio.sleep(TOO_LARGE_SECONDS)
            except ClusterError as error:
                self._fail(error)
                await self._backoff.wait()

    async def _rest(self, began: float) -> None:
        """Wait, if several watches in a row ended as soon as they began.

        A server that ends every watch at once would be asked for another one as fast as
        it answers.
        """
        is_short = asyncio.get_running_loop().time() - began < SHORTEST_WATCH
        self._short_watches = self._short_watches + 1 if is_short else 0
        if self._short_watches > MOST_SHORT_WATCHES:
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
        try:
            after = self._read(body)
        except Exception:
            logger.exception("%s/%s cannot be read.", self.collection.path, name)
            return self._remove(name, version)
        before = self._objects.get(name)
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
        differences, resource_version, size, pages = 0, "", 0, 0
        async for page in _pages(self._cluster, self.collection):
            names.update(map(self._key, page.items))
            size, pages = size + page.size, pages + 1
            if self._limit is not None:
                self._limit.check(self.collection, max(len(names), pages), size)
            differences += await self._upsert_all(page.items)
            resource_version = page.resource_version
            del page  # Otherwise two pages are in memory while the next one is read.
        self._size = size
        version = int(resource_version)
        vanished = [name for name in self._objects if name not in names]
        differences += sum([self._remove(name, version) for name in vanished])
        return resource_version, differences

    async def _upsert_all(self, bodies: Sequence[Body]) -> int:
        """Record the objects of a page in steps; return in how many the copy differed.

        One regular expression in an object of other people can take a tenth of a second
        to read, and a page has a hundred objects.
        """
        loop, differences = asyncio.get_running_loop(), 0
        began = loop.time()
        for body in bodies:
            differences += self.upsert(body)
            worked = loop.time() - began
            if worked > STEP_SECONDS:
                await asyncio.sleep(worked)
                began = loop.time()
        return differences

    def _handle(self, event: WatchEvent) -> None:
        self._version = event.body["metadata"]["resourceVersion"]
        if event.type == "DELETED":
            self._remove(self._key(event.body), _version(event.body))
        elif event.type != "BOOKMARK":
            self.upsert(event.body)
        self._size += event.size
        if self._limit is not None:
            self._check_size(self._limit)

    def _check_size(self, limit: CollectionLimit) -> None:
        """List again if the events since the last list may have exceeded the limit.

        The next list counts the objects as they are.
        """
        try:
            limit.check(self.collection, len(self._objects), self._size)
        except TooLarge as error:
            raise Gone(str(error)) from error

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
