"""Memory of a process as a container has it: a cgroup that kills at its limit.

Where no cgroup can be created, a thread watches the resident memory and kills the
process at the same limit; ``Confinement.method`` says which of the two it was.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MEBIBYTE: Final = 1024 * 1024
OPERATOR_BYTES: Final = 512 * MEBIBYTE
"""Memory limit of the operator in the chart."""
SWEEP_BYTES: Final = 512 * MEBIBYTE
"""Memory limit of the sweep in the chart."""
_ROOT: Final = Path("/sys/fs/cgroup/memory")
_WATCH_SECONDS: Final = 0.05


@dataclass(slots=True)
class Confinement:
    """Limit of the memory of one process, and the most that it has used."""

    method: str
    peak_bytes: int = 0

    @property
    def peak_mebibytes(self) -> float:
        """The largest resident memory in MiB."""
        return self.peak_bytes / MEBIBYTE


@contextlib.contextmanager
def confined(pid: int, limit: int) -> Iterator[Confinement]:
    """Limit the memory of a process for the length of a block.

    Args:
        pid: The process, which has just been started.
        limit: Bytes at which the kernel kills it.
    """
    group = _new_group(pid, limit)
    method = "memory cgroup" if group is not None else "watched resident memory"
    confinement = Confinement(method)
    ending = threading.Event()
    watch = threading.Thread(
        target=_watch,
        args=(pid, limit if group is None else None, confinement, ending),
        daemon=True,
    )
    watch.start()
    try:
        yield confinement
    finally:
        ending.set()
        watch.join()
        if group is not None:
            _remove(group)


def _new_group(pid: int, limit: int) -> Path | None:
    """Create a cgroup (v1) with the process in it; None where this is not allowed."""
    group = _ROOT / f"argogrant-hostile-{os.getpid()}-{pid}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(limit))
        (group / "cgroup.procs").write_text(str(pid))
    except OSError:
        with contextlib.suppress(OSError):
            group.rmdir()
        return None
    return group


def _remove(group: Path) -> None:
    """Remove the cgroup once its last process is gone."""
    for _ in range(100):
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.05)


def _watch(
    pid: int, limit: int | None, confinement: Confinement, ending: threading.Event
) -> None:
    while not ending.wait(_WATCH_SECONDS):
        resident = resident_bytes(pid, "VmHWM")
        confinement.peak_bytes = max(confinement.peak_bytes, resident)
        if limit is not None and resident > limit:
            os.kill(pid, signal.SIGKILL)
            return


def resident_bytes(pid: int, field: str) -> int:
    """Return the resident memory of a process, 0 if it is gone.

    Args:
        pid: The process.
        field: ``VmRSS`` for now, ``VmHWM`` for the most so far. Source: proc(5).
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    status = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(status.get(field, "0 kB").split(maxsplit=1)[0]) * 1024
