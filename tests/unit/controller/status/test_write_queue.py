"""Lanes of the writer: objects that cannot be written do not delay the others."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from argogrant.controller.status.write_queue import (
    LONGEST_RETRY,
    LONGEST_URGENT_RETRY,
    PATIENCE,
    SLOW_WORKERS,
    WORKERS,
    YIELDING,
    Urgency,
    WriteQueue,
)
from support.in_memory_operator import until

USUAL = 0.01
"""Seconds of a write."""
HANGING = 5.0
"""Seconds until a request that hangs is given up."""


class Writes:
    """A queue whose writes succeed, fail or hang, by the first letter of the path."""

    def __init__(self) -> None:
        self.queue = WriteQueue(self.write)
        self.attempts: Counter[str] = Counter()
        self.written: dict[str, float] = {}
        self.hanging = self.most_hanging = 0
        self.hang = self.fail = True
        self.usual = USUAL

    async def write(self, path: str) -> bool:
        self.attempts[path] += 1
        if path.startswith("hang") and self.hang:
            self.hanging += 1
            self.most_hanging = max(self.hanging, self.most_hanging)
            try:
                await asyncio.sleep(HANGING)
            finally:
                self.hanging -= 1
            return False
        await asyncio.sleep(self.usual)
        if path.startswith("fail") and self.fail:
            return False
        self.written[path] = asyncio.get_running_loop().time()
        return True

    async def seconds_until_written(self, path: str, within: float) -> float:
        began = asyncio.get_running_loop().time()
        await until(lambda: path in self.written, within=within)
        return self.written[path] - began


@asynccontextmanager
async def running() -> AsyncIterator[Writes]:
    writes = Writes()
    task = asyncio.create_task(writes.queue.run())
    try:
        yield writes
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("count", [64, 1_000])
@pytest.mark.parametrize("kind", ["fail", "hang"])
@pytest.mark.parametrize("urgency", [Urgency.RELEASE, Urgency.FINALIZER])
async def test_urgent_write_is_not_delayed_by_statuses_that_cannot_be_written(
    count, kind, urgency
) -> None:
    """The one that somebody waits for: kubectl delete, or a new binding."""
    async with running() as writes:
        for number in range(count):
            writes.queue.put(f"{kind}{number}", Urgency.STATUS)
        await asyncio.sleep(0.5)
        writes.queue.put("innocent", urgency)

        assert await writes.seconds_until_written("innocent", within=60) <= 2 * USUAL


@pytest.mark.parametrize("count", [64, 1_000])
async def test_status_is_not_delayed_by_objects_whose_writes_fail(count) -> None:
    async with running() as writes:
        for number in range(count):
            writes.queue.put(f"fail{number}", Urgency.STATUS)
        await asyncio.sleep(60)
        writes.queue.put("innocent", Urgency.STATUS)

        assert await writes.seconds_until_written("innocent", within=60) <= 1.0
        assert len(writes.queue) == count


async def test_status_is_not_delayed_by_objects_whose_writes_have_hung() -> None:
    """They wait for each other in the slow lane, and occupy no other worker."""
    async with running() as writes:
        for number in range(64):
            writes.queue.put(f"hang{number}", Urgency.STATUS)
        await asyncio.sleep(60)
        writes.queue.put("innocent", Urgency.STATUS)

        assert await writes.seconds_until_written("innocent", within=60) <= 2 * USUAL
        assert writes.hanging <= SLOW_WORKERS


async def test_release_is_not_delayed_by_releases_that_hang() -> None:
    async with running() as writes:
        for number in range(64):
            writes.queue.put(f"hang{number}", Urgency.RELEASE)
        await asyncio.sleep(60)
        writes.queue.put("innocent", Urgency.RELEASE)

        assert await writes.seconds_until_written("innocent", within=60) <= 2 * USUAL


@pytest.mark.parametrize("seconds", [7.0, 30.0])
async def test_slow_write_is_done_as_soon_as_it_may_take_long_enough(seconds) -> None:
    """Later ones are not broken off in the slow lane: they will take as long."""
    async with running() as writes:
        writes.usual = seconds
        writes.queue.put("one", Urgency.RELEASE)
        await writes.seconds_until_written("one", within=50)
        writes.queue.put("two", Urgency.RELEASE)

        assert await writes.seconds_until_written("two", within=50) < seconds + 3


async def test_failed_object_is_written_once_it_can_be() -> None:
    async with running() as writes:
        for path, urgency in (("fail", Urgency.STATUS), ("hang", Urgency.RELEASE)):
            writes.queue.put(path, urgency)
        await asyncio.sleep(600)
        writes.fail = writes.hang = False

        assert await writes.seconds_until_written("fail", LONGEST_RETRY + 1)
        await writes.seconds_until_written("hang", LONGEST_URGENT_RETRY + HANGING)
        assert len(writes.queue) == 0


async def test_attempts_of_an_object_become_rare() -> None:
    async with running() as writes:
        writes.queue.put("fail", Urgency.STATUS)
        await asyncio.sleep(3_600)

        assert writes.attempts["fail"] <= 2 * 3_600 / LONGEST_RETRY + 10


async def test_deletion_does_not_wait_for_the_retry_of_a_status() -> None:
    async with running() as writes:
        writes.queue.put("fail", Urgency.STATUS)
        await asyncio.sleep(600)
        writes.fail = False
        writes.queue.put("fail", Urgency.RELEASE)

        assert await writes.seconds_until_written("fail", within=60) <= 2 * USUAL


async def test_new_status_waits_for_the_retry_of_the_last_one() -> None:
    """Otherwise an object that changes often would never back off."""
    async with running() as writes:
        writes.queue.put("fail", Urgency.STATUS)
        await asyncio.sleep(600)
        before = writes.attempts["fail"]
        for _ in range(100):
            writes.queue.put("fail", Urgency.STATUS)
            await asyncio.sleep(USUAL)

        assert writes.attempts["fail"] <= before + 1


@pytest.mark.parametrize("urgency", list(Urgency))
async def test_what_is_put_during_a_write_is_written_after_it(urgency) -> None:
    async with running() as writes:
        writes.queue.put("one", Urgency.STATUS)
        await asyncio.sleep(USUAL / 2)
        writes.queue.put("one", urgency)
        await asyncio.sleep(10 * USUAL)

        assert writes.attempts["one"] == 2


async def test_urgent_change_during_a_failing_write_is_written_at_once() -> None:
    async with running() as writes:
        writes.queue.put("fail", Urgency.STATUS)
        await asyncio.sleep(USUAL / 2)
        writes.queue.put("fail", Urgency.RELEASE)
        writes.fail = True
        await asyncio.sleep(2 * USUAL)

        assert writes.attempts["fail"] == 2


async def test_object_is_written_by_one_worker_at_a_time() -> None:
    """Two patches of one object would conflict."""
    async with running() as writes:
        for urgency in (Urgency.STATUS, Urgency.FINALIZER, Urgency.RELEASE):
            writes.queue.put("hang", urgency)
        await asyncio.sleep(PATIENCE / 2)

        assert writes.most_hanging == 1


async def test_nothing_is_kept_of_written_objects() -> None:
    async with running() as writes:
        for number in range(10_000):
            writes.queue.put(f"one{number}", Urgency.STATUS)
        await asyncio.sleep(60)

        assert len(writes.written) == 10_000
        assert len(writes.queue) == 0


async def test_statuses_give_way_while_finalizers_wait() -> None:
    """In a burst, bindings wait for the finalizers, and nothing for the statuses."""
    async with running() as writes:
        turns = 10
        for number in range(turns * WORKERS[Urgency.FINALIZER]):
            writes.queue.put(f"finalizer{number}", Urgency.FINALIZER)
        for number in range(turns * WORKERS[Urgency.STATUS]):
            writes.queue.put(f"status{number}", Urgency.STATUS)
        await asyncio.sleep((turns - 2) * USUAL)
        kinds = Counter(path.rstrip("0123456789") for path in writes.written)

        going_on = WORKERS[Urgency.STATUS] - YIELDING
        assert kinds["status"] <= going_on * turns + YIELDING


async def test_endless_flood_of_new_grants_does_not_stop_the_statuses() -> None:
    async with running() as writes:

        async def flood() -> None:
            number = 0
            while True:
                for _ in range(2 * WORKERS[Urgency.FINALIZER]):
                    number += 1
                    writes.queue.put(f"finalizer{number}", Urgency.FINALIZER)
                await asyncio.sleep(USUAL)

        flooding = asyncio.create_task(flood())
        await asyncio.sleep(1)
        for number in range(20):
            writes.queue.put(f"status{number}", Urgency.STATUS)
        took = await writes.seconds_until_written("status19", within=60)
        flooding.cancel()

        assert took <= 25 * USUAL
