"""A burst: a thousand grants created within ten seconds, which end in one second.

While they are created, a few older grants end. Argo CD rebuilds its rules as a whole
from one version of the ConfigMap. So when a version that holds every line was written,
and argocd-server judges by it about a few subjects (the first, the last, some between),
it does so about all. It is asked from that version on: hundreds of questions a second
before it would take the processors from what is measured.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench import grants
from bench.clients import Clients
from bench.counting import ConfigMapWatch, grant_writes, watching
from bench.revoke_lag import ASK_BEFORE, lag_of

COUNT = 1000
SECONDS = 9.0
BATCH = "burst"
MID_BATCH = "mid"
MID_ENDS = range(2, 9)
"""Seconds after the begin at which an older grant ends."""
LASTS = 100
"""Seconds from the begin of the burst to the end of its grants."""
SETTLE = 3.0
WITHIN = 90.0
POLL = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """How a thousand new grants came into force."""

    created_in: float
    believed_after: float
    """Seconds from the last creation until all were believed."""
    config_map_writes: int
    ready_after: float
    writes_per_grant: float
    """Requests that changed an AccessGrant, our own creations apart."""
    mid_burst_lags: tuple[float, ...]
    mid_burst_not_bound: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SameSecond:
    """How a thousand grants ended in the same second."""

    refused_after: float
    written_after: float | None
    """Seconds until a version without any of them was seen by a watch."""
    config_map_writes: int
    bound_before: int


async def measure_burst(clients: Clients) -> tuple[Creation, SameSecond]:
    """Create a thousand grants, and see them all end."""
    names = grants.names(BATCH, COUNT)
    asked = [names[number * (COUNT - 1) // 4] for number in range(5)]
    async with watching(clients.api, BATCH) as config_map:
        begin = grants.whole_second(at_least=6)
        mid = asyncio.create_task(_mid_burst(clients, begin))
        await asyncio.sleep(begin - time.time())
        creation = await _create(clients, names, asked, config_map, mid=mid)
        same_second = await _end(clients, asked, config_map, end=begin + LASTS)
    return creation, same_second


async def _create(
    clients: Clients,
    names: Sequence[str],
    asked: Sequence[str],
    config_map: ConfigMapWatch,
    *,
    mid: asyncio.Task[list[float | None]],
) -> Creation:
    before = grant_writes(await clients.api.metrics())
    begin = time.time()
    await _create_steadily(clients, names, begin)
    last = time.time()
    written_at = await config_map.wait_for(COUNT, since=begin, within=WITHIN)
    believed = await asyncio.gather(
        *(
            clients.judge.first(name, allowed=True, within=WITHIN, pause=POLL)
            for name in asked
        )
    )
    ready_at = await grants.wait_until_ready(clients.api, BATCH, COUNT)
    writes = grant_writes(await clients.api.metrics()) - before
    lags = await mid
    return Creation(
        created_in=last - begin,
        believed_after=max(*believed, written_at) - last,
        config_map_writes=config_map.writes(begin, time.time()),
        ready_after=ready_at - last,
        writes_per_grant=writes / COUNT,
        mid_burst_lags=tuple(lag for lag in lags if lag is not None),
        mid_burst_not_bound=lags.count(None),
    )


async def _create_steadily(
    clients: Clients, names: Sequence[str], begin: float
) -> None:
    """Create the grants at an even pace, so that the burst lasts its seconds."""
    end = begin + LASTS

    async def one(number: int, name: str) -> None:
        await asyncio.sleep(begin + number * SECONDS / COUNT - time.time())
        await grants.create(clients.api, [name], batch=BATCH, ends_at=[end])

    await asyncio.gather(*(one(number, name) for number, name in enumerate(names)))


async def _mid_burst(clients: Clients, begin: float) -> list[float | None]:
    names = grants.names(MID_BATCH, len(MID_ENDS))
    ends = [begin + seconds for seconds in MID_ENDS]
    await grants.create(clients.api, names, batch=MID_BATCH, ends_at=ends)
    lags = (lag_of(clients, name, end) for name, end in zip(names, ends, strict=True))
    return list(await asyncio.gather(*lags))


async def _end(
    clients: Clients, asked: Sequence[str], config_map: ConfigMapWatch, *, end: float
) -> SameSecond:
    await asyncio.sleep(max(0, end - ASK_BEFORE - time.time()))
    bound = config_map.versions[-1].marked
    refused = await asyncio.gather(
        *(
            clients.judge.first(name, allowed=False, within=WITHIN, pause=POLL)
            for name in asked
        )
    )
    await asyncio.sleep(SETTLE)
    written_at = config_map.first(0, since=end)
    return SameSecond(
        refused_after=max(*refused, written_at or 0) - end,
        written_after=None if written_at is None else written_at - end,
        config_map_writes=config_map.writes(end, time.time()),
        bound_before=bound,
    )
