"""The operator's process: started as it is shipped, and what it takes (Linux)."""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from controlplane.plane import ControlPlane
from support import operator_process

SWEEP_SECONDS = 60.0
"""What the operator does unless told otherwise; the tests sweep more often."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the operator took up to an instant."""

    cpu_seconds: float
    rss_mb: float
    peak_rss_mb: float


class Operator:
    """The operator, stopped and started as a measurement needs it."""

    def __init__(
        self, plane: ControlPlane, log: Path, identity: str = "argogrant-0"
    ) -> None:
        self._plane = plane
        self._log = log
        self._identity = identity
        self.port = operator_process.free_port()
        """Where its metrics are."""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it; give the wall-clock time at which its process began."""
        self._process = operator_process.start(
            self._plane,
            self._log,
            *("--sweep-seconds", str(SWEEP_SECONDS)),
            *("--port", str(self.port)),
            identity=self._identity,
        )
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        age = uptime - int(self._stat()[19]) / _TICKS
        return time.time() - age

    def stop(self) -> float:
        """End it as Kubernetes would; give the seconds that took."""
        began = time.time()
        if self._process is not None:
            operator_process.stop(self._process)
            self._process = None
        return time.time() - began

    def kill(self) -> float:
        """End it at once, as a crash would; give the wall-clock time of that."""
        assert self._process is not None
        self._process.kill()
        killed_at = time.time()
        self._process.wait()
        self._process = None
        return killed_at

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Run it for the length of a block, which fails if it ends by itself."""
        self.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                guard = tasks.create_task(self.guard())
                yield self
                guard.cancel()
        finally:
            self.stop()

    async def guard(self) -> None:
        """Watch over the process until cancelled.

        Raises:
            RuntimeError: It ended without having been stopped.
        """
        while True:
            code = None if self._process is None else self._process.poll()
            if code is not None:
                last = self._log.read_text(errors="replace").splitlines()[-3:]
                raise RuntimeError(
                    f"the operator ended by itself with {code}: {' / '.join(last)}"
                )
            await asyncio.sleep(1)

    def usage(self) -> Usage:
        """Read what it took until now."""
        lines = (self._folder() / "status").read_text().splitlines()
        status = dict(line.split(":", 1) for line in lines)
        fields = self._stat()
        return Usage(
            cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICKS,
            rss_mb=_megabytes(status["VmRSS"]),
            peak_rss_mb=_megabytes(status["VmHWM"]),
        )

    def _stat(self) -> list[str]:
        """Read ``stat`` from its third field on: the second may hold blanks."""
        return (self._folder() / "stat").read_text().rpartition(")")[2].split()

    def _folder(self) -> Path:
        assert self._process is not None
        return Path("/proc") / str(self._process.pid)


def _megabytes(value: str) -> float:
    return round(int(value.split(maxsplit=1)[0]) / 1024, 1)
