"""The steady state: what the operator takes while nothing happens."""

import asyncio
from dataclasses import dataclass

from bench.percentiles import percentile
from bench.process import Operator

SECONDS = 65
"""A little more than the pause between two sweeps, so that there is one among them."""
QUIET = 0.05
QUIET_SECONDS = 3
PATIENCE = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """CPU seconds by the second."""

    quiet_cpu: float
    """CPU seconds in the middle one of all seconds, when they are sorted."""
    cpu_per_minute: float
    """With the sweep that falls into it."""
    busiest_second: float
    rss_mb: float
    peak_rss_mb: float


async def measure_steady(operator: Operator) -> Steady:
    """Wait until the operator is at rest, and watch it over one sweep."""
    await wait_until_quiet(operator)
    used = [await _cpu_of_a_second(operator) for _ in range(SECONDS)]
    usage = operator.usage()
    return Steady(
        quiet_cpu=percentile(used, 50),
        cpu_per_minute=sum(used) * 60 / SECONDS,
        busiest_second=max(used),
        rss_mb=usage.rss_mb,
        peak_rss_mb=usage.peak_rss_mb,
    )


async def wait_until_quiet(operator: Operator) -> None:
    """Wait until the operator has nothing to do, or patience is at its end."""
    quiet = 0
    for _ in range(PATIENCE):
        quiet = quiet + 1 if await _cpu_of_a_second(operator) < QUIET else 0
        if quiet == QUIET_SECONDS:
            return


async def _cpu_of_a_second(operator: Operator) -> float:
    before = operator.usage().cpu_seconds
    await asyncio.sleep(1)
    return operator.usage().cpu_seconds - before
