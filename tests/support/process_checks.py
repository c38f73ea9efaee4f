"""Checks of processes, and a wait for a condition."""

import subprocess
import time
from collections.abc import Callable


def runs(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return state.stdout.strip()[:1] not in {"", "Z"}


def becomes_true(is_true: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
