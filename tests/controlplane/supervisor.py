"""The process that owns the parts of a control plane, and ends with its starter.

It runs as a program of its own. Orders come as lines of JSON on its standard input,
answers go to its standard output. When the input closes, because its starter closed
it or is no more (SIGKILL included), the supervisor kills every part, removes the
folder and ends. Should it be killed itself, the kernel kills the parts.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

PREFIX = "argogrant-control-plane-"
PR_SET_PDEATHSIG = 1  # prctl(2)


class Supervisor:
    """The parts by name, and the one folder in which they all live."""

    def __init__(self, folder: Path) -> None:
        """Own an empty folder and no part yet."""
        self.folder = folder
        self._parts: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, part: str, argv: list[str], *, env: dict[str, str], log: str
    ) -> None:
        """Start a part, or start it again."""
        if part in self._parts and self._parts[part].poll() is None:
            raise ValueError(f"{part} runs already: stop it first")
        with Path(log).open("ab") as output:
            self._parts[part] = subprocess.Popen(
                argv,
                env=env,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 — one thread
            )

    def signal(self, part: str, number: int) -> None:
        """Send a signal to a part and its child processes."""
        process = self._parts[part]
        if process.poll() is None:  # else its id may be another process' by now
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)

    def wait(self, part: str, seconds: float) -> None:
        """Wait for the end of a part; kill it when it takes too long."""
        try:
            self._parts[part].wait(seconds)
        except subprocess.TimeoutExpired:
            self.signal(part, signal.SIGKILL)
            self._parts[part].wait()

    def ended(self) -> dict[str, int]:
        """Return the exit codes of the parts that do not run any more."""
        codes = {name: process.poll() for name, process in self._parts.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def pids(self) -> dict[str, int]:
        """Return the process ids of the parts that run."""
        return {
            name: process.pid
            for name, process in self._parts.items()
            if process.poll() is None
        }

    def clear(self) -> None:
        """Kill every part and remove the folder."""
        for part in self._parts:
            self.signal(part, signal.SIGKILL)
        for process in self._parts.values():
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _die_with(parent: int) -> Callable[[], None] | None:
    """Have the kernel kill a part when the supervisor dies, where it can (Linux)."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the call
            os._exit(1)

    return prepare


def _obey(supervisor: Supervisor, line: str) -> dict[str, Any]:
    order: dict[str, Any] = json.loads(line)
    method = getattr(supervisor, order.pop("do"))
    try:
        return {"answer": method(**order)}
    except (OSError, ValueError, KeyError) as error:
        return {"error": str(error)}


def _leave(_number: int, _frame: object) -> None:
    raise SystemExit


def main() -> None:
    """Obey the orders on standard input until it closes, then leave nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the starter
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    supervisor = Supervisor(Path(tempfile.mkdtemp(prefix=PREFIX)))
    try:
        print(json.dumps({"answer": str(supervisor.folder)}), flush=True)
        for line in sys.stdin:
            print(json.dumps(_obey(supervisor, line)), flush=True)
    except BrokenPipeError:
        pass  # the starter is gone
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # nothing interrupts the clearing
        supervisor.clear()


if __name__ == "__main__":
    main()
