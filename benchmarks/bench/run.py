"""One run: every phase for every number of live grants, on one control plane."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench import burst, grants, restart, revoke_lag
from bench.burst import Creation, SameSecond, measure_burst
from bench.clients import Clients
from bench.core import Core, measure_core
from bench.floor import Floor, measure_floor
from bench.percentiles import Spread
from bench.process import Operator
from bench.restart import (
    measure_restarts,
    start_and_revoke,
    stop_with_an_overdue_grant,
)
from bench.revoke_lag import RevokeLag, measure_revoke_lag
from bench.stage import a_stage
from bench.steady import Steady, measure_steady, wait_until_quiet

Tell = Callable[[str], None]
T = TypeVar("T")
Keep = Callable[[Sequence["Size"]], None]
"""Told of what was measured so far after each size: later ones may fail."""

LIVE = "live"
LIVE_SECONDS = 6 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Everything that was measured beside so many live grants."""

    live: int
    filled_in: float
    """Seconds to create the live grants that were not there yet."""
    filled_ready_after: float
    """Seconds from the last creation until all of them said Ready."""
    floor: Floor
    restart: Spread
    revoke: RevokeLag
    steady: Steady
    creation: Creation
    same_second: SameSecond
    core: Core
    cpu_seconds: dict[str, float]
    """What the operator took in each phase."""
    peak_rss_mb: float


async def run(
    sizes: Sequence[int], *, log: Path | None, tell: Tell, keep: Keep
) -> None:
    """Measure every size, from the smallest on."""
    tell("starting etcd, kube-apiserver and argocd-server")
    async with a_stage(log) as stage, stage.operator().running() as operator:
        await _every_size(sizes, Measuring(stage.clients, operator, tell), keep)


async def _every_size(sizes: Sequence[int], measuring: "Measuring", keep: Keep) -> None:
    measured: list[Size] = []
    for size in sorted(sizes):
        so_far = measured[-1].live if measured else 0
        measured.append(await measuring.measure(size, so_far=so_far))
        keep(measured)
        await measuring.clear()


class Measuring:
    """The phases for one number of live grants, in their order.

    The floor is taken while the operator is stopped for the first restart.
    """

    def __init__(self, clients: Clients, operator: Operator, tell: Tell) -> None:
        self._clients = clients
        self._operator = operator
        self._tell_about = tell
        self._live = 0
        self._cpu: dict[str, float] = {}
        self._peak = 0.0

    async def measure(self, live: int, *, so_far: int) -> Size:
        """Go through all phases."""
        self._live, self._cpu, self._peak = live, {}, 0.0
        clients, operator = self._clients, self._operator
        self._tell("creating them")
        filled_in, ready_after = await self._fill(live, so_far=so_far)
        await wait_until_quiet(operator)
        self._note("creating the live grants", since=0)
        name = await stop_with_an_overdue_grant(clients, operator, 0)
        self._tell("the floor")
        floor = await measure_floor(clients)
        self._tell("restarts")
        restarted = await start_and_revoke(clients, operator, name)
        restarts = await measure_restarts(clients, operator, restarted)
        await wait_until_quiet(operator)
        self._note("the last restart", since=0)
        revoke = await self._phase(
            "revoke lag",
            measure_revoke_lag(clients),
            f"{revoke_lag.SAMPLES} ends, one a second",
        )
        steady = await self._phase("the steady state", measure_steady(operator))
        creation, same_second = await self._phase(
            f"{burst.COUNT} grants created at once, that end at once",
            measure_burst(clients),
            f"a burst of {burst.COUNT} and its end",
        )
        await wait_until_quiet(operator)
        self._tell("the pure core")
        return Size(
            live=live,
            filled_in=filled_in,
            filled_ready_after=ready_after,
            floor=floor,
            restart=restarts,
            revoke=revoke,
            steady=steady,
            creation=creation,
            same_second=same_second,
            core=measure_core(live),
            cpu_seconds=self._cpu,
            peak_rss_mb=self._peak,
        )

    async def _phase(self, said: str, phase: Awaitable[T], noted: str = "") -> T:
        """Go through a phase, and note what CPU it took under its own name."""
        self._tell(said)
        began = self._operator.usage().cpu_seconds
        found = await phase
        self._note(noted or said, since=began)
        return found

    async def clear(self) -> None:
        """Remove all grants but the live ones, which the next size builds upon."""
        ended = (restart.BATCH, revoke_lag.BATCH, burst.BATCH, burst.MID_BATCH)
        await grants.remove_batches(self._clients.api, *ended)

    async def _fill(self, live: int, *, so_far: int) -> tuple[float, float]:
        names = grants.names(LIVE, live, begin=so_far)
        ends = [time.time() + LIVE_SECONDS] * len(names)
        began = time.time()
        await grants.create(self._clients.api, names, batch=LIVE, ends_at=ends)
        created = time.time()
        ready_at = await grants.wait_until_ready(self._clients.api, LIVE, live)
        return created - began, ready_at - created

    def _tell(self, what: str) -> None:
        self._tell_about(f"{self._live} live grants: {what}")

    def _note(self, phase: str, *, since: float) -> None:
        usage = self._operator.usage()
        self._cpu[phase] = round(usage.cpu_seconds - since, 2)
        self._peak = max(self._peak, usage.peak_rss_mb)
