"""The writer of our own objects: their status, and the finalizer of grants.

It works in the background and never stands in the way of a binding or a revocation.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from argogrant.controller.cached_objects import Record
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    NotFound,
    Unavailable,
    remedy_of,
)

FINALIZER: Final = "argogrant.dev/revoke"
"""Keeps a deleted grant until nothing of it is left in Argo CD."""

WORKERS: Final = 8
PAUSE: Final = 1.0
FORBIDDEN_PAUSE: Final = 2.0
"""Seconds; an API server that has just started refuses everything for a moment."""
ATTEMPTS: Final = 5

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalizerChange:
    """Whether an object should have our finalizer, and which ones it has."""

    wanted: bool
    finalizers: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels that the object lacks and gets along with the finalizer."""

    @property
    def is_applied(self) -> bool:
        """Whether nothing has to be written."""
        return (FINALIZER in self.finalizers) is self.wanted and not self.labels

    def patch(self) -> Body:
        """The merge patch that makes it so; nobody else's finalizer is lost."""
        others = [name for name in self.finalizers if name != FINALIZER]
        wanted = [*others, FINALIZER] if self.wanted else others
        labels = {"labels": dict(self.labels)} if self.labels else {}
        return {"metadata": {"finalizers": wanted, **labels}}


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusUpdate:
    """The status that one object should have, and whether it should be held."""

    path: str
    uid: str
    """Another object that got the same name is not written."""
    version: str
    """The resource version that was seen; Kubernetes guards a status by it only."""
    old: dict[str, Any]
    new: dict[str, Any]
    written: Callable[[Body], object]
    """Given the object after each write."""
    finalizer: FinalizerChange | None = None

    def patch(self) -> Body:
        """The merge patch from the old status to the new one."""
        gone = {key: None for key in self.old if key not in self.new}
        return {"metadata": {}, "status": {**gone, **self.new}}


def status_update(
    record: Record,
    new: dict[str, Any],
    *,
    written: Callable[[Body], object],
    hold: FinalizerChange | None = None,
) -> StatusUpdate:
    """Report about an object as it was last seen.

    Args:
        record: The object.
        new: The status that it should have.
        written: Given the object after each write.
        hold: Whether it should be held; None leaves its finalizers alone.
    """
    return StatusUpdate(
        path=record.path,
        uid=record.uid,
        version=record.version,
        old=record.status,
        new=new,
        written=written,
        finalizer=hold,
    )


class StatusWriter:
    """Writes reports with a few workers; of several for one object only the last."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._pending: dict[str, StatusUpdate] = {}

    def pending_or_stored(self, path: str, seen: dict[str, Any]) -> dict[str, Any]:
        """The status of an object as it will be once everything is written."""
        pending = self._pending.get(path)
        return pending.new if pending is not None else seen

    def submit(self, report: StatusUpdate) -> None:
        """Write an object soon; nothing happens if it is so already."""
        is_held = report.finalizer is None or report.finalizer.is_applied
        if is_held and self.pending_or_stored(report.path, report.old) == report.new:
            return
        if report.path not in self._pending:
            self._queue.put_nowait(report.path)
        self._pending[report.path] = report

    async def run(self) -> None:
        """Write until cancelled."""
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
                # Nothing else has to wait for a right that is missing.
                loop = asyncio.get_running_loop()
                loop.call_later(FORBIDDEN_PAUSE, self._queue.put_nowait, path)
                continue
            except Unavailable:
                await asyncio.sleep(PAUSE)
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
            pass  # the object is gone, or another one has its name
        except Unavailable:
            raise
        except Forbidden as error:
            remedy = remedy_of(error)
            logger.warning("%s is not written yet: %s %s", report.path, error, remedy)
            raise
        except ClusterError as error:
            logger.warning("%s is not written: %s", report.path, error)

    async def _change_finalizer(
        self, report: StatusUpdate, hold: FinalizerChange
    ) -> str:
        """Set or remove the finalizer; answers the object's version after that."""

        def patch_of(metadata: Body | None) -> Body | None:
            now = hold
            if metadata is not None:
                finalizers = tuple(metadata.get("finalizers") or ())
                now = replace(hold, finalizers=finalizers)
                if hold.wanted and "deletionTimestamp" in metadata:
                    return None  # nobody may hold any longer what is being deleted
            return None if now.is_applied else now.patch()

        return await self._patch(report, patch_of, report.version)

    async def _patch(
        self,
        report: StatusUpdate,
        patch_of: Callable[[Body | None], Body | None],
        version: str,
        subresource: str = "",
    ) -> str:
        """Change an object, whoever else changes it meanwhile.

        Args:
            report: Which object it is.
            patch_of: Gives the change, or None if there is nothing to do; from the
                object's metadata if it had to be read anew.
            version: The version to change.
            subresource: What is changed of it.

        Raises:
            Conflict: Another object has its name.
            Unavailable: It changes all the time.
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
            f"{report.path} changed {ATTEMPTS} times while it was written"
        )
