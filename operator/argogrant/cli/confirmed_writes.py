"""Writes that are looked for when the answer to them is lost.

The API server may have carried out a write whose answer does not arrive: the connection
broke, or ``--request-timeout`` ended the wait. A command that then reports a failure
makes its user repeat the write. So the object is read: if it is as it should be, the
write is done. Otherwise this is unknown, and the message says how to look again.

An object whose name the API server would generate gets its name here, by the same
rules, so that it can be found.

Source: Kubernetes, ``apiserver/pkg/storage/names/generate.go``.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from argogrant.cli.errors import CommandError
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.kube.client import Body, Cluster, ListPage, WatchEvent
from argogrant.kube.errors import AnswerLost, ClusterError, Conflict, NotFound
from argogrant.kube.resources import Collection

LOOKS: Final = 3
"""Reads after a lost answer: a write can still be in progress."""
PAUSE_SECONDS: Final = 1.0
CLOCK_MARGIN: Final = timedelta(seconds=5)
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH: Final = 5
_LONGEST_PREFIX: Final = 58
_ATTEMPTS: Final = 3


class ConfirmedWrites:
    """Cluster whose lost answers are replaced by a look at the object.

    Args:
        cluster: The API server.
        clock: Current time in UTC.
    """

    def __init__(self, cluster: Cluster, clock: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._clock = clock

    async def get(self, path: str) -> Body:
        """Read one object."""
        return await self._cluster.get(path)

    async def list(self, collection: Collection, page: str = "") -> ListPage:
        """Read one page of a collection."""
        return await self._cluster.list(collection, page)

    def watch(
        self, collection: Collection, resource_version: str
    ) -> AsyncIterator[WatchEvent]:
        """Yield the changes after a resourceVersion."""
        return self._cluster.watch(collection, resource_version)

    async def merge_patch(self, path: str, body: Body) -> Body:
        """Patch an object.

        Raises:
            CommandError: The answer was lost, and the object has not changed so far.
        """
        try:
            return await self._cluster.merge_patch(path, body)
        except AnswerLost as error:
            return await self._find(path, lambda found: contains(found, body), error)

    async def create(self, path: str, body: Body) -> Body:
        """Create an object, with a name that is known before.

        Raises:
            Conflict: An object of that name exists.
            CommandError: The answer was lost, and the object does not exist so far.
        """
        prefix = body.get("metadata", {}).get("generateName")
        if not prefix:
            return await self._create(path, body)
        for _ in range(_ATTEMPTS):
            try:
                return await self._create(path, with_generated_name(body))
            except Conflict:
                continue  # The name is taken, by chance.
        return await self._cluster.create(path, body)

    async def _create(self, path: str, body: Body) -> Body:
        name = body.get("metadata", {}).get("name")
        began = self._clock() + timedelta(seconds=self.clock_skew()) - CLOCK_MARGIN
        try:
            return await self._cluster.create(path, body)
        except AnswerLost as error:
            if not name:
                raise  # A review, which is stored nowhere.

            def is_new(found: Body) -> bool:
                created = str(found["metadata"].get("creationTimestamp") or "")
                is_later = created >= began.strftime("%Y-%m-%dT%H:%M:%SZ")
                spec = {"spec": body.get("spec")}
                return is_later and contains(found, spec)

            return await self._find(f"{path}/{name}", is_new, error)

    async def delete(self, path: str, *, uid: str, version: str = "") -> None:
        """Delete an object."""
        await self._cluster.delete(path, uid=uid, version=version)

    def clock_skew(self) -> float:
        """Return how many seconds the server's clock is ahead."""
        return self._cluster.clock_skew()

    async def close(self) -> None:
        """Close all connections."""
        await self._cluster.close()

    async def _find(
        self, path: str, is_done: Callable[[Body], bool], error: AnswerLost
    ) -> Body:
        """Return the object if the write is done.

        Raises:
            CommandError: It cannot be known.
        """
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(PAUSE_SECONDS)
            try:
                found = await self._cluster.get(path)
            except NotFound:
                continue
            except ClusterError:
                break
            if is_done(found):
                return found
        *_, namespace, plural, name = path.rsplit("/", 3)
        raise CommandError(
            f"perhaps done: the answer of the API server about {plural} {quote(name)}"
            f" was lost. {with_full_stop(str(error))} To look whether it is done, run:"
            f" kubectl -n {namespace} get {plural} {name} -o yaml."
        ) from error


def contains(found: object, wanted: object) -> bool:
    """Return whether an object has every field of a merge patch.

    A field that the patch removes (null) is missing or null. The resourceVersion is
    another one after each write.
    """
    if isinstance(wanted, Mapping):
        fields: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
        return all(
            contains(fields.get(key), value)
            for key, value in wanted.items()
            if key != "resourceVersion"
        )
    return found == wanted


def with_generated_name(body: Body) -> Body:
    """Return an object with a name instead of the prefix for one."""
    metadata = dict(body["metadata"])
    prefix = str(metadata.pop("generateName"))[:_LONGEST_PREFIX]
    suffix = "".join(secrets.choice(_ALPHABET) for _ in range(_SUFFIX_LENGTH))
    return {**body, "metadata": {**metadata, "name": f"{prefix}{suffix}"}}
