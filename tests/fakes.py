"""Fakes: an API server in memory.

``tests/integration/test_cluster_verbs.py`` asks the fake and a real API server the
same questions, so whatever it promises here is true there.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from argogrant.kube.cluster import Body, Listing, WatchEvent
from argogrant.kube.failures import ClusterError, Conflict, Gone, NotFound, Refused
from argogrant.kube.resources import ACCESS_GRANTS, ARGOCD_INSTANCES, Collection
from virtual_time import FakeClock

HAS_STATUS: Final = frozenset({ACCESS_GRANTS.plural, ARGOCD_INSTANCES.plural})
"""The kinds whose status is a subresource and whose spec has a generation."""

Hook = Callable[[], Awaitable[object] | object]


@dataclass(frozen=True)
class Change:
    """One entry of the history that watches are served from."""

    version: int
    type: str
    path: str
    body: Body


@dataclass(eq=False)
class Watcher:
    """One open watch: what it has to be told beside the history."""

    wake: asyncio.Event = field(default_factory=asyncio.Event)
    news: list[WatchEvent | ClusterError | None] = field(default_factory=list)
    """Bookmarks, an error to break with, or None to end."""


class FakeCluster:
    """Implements ``argogrant.kube.cluster.Cluster`` on a dictionary.

    ``create``, ``edit`` and ``delete`` are what other people do meanwhile; ``fail``,
    ``before`` and ``after`` make the next calls of a verb go wrong in a chosen way.
    """

    def __init__(self, clock: FakeClock | None = None) -> None:
        self._clock = clock or FakeClock()
        self.calls: list[tuple[str, str]] = []
        """Every call as (verb, path), in order; the verbs are the methods' names."""
        self.silent = False
        """Watches stay open and tell nothing, as over a dead connection."""
        self._objects: dict[str, Body] = {}
        self._version = 100
        self._oldest = 100
        self._history: list[Change] = []
        self._watchers: set[Watcher] = set()
        self._failures: defaultdict[str, list[tuple[str, Exception]]]
        self._failures = defaultdict(list)
        self._before: defaultdict[str, list[Hook]] = defaultdict(list)
        self._after: defaultdict[str, list[Hook]] = defaultdict(list)

    async def get(self, path: str) -> Body:
        """Read one object."""
        await self._begin("get", path)
        return deepcopy(self.object(path))

    async def list(self, collection: Collection) -> Listing:
        """Read a whole collection."""
        await self._begin("list", collection.path)
        items = [
            deepcopy(body)
            for path, body in self._objects.items()
            if _is_in(collection, path)
        ]
        listing = Listing(items, str(self._version))
        await _run(self._after["list"])
        return listing

    async def watch(
        self, collection: Collection, resource_version: str
    ) -> AsyncIterator[WatchEvent]:
        """Follow the changes of a collection since a resource version."""
        await self._begin("watch", collection.path)
        position = int(resource_version)
        if position < self._oldest:
            raise Gone(f"watch: 410 too old resource version: {resource_version}")
        watcher = Watcher()
        self._watchers.add(watcher)
        try:
            while True:
                for change in self._since(position, collection):
                    yield WatchEvent(change.type, deepcopy(change.body))
                    position = change.version
                while watcher.news:
                    news = watcher.news.pop(0)
                    if news is None:
                        return
                    if isinstance(news, ClusterError):
                        raise news
                    yield news
                await watcher.wake.wait()
                watcher.wake.clear()
        finally:
            self._watchers.discard(watcher)

    async def merge_patch(self, path: str, body: Body) -> Body:
        """Change some fields of an object that exists; answers the whole object."""
        await self._begin("merge_patch", path)
        answer = self.edit(path, json.loads(json.dumps(body)))
        await _run(self._after["merge_patch"])
        return answer

    def object(self, path: str) -> Body:
        """The object itself, or NotFound."""
        if path not in self._objects:
            raise NotFound(f"{path}: 404 not found")
        return self._objects[path]

    def create(self, collection_path: str, body: Body) -> Body:
        """Create an object as a person would, stamped by the API server."""
        body = deepcopy(body)
        name = body["metadata"]["name"]
        path = f"{collection_path}/{name}"
        if path in self._objects:
            raise Conflict(f"{path}: 409 already exists")
        namespace, plural = collection_path.split("/")[-2:]
        body["metadata"] |= {
            "namespace": namespace,
            "uid": f"uid-{self._version + 1}",
            "creationTimestamp": self._clock.stamp(),
        }
        if plural in HAS_STATUS:
            body["metadata"]["generation"] = 1
            body.pop("status", None)
        self._store("ADDED", path, body)
        return deepcopy(body)

    def edit(self, path: str, patch: Body) -> Body:
        """Apply a merge patch to an object, or to its status subresource."""
        path, is_status = path.removesuffix("/status"), path.endswith("/status")
        old = self.object(path)
        _check_preconditions(path, old, patch, is_status=is_status)
        new = deepcopy(_patched(path, old, patch, is_status=is_status))
        if new == old:
            return deepcopy(old)
        is_leaving = "deletionTimestamp" in new["metadata"]
        if is_leaving and not new["metadata"].get("finalizers"):
            self._remove(path, new)
        else:
            self._store("MODIFIED", path, new)
        return deepcopy(new)

    def delete(self, path: str) -> None:
        """Delete an object; one with finalizers stays until they are gone."""
        body = deepcopy(self.object(path))
        if not body["metadata"].get("finalizers"):
            self._remove(path, body)
        elif "deletionTimestamp" not in body["metadata"]:
            body["metadata"]["deletionTimestamp"] = self._clock.stamp()
            if "generation" in body["metadata"]:
                body["metadata"]["generation"] += 1
            self._store("MODIFIED", path, body)

    def fail(self, verb: str, error: Exception, *, times: int = 1, path: str = ""):
        """Raise an error at the next calls of a verb whose path holds this text."""
        self._failures[verb] += [(path, error)] * times

    def stop_failing(self) -> None:
        """Forget the failures that were not used up."""
        self._failures.clear()

    def before(self, verb: str, hook: Hook) -> None:
        """Run something once, just before the next call of a verb is served."""
        self._before[verb].append(hook)

    def after(self, verb: str, hook: Hook) -> None:
        """Run something once, between a call's effect and its answer."""
        self._after[verb].append(hook)

    def bookmark(self) -> None:
        """Tell every watch how far it is."""
        body = {"metadata": {"resourceVersion": str(self._version)}}
        self._tell(WatchEvent("BOOKMARK", body))

    def end_watches(self) -> None:
        """End every watch, as the API server does after some minutes."""
        self._tell(None)

    def break_watches(self, error: ClusterError) -> None:
        """Break every watch."""
        self._tell(error)

    def compact(self) -> None:
        """Forget the history: whoever is behind has to list again."""
        self._oldest = self._version
        self._history.clear()

    def count(self, verb: str, path: str = "") -> int:
        """How often a verb was called on paths that hold this text."""
        return sum(call[0] == verb and path in call[1] for call in self.calls)

    async def _begin(self, verb: str, path: str) -> None:
        await asyncio.sleep(0)
        self.calls.append((verb, path))
        await _run(self._before[verb])
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

    def _store(self, kind: str, path: str, body: Body) -> None:
        self._objects[path] = body
        self._record(kind, path, body)

    def _remove(self, path: str, body: Body) -> None:
        del self._objects[path]
        self._record("DELETED", path, body)

    def _record(self, kind: str, path: str, body: Body) -> None:
        self._version += 1
        body["metadata"]["resourceVersion"] = str(self._version)
        self._history.append(Change(self._version, kind, path, deepcopy(body)))
        for watcher in self._watchers:
            watcher.wake.set()

    def _tell(self, news: WatchEvent | ClusterError | None) -> None:
        for watcher in self._watchers:
            watcher.news.append(news)
            watcher.wake.set()


def _is_in(collection: Collection, path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return folder == collection.path and collection.name in ("", name)


def _check_preconditions(path: str, old: Body, patch: Body, *, is_status: bool) -> None:
    given, known = patch.get("metadata", {}), old["metadata"]
    version = known["resourceVersion"]
    if given.get("resourceVersion", version) != version:
        raise Conflict(f"{path}: 409 the object has been modified")
    if not is_status and given.get("uid", known["uid"]) != known["uid"]:
        raise Refused(f"{path}: 422 metadata.uid: field is immutable")


def _patched(path: str, old: Body, patch: Body, *, is_status: bool) -> Body:
    """What becomes of an object: a status and the rest never change together."""
    merged: Body = _merged(old, patch)
    if path.split("/")[-2] not in HAS_STATUS:
        return merged
    if is_status:
        return {**old, "status": merged["status"]} if "status" in merged else old
    merged.pop("status", None)
    new = {**merged, **({"status": old["status"]} if "status" in old else {})}
    if new.get("spec") != old.get("spec"):
        generation = old["metadata"]["generation"] + 1
        new["metadata"] = {**new["metadata"], "generation": generation}
    return new


def _merged(target: Any, patch: Any) -> Any:
    """Apply a merge patch (RFC 7396): None removes, a dictionary is merged."""
    if not isinstance(patch, dict):
        return deepcopy(patch)
    result = deepcopy(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


async def _run(hooks: list[Hook]) -> None:
    while hooks:
        outcome = hooks.pop(0)()
        if isinstance(outcome, Awaitable):
            await outcome
