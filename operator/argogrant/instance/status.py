"""The writer of our own objects: their status, and the finalizer of grants.

It works in the background and never stands in the way of a binding or a revocation.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from argogrant.kube.cluster import Body, Cluster
from argogrant.kube.failures import ClusterError, Conflict, NotFound, Unavailable

FINALIZER: Final = "argogrant.dev/revoke"
"""Keeps a deleted grant until nothing of it is left in Argo CD."""

WORKERS: Final = 8
PAUSE: Final = 1.0
ATTEMPTS: Final = 5

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Whether an object should have our finalizer, and what it has."""

    wanted: bool
    finalizers: tuple[str, ...]
    version: str

    @property
    def is_so(self) -> bool:
        """Whether nothing has to be written."""
        return (FINALIZER in self.finalizers) is self.wanted

    def patch(self, uid: str) -> Body:
        """The merge patch that makes it so, refused if the object changed since."""
        others = [name for name in self.finalizers if name != FINALIZER]
        return {
            "metadata": {
                "uid": uid,
                "resourceVersion": self.version,
                "finalizers": [*others, FINALIZER] if self.wanted else others,
            }
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The status that one object should have, and whether it should be held."""

    path: str
    uid: str
    """Guards against writing to another object that got the same name."""
    old: dict[str, Any]
    new: dict[str, Any]
    written: Callable[[Body], object]
    """Given the object after the write."""
    hold: Hold | None = None

    def patch(self) -> Body:
        """The merge patch from the old status to the new one."""
        gone = {key: None for key in self.old if key not in self.new}
        return {"metadata": {"uid": self.uid}, "status": {**gone, **self.new}}


class Writer:
    """Writes reports with a few workers; of several for one object only the last."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._pending: dict[str, Report] = {}

    def current(self, path: str, seen: dict[str, Any]) -> dict[str, Any]:
        """The status of an object as it will be once everything is written."""
        pending = self._pending.get(path)
        return pending.new if pending is not None else seen

    def submit(self, report: Report) -> None:
        """Write an object soon; nothing happens if it is so already."""
        is_held = report.hold is None or report.hold.is_so
        if is_held and self.current(report.path, report.old) == report.new:
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
            except Unavailable:
                await asyncio.sleep(PAUSE)
                self._queue.put_nowait(path)
                continue
            if self._pending[path] is report:
                del self._pending[path]
            else:
                self._queue.put_nowait(path)

    async def _write(self, report: Report) -> None:
        try:
            if report.hold is not None:
                await self._hold(report, report.hold)
            if report.new != report.old:
                path = f"{report.path}/status"
                report.written(await self._cluster.merge_patch(path, report.patch()))
        except (NotFound, Conflict):
            pass  # the object is gone, or another one has its name
        except Unavailable:
            raise
        except ClusterError as error:
            logger.warning("%s is not written: %s", report.path, error)

    async def _hold(self, report: Report, hold: Hold) -> None:
        """Set or remove the finalizer, whoever else changes the object meanwhile."""
        for _ in range(ATTEMPTS):
            if hold.is_so:
                return
            patch = hold.patch(report.uid)
            try:
                report.written(await self._cluster.merge_patch(report.path, patch))
            except Conflict:
                metadata = (await self._cluster.get(report.path))["metadata"]
                if metadata["uid"] != report.uid:
                    raise
                hold = Hold(
                    wanted=hold.wanted,
                    finalizers=tuple(metadata.get("finalizers") or ()),
                    version=metadata["resourceVersion"],
                )
            else:
                return
        raise Unavailable(f"{report.path} changed {ATTEMPTS} times while it was held")
