"""Failover under load: the leader is killed, and grants end while nobody leads.

Their ends are spread over the ten seconds after the kill. argocd-server is asked about
some of the subjects, the first and the last among them; a watch of the ConfigMap tells
about every one when its line went.
"""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench import grants
from bench.clients import Clients
from bench.counting import ConfigMapWatch, watching
from bench.process import Operator
from bench.stage import a_stage

BATCH = "failover"
COUNT = 1000
SECONDS = 10
LEASE_SECONDS = 15
"""The shipped default, which the operators here are left to take."""
LEAD_SECONDS = 75
"""Time to create the grants and to see all of them in force before the kill."""
ASKED = 11
WITHIN = 120.0
PATIENCE = 60
_STARTED = re.compile(r"^argogrant_start_seconds\{[^}]*\} (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failover:
    """How late ends were that fell between two leaders."""

    grants: int
    lease_seconds: float
    refused_lags: tuple[float, ...]
    """Seconds from the end to argocd-server's no, of the subjects asked about."""
    worst_removed_lag: float
    """Seconds from the end until a watch saw the line gone, of every grant."""
    first_write_after: float
    """Seconds from the kill."""
    config_map_writes: int
    start_seconds: float
    """What the new leader says it took from leading to its first convergence."""


async def measure_failover(log: Path | None, tell: Callable[[str], None]) -> Failover:
    """Kill a leader beside a warm standby."""
    async with a_stage(log) as stage:
        leader, standby = stage.operator("argogrant-0"), stage.operator("argogrant-1")
        async with leader.running():
            await _wait_until_it_is(leader, "leader")
            async with standby.running():
                await _wait_until_it_is(standby, "standby")
                tell("a leader and a standby are up")
                measured = await _fail_over(stage.clients, leader, standby, tell)
                await grants.remove_batches(stage.clients.api, BATCH)
    return measured


async def _fail_over(
    clients: Clients, leader: Operator, standby: Operator, tell: Callable[[str], None]
) -> Failover:
    names = grants.names(BATCH, COUNT)
    async with watching(clients.api, BATCH) as config_map:
        kill_at = grants.whole_second(at_least=LEAD_SECONDS)
        ends = [kill_at + 1 + number * SECONDS // COUNT for number in range(COUNT)]
        await grants.create(clients.api, names, batch=BATCH, ends_at=ends)
        asked = [number * (COUNT - 1) // (ASKED - 1) for number in range(ASKED)]
        await grants.wait_until_ready(clients.api, BATCH, COUNT)
        for number in asked:
            await clients.judge.first(names[number], allowed=True, within=5, pause=0.1)
        tell(f"{COUNT:,} grants are in force; the leader will be killed")
        await _sleep_until(kill_at)
        killed_at = leader.kill()
        lags = await asyncio.gather(
            *(_refused_lag(clients, names[number], ends[number]) for number in asked)
        )
        removed = await _worst_removed_lag(config_map, names, ends, since=killed_at)
        return Failover(
            grants=COUNT,
            lease_seconds=LEASE_SECONDS,
            refused_lags=tuple(lags),
            worst_removed_lag=removed,
            first_write_after=config_map.writes_at(since=killed_at)[0] - killed_at,
            config_map_writes=config_map.writes(killed_at, time.time()),
            start_seconds=await _start_seconds(standby),
        )


async def _refused_lag(clients: Clients, name: str, end: float) -> float:
    await _sleep_until(end - 0.3)
    if not await clients.judge.allows(name):
        raise RuntimeError(f"{name} was refused before its end: nothing is measured")
    refused = await clients.judge.first(name, allowed=False, within=WITHIN, pause=0.02)
    return refused - end


async def _worst_removed_lag(
    config_map: ConfigMapWatch,
    names: Sequence[str],
    ends: Sequence[float],
    *,
    since: float,
) -> float:
    for _ in range(PATIENCE):
        if config_map.first(0, since=since) is not None:
            break
        await asyncio.sleep(1)
    gone = [config_map.first_without(name, since=since) for name in names]
    return max(at - end for at, end in zip(gone, ends, strict=True))


async def _wait_until_it_is(operator: Operator, what: str) -> None:
    for _ in range(PATIENCE):
        if await _read(operator, "/readyz") == f"{what}\n":
            return
        await asyncio.sleep(1)
    raise TimeoutError(f"the operator is no ready {what} after {PATIENCE} s")


async def _start_seconds(operator: Operator) -> float:
    """Read it once its first convergence, reports included, has come to its end."""
    for _ in range(PATIENCE):
        found = _STARTED.search(await _read(operator, "/metrics"))
        if found is not None:
            return float(found[1])
        await asyncio.sleep(1)
    raise TimeoutError(f"no argogrant_start_seconds after {PATIENCE} s")


async def _read(operator: Operator, path: str) -> str:
    url = f"http://127.0.0.1:{operator.port}{path}"
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return await answer.text()
    except aiohttp.ClientConnectionError:
        return ""


async def _sleep_until(instant: float) -> None:
    await asyncio.sleep(max(0, instant - time.time()))
