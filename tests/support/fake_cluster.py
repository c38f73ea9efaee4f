"""Fake API server in memory.

``tests/integration/test_cluster_verbs.py`` runs the same tests on this fake and on a
real API server, which keeps the fake truthful.
"""

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass, field

from argogrant.kube.client import PAGE_SIZE, Body, ListPage, WatchEvent
from argogrant.kube.errors import ClusterError, Conflict, Gone
from argogrant.kube.permissions import ACCESS_REVIEWS, SELF_REVIEWS
from argogrant.kube.resources import Collection
from support.fake_clock import FakeClock
from support.object_store import Change, Objects

Hook = Callable[[], Awaitable[object] | object]
Hooks = list[tuple[str, Hook]]
"""Each with a text in the path of the request that it waits for."""


@dataclass(eq=False)
class Watcher:
    """One open watch, with its events besides the history."""

    ready: asyncio.Event = field(default_factory=asyncio.Event)
    queue: list[WatchEvent | ClusterError | None] = field(default_factory=list)
    """Bookmarks, an exception to raise, or None to close the watch."""


class FakeCluster(Objects):
    """Implements ``argogrant.kube.client.Cluster`` in memory.

    ``fail``, ``before`` and ``after`` make the next calls of a verb fail in a chosen
    way. ``Objects`` has the changes by other users.
    """

    def __init__(self, clock: FakeClock | None = None) -> None:
        super().__init__(clock)
        self.skew = 0.0
        """Seconds that the API server's clock is ahead."""
        self.calls: list[tuple[str, str]] = []
        """Every call as (verb, path), in order; the verbs are the methods' names."""
        self.denied: Callable[[Body], bool] = lambda _attributes: False
        """Returns whether a permission is denied, by its resourceAttributes."""
        self.user: Body = {"username": "alice", "groups": ["developers"]}
        """The user of a SelfSubjectReview."""
        self.mint: Callable[[str, Body], Body] = lambda _path, body: body
        """Answers a TokenRequest, with its path and body."""
        self.silent = False
        """Watches stay open and send nothing, as over a dead connection."""
        self._watchers: dict[Watcher, None] = {}
        """In the order in which they were opened, for reproducible runs."""
        self._failures: defaultdict[str, list[tuple[str, Exception]]]
        self._failures = defaultdict(list)
        self._before: defaultdict[str, Hooks] = defaultdict(list)
        self._after: defaultdict[str, Hooks] = defaultdict(list)

    async def get(self, path: str) -> Body:
        """Read one object."""
        await self._begin("get", path)
        return deepcopy(self.object(path))

    async def list(self, collection: Collection, page: str = "") -> ListPage:
        """Read a page of a collection; small ones have only one."""
        await self._begin("list", collection.path)
        begin = int(page or 0)
        paths = [
            path
            for path, body in self._objects.items()
            if _is_in(collection, path) and _is_labelled(collection, body)
        ]
        items = [
            deepcopy(self._objects[path]) for path in paths[begin : begin + PAGE_SIZE]
        ]
        rest = len(paths) - begin - PAGE_SIZE
        following = str(begin + PAGE_SIZE) if rest > 0 else ""
        listing = ListPage(items, str(self._version), following)
        await _run(self._after["list"], collection.path)
        return listing

    async def watch(
        self, collection: Collection, resource_version: str
    ) -> AsyncIterator[WatchEvent]:
        """Yield the changes of a collection after a resourceVersion."""
        await self._begin("watch", collection.path)
        position = int(resource_version)
        if position < self._oldest:
            raise Gone(f"watch: 410 too old resource version: {resource_version}")
        watcher = Watcher()
        self._watchers[watcher] = None
        try:
            while True:
                for change in self._since(position, collection):
                    yield WatchEvent(change.type, deepcopy(change.body))
                    position = change.version
                while watcher.queue:
                    event = watcher.queue.pop(0)
                    if event is None:
                        return
                    if isinstance(event, ClusterError):
                        raise event
                    yield event
                await watcher.ready.wait()
                watcher.ready.clear()
        finally:
            self._watchers.pop(watcher, None)

    async def merge_patch(self, path: str, body: Body) -> Body:
        """Patch an existing object and return the whole object."""
        await self._begin("merge_patch", path)
        answer = self.edit(path, json.loads(json.dumps(body)))
        await _run(self._after["merge_patch"], path)
        return answer

    async def create(self, path: str, body: Body) -> Body:
        """Create an object in the collection at this path."""
        await self._begin("create", path)
        if path.endswith("/token"):
            return self.mint(path, body)
        if path == ACCESS_REVIEWS.path(""):
            denied = self.denied(body["spec"]["resourceAttributes"])
            return {**body, "status": {"allowed": not denied}}
        if path == SELF_REVIEWS.path(""):
            return {**body, "status": {"userInfo": self.user}}
        return self.add(path, json.loads(json.dumps(body)))

    async def delete(self, path: str, *, uid: str, version: str = "") -> None:
        """Delete an object if its uid, and its version if given, are these."""
        await self._begin("delete", path)
        metadata = self.object(path)["metadata"]
        seen = metadata["resourceVersion"]
        if (metadata["uid"], version or seen) != (uid, seen):
            raise Conflict(f"{path}: 409 precondition failed")
        self.delete_object(path)

    def clock_skew(self) -> float:
        """Return how many seconds the API server's clock is ahead."""
        return self.skew

    async def close(self) -> None:
        """Do nothing: there are no connections."""

    def fail(self, verb: str, error: Exception, *, times: int = 1, path: str = ""):
        """Raise an exception at the next calls of a verb with this text in the path."""
        self._failures[verb] += [(path, error)] * times

    def stop_failing(self) -> None:
        """Remove the failures that have not occurred yet."""
        self._failures.clear()

    def before(self, verb: str, hook: Hook, *, path: str = "") -> None:
        """Run a hook once, before the next call of a verb on a path has an effect."""
        self._before[verb].append((path, hook))

    def after(self, verb: str, hook: Hook, *, path: str = "") -> None:
        """Run a hook once, between the effect of a call on a path and its response."""
        self._after[verb].append((path, hook))

    def bookmark(self) -> None:
        """Send a bookmark to every watch."""
        body = {"metadata": {"resourceVersion": str(self._version)}}
        self._send(WatchEvent("BOOKMARK", body))

    def end_watches(self) -> None:
        """Close every watch, as the API server does after some minutes."""
        self._send(None)

    def break_watches(self, error: ClusterError) -> None:
        """Break every watch with an exception."""
        self._send(error)

    def count(self, verb: str, path: str = "") -> int:
        """Return the number of calls of a verb with this text in the path."""
        return sum(call[0] == verb and path in call[1] for call in self.calls)

    async def _begin(self, verb: str, path: str) -> None:
        await asyncio.sleep(0)
        self.calls.append((verb, path))
        await _run(self._before[verb], path)
        for index, (fragment, error) in enumerate(self._failures[verb]):
            if fragment in path:
                del self._failures[verb][index]
                raise error

    def _since(self, position: int, collection: Collection) -> tuple[Change, ...]:
        if self.silent:
            return ()
        return tuple(
            change
            for change in self._history
            if change.version > position and _is_in(collection, change.path)
        )

    def _recorded(self) -> None:
        for watcher in self._watchers:
            watcher.ready.set()

    def _send(self, event: WatchEvent | ClusterError | None) -> None:
        for watcher in self._watchers:
            watcher.queue.append(event)
            watcher.ready.set()


def _is_in(collection: Collection, path: str) -> bool:
    folder, _, name = path.rpartition("/")
    if not collection.namespace:
        folder = re.sub("/namespaces/[^/]+", "", folder)
    return folder == collection.path and collection.name in ("", name)


def _is_labelled(collection: Collection, body: Body) -> bool:
    """Return whether an object has every label of a selector such as ``a=b,c=d``."""
    labels = body["metadata"].get("labels", {})
    wanted = [one.partition("=") for one in collection.labels.split(",") if one]
    return all(labels.get(key) == value for key, _, value in wanted)


async def _run(hooks: Hooks, path: str) -> None:
    while due := next((one for one in hooks if one[0] in path), None):
        hooks.remove(due)
        outcome = due[1]()
        if isinstance(outcome, Awaitable):
            await outcome
