"""The writer of status subresources: in the background, never in anybody's way."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from argogrant.kube.cluster import Body, Cluster
from argogrant.kube.failures import ClusterError, Conflict, NotFound, Unavailable

WORKERS: Final = 8
PAUSE: Final = 1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The status that one object should have."""

    path: str
    uid: str
    """Guards against writing to another object that got the same name."""
    old: dict[str, Any]
    new: dict[str, Any]
    written: Callable[[Body], object]
    """Given the object after the write."""

    def patch(self) -> Body:
        """The merge patch from the old status to the new one."""
        gone = {key: None for key in self.old if key not in self.new}
        return {"metadata": {"uid": self.uid}, "status": {**gone, **self.new}}


class StatusWriter:
    """Writes reports with a few workers; of several for one object only the last."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._pending: dict[str, StatusReport] = {}

    def current(self, path: str, seen: dict[str, Any]) -> dict[str, Any]:
        """The status of an object as it will be once everything is written."""
        pending = self._pending.get(path)
        return pending.new if pending is not None else seen

    def submit(self, report: StatusReport) -> None:
        """Write a status soon; nothing happens if it is there already."""
        if self.current(report.path, report.old) == report.new:
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

    async def _write(self, report: StatusReport) -> None:
        try:
            path = f"{report.path}/status"
            report.written(await self._cluster.merge_patch(path, report.patch()))
        except (NotFound, Conflict):
            pass  # the object is gone, or another one has its name
        except Unavailable:
            raise
        except ClusterError as error:
            logger.warning("The status of %s is not written: %s", report.path, error)
