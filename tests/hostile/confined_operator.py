"""The operator as the chart runs it, in 512 MiB, and nobody who restarts it."""

import contextlib
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from controlplane.plane import ControlPlane
from hostile.confinement import (
    MEBIBYTE,
    OPERATOR_BYTES,
    SWEEP_BYTES,
    Confinement,
    confined,
    resident_bytes,
)
from hostile.positions import OTHER, OURS
from hostile.verdict import SWEEP_SECONDS
from support import operator_process

RESYNC_SECONDS: Final = 10
LINES_SHOWN: Final = 3
TEND_SECONDS: Final = 0.2
RESTS: Final = 8
FILES: Final = 1024
"""Open files of a process where nobody raised the soft limit."""


@dataclass(frozen=True, slots=True)
class Exit:
    """End of a process that nobody stopped."""

    code: int
    description: str


class ConfinedOperator:
    """Process of the operator in a container's memory, and what restarts it.

    Args:
        plane: Control plane with the scene.
        log: File for its log; the audit stream is next to it.
        port: Port of its metrics.
        options: More options of the command.
    """

    def __init__(
        self, plane: ControlPlane, log: Path, *, port: int, options: Sequence[str] = ()
    ) -> None:
        self.log = log
        self.exits: list[Exit] = []
        """Ends of processes that nobody stopped, until ``forget``."""
        self.peak_mebibytes = 0.0
        """Most resident memory of all processes since ``forget``."""
        self.method = ""
        self._options = options
        self._plane = plane
        self._port = port
        self._kubeconfig = plane.service_account_kubeconfig(OURS, OURS)
        self._process: subprocess.Popen[bytes] | None = None
        self._held = contextlib.ExitStack()
        self._confinement: Confinement | None = None
        self._one_at_a_time = threading.RLock()
        threading.Thread(target=self._tend, daemon=True).start()

    def start(self) -> float:
        """Start it; return the wall time."""
        with self._one_at_a_time:
            self._process = operator_process.start(
                self._plane,
                self.log,
                *("--namespace", OTHER, "--sweep-seconds", str(RESYNC_SECONDS)),
                *("--port", str(self._port)),
                *self._options,
                kubeconfig=self._kubeconfig,
            )
            _limit_files(self._process.pid)
            self._confinement = self._held.enter_context(
                confined(self._process.pid, OPERATOR_BYTES)
            )
            self.method = self._confinement.method
            return time.time()

    def stop(self) -> None:
        """Stop it as the kubelet does."""
        with self._one_at_a_time:
            if self._process is not None:
                self._note()
                operator_process.stop(self._process)
                self._held.close()
                self._process = None

    def forget(self) -> None:
        """Forget the ends and the memory of earlier processes."""
        with self._one_at_a_time:
            self.exits, self.peak_mebibytes = [], 0.0

    def _tend(self) -> None:
        """Restart it after it has ended by itself, as the kubelet does."""
        while True:
            time.sleep(TEND_SECONDS)
            with self._one_at_a_time:
                if self._note():
                    self.stop()
                    self.start()

    def _note(self) -> bool:
        """Note the memory, and the end of the process if it has ended by itself."""
        if self._process is None or self._confinement is None:
            return False
        peak = self._confinement.peak_mebibytes
        self.peak_mebibytes = max(self.peak_mebibytes, peak)
        code = self._process.poll()
        if code is None:
            return False
        lines = self.log.read_text(errors="replace").splitlines()
        last = " / ".join(line[:200] for line in lines[-LINES_SHOWN:])
        what = "was killed" if code < 0 else f"exited with {code}"
        said = f"the operator {what} ({peak:.0f} MiB): {last}"
        self.exits.append(Exit(code, said))
        return True

    def settled_mebibytes(self, seconds: float) -> float:
        """Return the resident memory after a rest, the least of several readings.

        Args:
            seconds: Time of the rest; a resync in it returns unused memory.
        """
        assert self._process is not None
        readings = []
        for _ in range(RESTS):
            time.sleep(seconds / RESTS)
            readings.append(resident_bytes(self._process.pid, "VmRSS") / MEBIBYTE)
        return min(readings)


def _limit_files(pid: int) -> None:
    """Set the soft limit of open files that systemd gives where nobody raised it."""
    _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (FILES, most))


def sweep(plane: ControlPlane) -> str:
    """Run ``argogrant sweep`` as the CronJob does, in its memory and time.

    Returns:
        What it printed, and how it ended.
    """
    kubeconfig = plane.service_account_kubeconfig("argocd", "argogrant-sweep")
    process = subprocess.Popen(
        [
            *operator_process.bound(),
            sys.executable,
            "-m",
            "argogrant.cli.main",
            "sweep",
        ],
        env={**os.environ, "KUBECONFIG": str(kubeconfig), "MALLOC_ARENA_MAX": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with confined(process.pid, SWEEP_BYTES):
        try:
            output, _ = process.communicate(timeout=SWEEP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            output = process.communicate()[0] + "\nended by its deadline"
    return f"exit {process.returncode}: {output[-300:]}"
