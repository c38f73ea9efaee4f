"""Start of the command line beside kubectl, with the same kubeconfig and objects.

Commands take turns, so other work of the machine affects all of them. The bytecode is
compiled before, as after an installation by pip.
"""

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import grants
from bench.stage import a_stage
from controlplane.plane import ControlPlane

BATCH = "startup"
GRANTS = 100
ROUNDS = 15
LIFE = 3600
KUBECTL_VERSION = "kubectl version --client"
KUBECTL_GET = "kubectl get accessgrants"
STARTS = (
    "argogrant version",
    "argogrant --help",
    "argogrant list --help",
    "argogrant __complete list -o y",
)
"""Commands that need no API server."""
READS = ("argogrant list", f"argogrant __complete show {BATCH}")
"""Commands that list grants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Startup:
    """Median seconds of each command, by its command line."""

    rounds: int
    grants: int
    cpu: Mapping[str, float]
    wall: Mapping[str, float]

    def ratio(self, command: str, other: str) -> tuple[float, float]:
        """Return how much CPU and time a command takes in units of another one."""
        cpu, wall = self.cpu, self.wall
        return cpu[command] / cpu[other], wall[command] / wall[other]


async def measure_startup(log: Path | None, tell: Callable[[str], None]) -> Startup:
    """Create some grants, and measure the commands while no operator runs."""
    async with a_stage(log) as stage:
        names = grants.names(BATCH, GRANTS)
        ends = [time.time() + LIFE] * GRANTS
        await grants.create(stage.clients.api, names, batch=BATCH, ends_at=ends)
        tell(f"{GRANTS} grants are there; the commands take turns {ROUNDS} times")
        return await asyncio.to_thread(_take_turns, stage.plane)


def _take_turns(plane: ControlPlane) -> Startup:
    commands = (KUBECTL_VERSION, KUBECTL_GET, *STARTS, *READS)
    cpu: dict[str, list[float]] = {command: [] for command in commands}
    wall: dict[str, list[float]] = {command: [] for command in commands}
    kubeconfig = plane.kubeconfig(context_namespace="argogrant")
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPYCACHEPREFIX": folder,
            "HOME": folder,
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for number in range(ROUNDS + 1):
            for command in commands:
                seconds = _run(command.split(), environment)
                # The first round compiles, and fills the caches of kubectl.
                if number:
                    cpu[command].append(seconds[0])
                    wall[command].append(seconds[1])
    return Startup(
        rounds=ROUNDS,
        grants=GRANTS,
        cpu={command: median(each) for command, each in cpu.items()},
        wall={command: median(each) for command, each in wall.items()},
    )


def _run(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Return the CPU seconds and the seconds that a command takes."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(  # noqa: S603 - these commands
        command, env=environment, check=True, stdout=subprocess.DEVNULL
    )
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, took
