"""The record of a run, as JSON: every number, and the machine that it holds for."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bench.failover import Failover
from bench.memory import Memory
from bench.run import Size
from bench.startup import Startup
from controlplane import programs

IDLE = 0.5
"""Load average up to which a machine counts as having nothing else to do."""
LATEST = Path(__file__).parent.parent / "results" / "latest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """When a part was measured by itself, and what has to be said about it."""

    measured_at: str
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The last run, and of the parts that it left out what was measured before."""

    measured_at: str
    machine: Mapping[str, str]
    remarks: tuple[str, ...]
    sizes: tuple[Size, ...]
    failover: Failover | None = None
    memory: Memory | None = None
    startup: Startup | None = None
    taken: Mapping[str, Taken] = field(default_factory=dict)
    """By the name of a part that has no sizes."""


def warnings() -> list[str]:
    """Say before a run what will distort it."""
    load, _, _ = os.getloadavg()
    if load <= IDLE:
        return []
    return [
        f"The machine had other work: its load average was {load:.1f} before the run,"
        f" on {os.cpu_count()} cores. Times are longer than they would be alone; CPU"
        " seconds, memory and counts hold."
    ]


def with_sizes(
    sizes: Sequence[Size], *, remarks: Sequence[str], path: Path = LATEST
) -> Record:
    """Put sizes together with the facts of the machine, and keep the other parts."""
    return replace(
        _known(path),
        measured_at=_now(),
        machine=_machine(),
        remarks=tuple(remarks),
        sizes=tuple(sizes),
    )


def with_part(
    remarks: Sequence[str], *, path: Path = LATEST, **part: Failover | Memory | Startup
) -> Record:
    """Put a part that has no sizes in its place, and keep everything else."""
    known = _known(path)
    taken = Taken(measured_at=_now(), remarks=tuple(remarks))
    changes: dict[str, Any] = {
        **part,
        "taken": {**known.taken, **dict.fromkeys(part, taken)},
    }
    return replace(known, **changes)


def save(run: Record, path: Path = LATEST) -> None:
    """Write a run down."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_rounded(asdict(run)), indent=2) + "\n")


def load(path: Path = LATEST) -> Record:
    """Read the run that was written down last."""
    return TypeAdapter(Record).validate_json(path.read_text())


def _known(path: Path) -> Record:
    if path.exists():
        return load(path)
    return Record(measured_at=_now(), machine=_machine(), remarks=(), sizes=())


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _rounded(value: Any) -> Any:  # noqa: ANN401
    """Keep a tenth of a millisecond: what is beyond is noise."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, tuple) else value


def _machine() -> dict[str, str]:
    return {
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "memory": f"{_memory_gb():.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Argo CD": programs.module_version(programs.ARGO_CD_MODULE),
        "Kubernetes": programs.module_version(programs.KUBERNETES_MODULE),
        **{name: version(name) for name in ("kopf", "aiohttp")},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
