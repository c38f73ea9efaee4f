"""What is left of grants that came and went: nothing that grows with their number."""

import asyncio
import gc
import sys

import pytest

from argogrant.argocd import policy_line as lines
from support.in_memory_operator import GRANTS, SETTLED, Room, a_room

BATCH = 50
WARM_UP = 2
MEASURED = 3
TOMBSTONES = 61.0
"""Seconds after which a sweep forgets that there were deletions."""
LEAST_OBJECT = 0.5
"""Blocks a grant; a single entry that stays behind is one block or more."""


async def test_nothing_grows_with_the_grants_that_came_and_went(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(lines, "LINES_SPARED", 0)  # the batches are small
    async with a_room() as room:
        for number in range(WARM_UP):
            await come_and_go(room, number)
        before = live_blocks()
        for number in range(WARM_UP, WARM_UP + MEASURED):
            await come_and_go(room, number)
        grown = live_blocks() - before

        assert grown / (BATCH * MEASURED) < LEAST_OBJECT


async def come_and_go(room: Room, number: int) -> None:
    """Create grants, each for a subject of its own; they come into force and end."""
    names = [f"grant-{number * BATCH + one:05}" for one in range(BATCH)]
    for name in names:
        room.grant(name, name, duration="30s")
    await asyncio.sleep(SETTLED)
    assert room.bound == set(names)
    await asyncio.sleep(30)
    assert room.bound == set()
    for name in names:
        room.delete(name)
    await asyncio.sleep(TOMBSTONES)
    assert not any(path.startswith(GRANTS) for path in room.cluster._objects)
    await room.namespace.resync("default")
    lines.trim_line_caches(room.namespace.grant_count())
    room.cluster.compact()
    room.cluster.calls.clear()
    room.told.clear()


def live_blocks() -> int:
    """Count what Python holds, garbage apart."""
    gc.collect()
    return sys.getallocatedblocks()
