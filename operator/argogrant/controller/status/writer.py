"""Background writer of the status of argogrant's objects, and of their finalizers.

No binding and no revocation waits for it. An object that needs both gets its finalizer
first, so no status reports a binding that a deletion would not wait for:

    AccessGrant at version 7
      PATCH metadata.finalizers  (uid, version 7)  ->  version 8
      PATCH status               (uid, version 8)  ->  version 9

Each patch names the uid and the version that it was made for. If another writer was
faster, the API server answers 409; the object is read again, and the patch repeated.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from argogrant.controller.cached_objects import Record
from argogrant.controller.error_messages import role_remedy
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    NotFound,
    Unavailable,
)

FINALIZER: Final = "argogrant.dev/revoke"
"""Finalizer of grants that have a binding in Argo CD."""

WORKERS: Final = 8
RETRY_SECONDS: Final = 1.0
FORBIDDEN_RETRY_SECONDS: Final = 2.0
"""Short, because an API server that has just started denies every request."""
ATTEMPTS: Final = 5

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalizerChange:
    """Addition or removal of the finalizer."""

    wanted: bool
    finalizers: tuple[str, ...]
    """All finalizers that the object has."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Missing labels that are added with the finalizer."""

    @property
    def is_applied(self) -> bool:
        """True if the object has the wanted finalizer and labels."""
        return (FINALIZER in self.finalizers) is self.wanted and not self.labels

    def patch(self) -> Body:
        """Return the merge patch; it keeps the finalizers of other programs."""
        others = [name for name in self.finalizers if name != FINALIZER]
        wanted = [*others, FINALIZER] if self.wanted else others
        labels = {"labels": dict(self.labels)} if self.labels else {}
        return {"metadata": {"finalizers": wanted, **labels}}


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusUpdate:
    """Desired status of one object, and the change of its finalizer."""

    path: str
    uid: str
    """Uid of the object; another object with the same name is not written."""
    version: str
    """Observed resource version; only a status patch that names it can conflict."""
    old: dict[str, Any]
    new: dict[str, Any]
    written: Callable[[Body], object]
    """Receives the object after each write."""
    finalizer: FinalizerChange | None = None

    def patch(self) -> Body:
        """Return the merge patch from the old status to the new one."""
        removed = {key: None for key in self.old if key not in self.new}
        return {"metadata": {}, "status": {**removed, **self.new}}


def status_update(
    record: Record,
    new: dict[str, Any],
    *,
    written: Callable[[Body], object],
    finalizer: FinalizerChange | None = None,
) -> StatusUpdate:
    """Return the update of an object from its observed status.

    Args:
        record: The object.
        new: Desired status.
        written: Receives the object after each write.
        finalizer: Change of its finalizer; None leaves the finalizers alone.
    """
    return StatusUpdate(
        path=record.path,
        uid=record.uid,
        version=record.version,
        old=record.status,
        new=new,
        written=written,
        finalizer=finalizer,
    )


class StatusWriter:
    """Writes updates with a few workers; a newer update replaces a pending one."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._pending: dict[str, StatusUpdate] = {}

    def pending_or_stored(self, path: str, seen: dict[str, Any]) -> dict[str, Any]:
        """Return the status of an object once everything is written."""
        pending = self._pending.get(path)
        return pending.new if pending is not None else seen

    def submit(self, report: StatusUpdate) -> None:
        """Queue an update, unless it changes nothing."""
        is_applied = report.finalizer is None or report.finalizer.is_applied
        if is_applied and self.pending_or_stored(report.path, report.old) == report.new:
            return
        if report.path not in self._pending:
            self._queue.put_nowait(report.path)
        self._pending[report.path] = report

    async def run(self) -> None:
        """Write updates until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(WORKERS):
                tasks.create_task(self._work())

    async def _work(self) -> None:
        while True:
            path = await self._queue.get()
            report = self._pending[path]
            try:
                await self._write(report)
            except Forbidden:
                # The worker goes on: other objects do not wait for the permission.
                loop = asyncio.get_running_loop()
                loop.call_later(FORBIDDEN_RETRY_SECONDS, self._queue.put_nowait, path)
                continue
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)
                self._queue.put_nowait(path)
                continue
            if self._pending[path] is report:
                del self._pending[path]
            else:
                self._queue.put_nowait(path)

    async def _write(self, report: StatusUpdate) -> None:
        try:
            version = report.version
            if report.finalizer is not None:
                version = await self._change_finalizer(report, report.finalizer)
            if report.new != report.old:
                await self._patch(report, lambda _: report.patch(), version, "/status")
        except (NotFound, Conflict):
            pass  # The object is gone, or another object has its name.
        except Unavailable:
            raise
        except Forbidden as error:
            remedy = role_remedy(error)
            logger.warning(
                "%s cannot be written yet: %s %s", report.path, error, remedy
            )
            raise
        except ClusterError as error:
            logger.warning("%s cannot be written: %s", report.path, error)

    async def _change_finalizer(
        self, report: StatusUpdate, change: FinalizerChange
    ) -> str:
        """Add or remove the finalizer; return the object's version after that.

        The object may be deleted at the same time. The API server decides the race:

            finalizer first    the deletion waits for the revocation
            deletion first     404: the object is gone, nothing is left to write;
                               409: a finalizer of another program keeps the object,
                               but a deleted object accepts no new finalizer
        """

        def patch_of(metadata: Body | None) -> Body | None:
            current = change
            if metadata is not None:
                finalizers = tuple(metadata.get("finalizers") or ())
                current = replace(change, finalizers=finalizers)
                if change.wanted and "deletionTimestamp" in metadata:
                    return None
            return None if current.is_applied else current.patch()

        return await self._patch(report, patch_of, report.version)

    async def _patch(
        self,
        report: StatusUpdate,
        patch_of: Callable[[Body | None], Body | None],
        version: str,
        subresource: str = "",
    ) -> str:
        """Patch an object, and again if another writer changed it in between.

        Args:
            report: The update of the object.
            patch_of: Returns the patch, or None if there is nothing to write. Gets the
                metadata of the object if it had to be read again.
            version: Resource version to patch.
            subresource: Path of the subresource, such as ``/status``.

        Raises:
            Conflict: Another object has its name.
            Unavailable: Every attempt conflicted.
        """
        metadata: Body | None = None
        for _ in range(ATTEMPTS):
            patch = patch_of(metadata)
            if patch is None:
                return version
            patch["metadata"] |= {"uid": report.uid, "resourceVersion": version}
            try:
                body = await self._cluster.merge_patch(report.path + subresource, patch)
            except Conflict:
                metadata = (await self._cluster.get(report.path))["metadata"]
                if metadata["uid"] != report.uid:
                    raise
                version = metadata["resourceVersion"]
            else:
                report.written(body)
                return str(body["metadata"]["resourceVersion"])
        raise Unavailable(
            f"{report.path} was changed {ATTEMPTS} times during the write"
        )
