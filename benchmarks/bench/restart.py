"""A restart: from the start of the process until what is overdue is refused."""

import asyncio
import time

from bench import grants
from bench.clients import Clients
from bench.percentiles import Spread, spread
from bench.process import Operator

BATCH = "overdue"
RESTARTS = 3
LEAD_SECONDS = 20
WITHIN = 180.0


async def stop_with_an_overdue_grant(
    clients: Clients, operator: Operator, number: int
) -> str:
    """Stop the operator, and return after the end of a grant that it had bound."""
    name = f"{BATCH}-{number:05}"
    end = grants.whole_second(at_least=LEAD_SECONDS)
    await grants.create(clients.api, [name], batch=BATCH, ends_at=[end])
    await clients.judge.first(name, allowed=True, within=LEAD_SECONDS, pause=0.05)
    operator.stop()
    await asyncio.sleep(max(0, end + 0.5 - time.time()))
    if not await clients.judge.allows(name):
        raise RuntimeError(f"{name} ended before the operator was stopped")
    return name


async def start_and_revoke(clients: Clients, operator: Operator, name: str) -> float:
    """Start the operator; give the seconds until Argo CD refuses what is overdue."""
    began = operator.start()
    refused = await clients.judge.first(name, allowed=False, within=WITHIN, pause=0.02)
    return refused - began


async def measure_restarts(
    clients: Clients, operator: Operator, first: float
) -> Spread:
    """Restart a few times more; the first was taken after the floor."""
    seconds = [first]
    for number in range(1, RESTARTS):
        name = await stop_with_an_overdue_grant(clients, operator, number)
        seconds.append(await start_and_revoke(clients, operator, name))
    return spread(seconds)
