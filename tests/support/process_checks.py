"""Whether processes run, and waiting until something is so."""

import subprocess
import time
from collections.abc import Callable


def runs(pid: int) -> bool:
    """A process that nobody has collected yet (a zombie) does not run any more."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return state.stdout.strip()[:1] not in {"", "Z"}


def becomes_true(is_so: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
