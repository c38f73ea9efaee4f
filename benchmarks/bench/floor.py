"""The floor: the bare cost of one patch until argocd-server answers "no".

The operator does not run. The text is what it had written for the live grants, plus
one line, which is added and taken away again; only taking away is measured.
"""

import asyncio
import time
from dataclasses import dataclass

from argogrant.argocd.policy_csv import OVERLAY_KEY
from bench.clients import CONFIG_MAP, Clients
from bench.counting import overlay_of
from bench.percentiles import Spread, spread
from bench.revoke_lag import ASK_EVERY

PROBE = "floor-probe"
REPEATS = 100
WITHIN = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What anybody has to pay who changes this ConfigMap."""

    lag: Spread
    overlay_bytes: int
    overlay_lines: int


async def measure_floor(clients: Clients) -> Floor:
    """Patch the ConfigMap again and again, and wait each time for Argo CD's answer."""
    text = overlay_of(await clients.api.get(CONFIG_MAP))
    with_probe = f"{text}g, {PROBE}, role:deployer\n"
    lags = []
    for _ in range(REPEATS):
        await _write(clients, with_probe)
        await clients.judge.first(PROBE, allowed=True, within=WITHIN)
        asking = asyncio.create_task(
            clients.judge.first(PROBE, allowed=False, within=WITHIN, pause=ASK_EVERY)
        )
        await asyncio.sleep(0.1)  # the questions are under way, as at a real end
        began = time.time()
        await _write(clients, text)
        lags.append(await asking - began)
    lines = sum(line.startswith("g, ") for line in text.splitlines())
    return Floor(
        lag=spread(lags), overlay_bytes=len(text.encode()), overlay_lines=lines
    )


async def _write(clients: Clients, text: str) -> None:
    await clients.api.patch(CONFIG_MAP, {"data": {OVERLAY_KEY: text}})
