"""Memory over many grants that came and went: batches, each ended and deleted."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import grants
from bench.clients import GRANTS, Clients
from bench.counting import watching
from bench.stage import a_stage

BATCH = "mem"
BATCHES = 30
SIZE = 1000
LIFE = 12
"""Seconds from the begin of a batch's creation to the end of its grants."""
WARM_UP = 10
"""Batches after which memory has to stay as it is: until then bursts come at worse and
worse moments, and Python's pools have not been as full as they will be."""
HALF_WAY = 20
SETTLE = 4.0
PATIENCE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident memory of the operator after each batch."""

    batch: int
    """Grants in a batch."""
    rss_mb: tuple[float, ...]
    most_bound: tuple[int, ...]
    """How many grants of a batch Argo CD had at once, at most."""
    cpu_seconds: float

    @property
    def grants(self) -> int:
        """How many grants came and went."""
        return self.batch * len(self.rss_mb)

    @property
    def growth(self) -> float:
        """Bytes a grant, from the end of the warm-up to the end."""
        settled = self.rss_mb[WARM_UP - 1 :]
        return (settled[-1] - settled[0]) * 2**20 / (self.batch * (len(settled) - 1))

    @property
    def trend(self) -> float:
        """Bytes a grant, as the slope of a straight line through all of that time."""
        settled = self.rss_mb[WARM_UP - 1 :]
        middle, mean = (len(settled) - 1) / 2, sum(settled) / len(settled)
        rise = sum((n - middle) * (mb - mean) for n, mb in enumerate(settled))
        run = sum((n - middle) ** 2 for n in range(len(settled)))
        return rise / run * 2**20 / self.batch


async def measure_memory(log: Path | None, tell: Callable[[str], None]) -> Memory:
    """Let grants come and go, each for its own subject; 20,000 after the warm-up."""
    rss: list[float] = []
    most: list[int] = []
    async with a_stage(log) as stage, stage.operator().running() as operator:
        for number in range(BATCHES):
            most.append(await _come_and_go(stage.clients, number))
            await asyncio.sleep(SETTLE)
            rss.append(operator.usage().rss_mb)
            tell(
                f"{SIZE * (number + 1):,} grants came and went: {rss[-1]:.1f} MB"
                f" (up to {most[-1]:,} bound at once)"
            )
        cpu = operator.usage().cpu_seconds
    return Memory(
        batch=SIZE, rss_mb=tuple(rss), most_bound=tuple(most), cpu_seconds=cpu
    )


async def _come_and_go(clients: Clients, number: int) -> int:
    begin = number * SIZE
    names = grants.names(BATCH, begin + SIZE, begin=begin)
    async with watching(clients.api, BATCH) as config_map:
        end = grants.whole_second(at_least=LIFE)
        await grants.create(clients.api, names, batch=BATCH, ends_at=[end] * SIZE)
        await _wait_until_expired(clients)
    await grants.remove_batches(clients.api, BATCH)
    return max((version.marked for version in config_map.versions), default=0)


async def _wait_until_expired(clients: Clients) -> None:
    for _ in range(PATIENCE):
        listing = await clients.api.get(f"{GRANTS}?labelSelector=bench%3D{BATCH}")
        if all(grants.reason_of(body) == "Expired" for body in listing["items"]):
            return
        await asyncio.sleep(1)
    raise TimeoutError(f"ended grants do not say Expired after {PATIENCE} s")
