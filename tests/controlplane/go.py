"""Go commands of a build, which print progress every few seconds.

Go's own caches are below the project's cache: a build changes nothing else of the
user, and an interrupted build continues.
"""

import os
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from controlplane import programs
from controlplane.errors import BuildFailed

Say = Callable[[str], None]

SIGN_OF_LIFE_SECONDS = 8.0
LINES_KEPT = 25
REMEDIES = {
    "no space left on device": "Free about 7 GB of disk space and build again.",
    "signal: killed": "Memory ran out: build again with GOMAXPROCS=1 set.",
    "dial tcp": "Check the network, or set GOPROXY to a proxy you can reach.",
    "disabled by GOPROXY": "Set GOPROXY to a proxy you can reach.",
    "i/o timeout": "Check the network, or set GOPROXY to a proxy you can reach.",
    "checksum mismatch": "go.sum and the downloaded modules differ: do not use them.",
}
OTHERWISE = "Build again: what is finished already is kept."


def environment() -> Mapping[str, str]:
    """Return the environment of every Go command."""
    folder = programs.cache() / "go"
    return {
        **os.environ,
        **programs.GO_SETTINGS,
        "GOPATH": str(folder),
        "GOMODCACHE": str(folder / "mod"),
        "GOCACHE": str(folder / "build"),
    }


class _Reader(threading.Thread):
    """Counts the lines of a command while it runs, and keeps the last ones."""

    def __init__(self, stream: IO[str], counted: Callable[[str], bool]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._counted = counted
        self.count = 0
        self.last: deque[str] = deque(maxlen=LINES_KEPT)
        self.start()

    def run(self) -> None:
        for line in self._stream:
            self.last.append(line.rstrip())
            self.count += self._counted(line)


def run(
    arguments: Sequence[str],
    *,
    say: Say,
    progress: Callable[[int], str],
    counted: Callable[[str], bool],
    module: Path = programs.GO_MODULE,
) -> str:
    """Run one Go command, and print its progress.

    Args:
        arguments: What follows ``go``.
        say: Where the lines of progress go.
        progress: Words for the number of lines counted so far.
        counted: Which lines of Go's messages count.
        module: The folder with the ``go.mod`` that pins what is built.

    Returns:
        What Go printed to its standard output.

    Raises:
        BuildFailed: Go ended with an error; its last lines are in the message.
    """
    started = time.monotonic()
    with subprocess.Popen(
        [programs.installed("go"), *arguments],
        cwd=module,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        messages = _Reader(process.stderr, counted)
        answer = _Collector(process.stdout)
        while messages.is_alive():
            messages.join(SIGN_OF_LIFE_SECONDS)
            if messages.is_alive():
                say(f"{progress(messages.count)}, {elapsed(started)}")
        answer.join()
    if process.returncode != 0:
        raise BuildFailed(_failure(arguments, list(messages.last)))
    return answer.text


class _Collector(threading.Thread):
    """Reads the output of a command, which therefore never blocks."""

    def __init__(self, stream: IO[str]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self.text = ""
        self.start()

    def run(self) -> None:
        self.text = self._stream.read()


def elapsed(started: float) -> str:
    """Format the time since an instant, as ``3m07s``."""
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    return f"{minutes}m{seconds:02}s" if minutes else f"{seconds}s"


def _failure(arguments: Sequence[str], last: Sequence[str]) -> str:
    text = "\n".join(last)
    known = (remedy for sign, remedy in REMEDIES.items() if sign in text)
    return (
        f"go {arguments[0]} failed. Its last lines:\n\n{text}\n\n"
        f"{next(known, OTHERWISE)}"
    )
