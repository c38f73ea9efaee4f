"""The starter's end of the supervisor: a folder, and parts that run in it.

The pipe to the supervisor is not inherited by programs that the starter runs. A child
that is forked without running another program does keep it, and the parts with it.
"""

import contextlib
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from controlplane import supervisor
from controlplane.errors import ControlPlaneError

END_SECONDS = 20.0


class Supervision:
    """A supervisor process and what it owns, until ``close`` or the starter's end."""

    def __init__(self) -> None:
        """Start the supervisor; it makes the folder."""
        self._orders = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", supervisor.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd="/",
            start_new_session=True,
        )
        self.folder = Path(self._answer())

    @property
    def pid(self) -> int:
        """The process id of the supervisor itself."""
        return self._process.pid

    def start(
        self, part: str, argv: Sequence[str], *, env: Mapping[str, str], log: Path
    ) -> None:
        """Start a program as a part; its output is appended to the log."""
        self._order("start", part=part, argv=list(argv), env=dict(env), log=str(log))

    def signal(self, part: str, number: int) -> None:
        """Send a signal to a part."""
        self._order("signal", part=part, number=int(number))

    def wait(self, part: str, seconds: float) -> None:
        """Wait for the end of a part, which is killed after that many seconds."""
        self._order("wait", part=part, seconds=seconds)

    def ended(self) -> Mapping[str, int]:
        """Return the exit codes of the parts that do not run any more."""
        codes: dict[str, int] = self._order("ended")
        return codes

    def pids(self) -> Mapping[str, int]:
        """Return the process ids of the parts that run."""
        pids: dict[str, int] = self._order("pids")
        return pids

    def close(self) -> None:
        """Kill the parts and remove the folder; closing twice is fine."""
        with self._orders:
            for stream in (self._process.stdin, self._process.stdout):
                assert stream is not None
                with contextlib.suppress(BrokenPipeError):  # it was killed itself
                    stream.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _order(self, name: str, **arguments: object) -> Any:
        with self._orders:
            assert self._process.stdin is not None
            try:
                self._process.stdin.write(json.dumps({"do": name, **arguments}) + "\n")
                self._process.stdin.flush()
            except (BrokenPipeError, ValueError) as error:
                raise self._gone() from error
            return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._gone()
        reply = json.loads(line)
        if "error" in reply:
            raise ControlPlaneError(reply["error"])
        return reply["answer"]

    def _gone(self) -> ControlPlaneError:
        return ControlPlaneError(
            "The control plane has been closed, or its supervisor process has ended: "
            "start a new one."
        )
