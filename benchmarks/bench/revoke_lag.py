"""Revoke lag: from a grant's end to argocd-server's "no", beside many live grants.

One grant ends in each second; its subject is asked about every few milliseconds
around its end.
"""

import asyncio
import time
from dataclasses import dataclass

from bench import grants
from bench.clients import Clients
from bench.percentiles import Spread, spread

SAMPLES = 100
BATCH = "lag"
ASK_BEFORE = 0.3
ASK_EVERY = 0.005
"""Seconds between two questions; without a pause they take CPU from what they ask."""
WITHIN = 60.0
LEAD_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeLag:
    """How late ends were, one a second."""

    lag: Spread
    not_bound: int
    """Grants that were not in force just before their end, and measure nothing."""


async def measure_revoke_lag(clients: Clients) -> RevokeLag:
    """Let one grant end in each second, and ask Argo CD about each."""
    first_end = grants.whole_second(at_least=LEAD_SECONDS)
    ends = [first_end + number for number in range(SAMPLES)]
    names = grants.names(BATCH, SAMPLES)
    await grants.create(clients.api, names, batch=BATCH, ends_at=ends)
    lags = await asyncio.gather(
        *(lag_of(clients, name, end) for name, end in zip(names, ends, strict=True))
    )
    measured = [lag for lag in lags if lag is not None]
    return RevokeLag(lag=spread(measured), not_bound=len(lags) - len(measured))


async def lag_of(clients: Clients, name: str, end: float) -> float | None:
    """Measure one end; None if the grant was not in force just before it."""
    await asyncio.sleep(max(0, end - ASK_BEFORE - time.time()))
    if not await clients.judge.allows(name):
        return None
    refused = await clients.judge.first(
        name, allowed=False, within=WITHIN, pause=ASK_EVERY
    )
    return refused - end
