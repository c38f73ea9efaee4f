"""Writes that take as long as an admission webhook, or whose answer never comes."""

import asyncio
from collections.abc import Callable

import pytest

from argogrant.controller.pending_writes import (
    PATIENCE,
    REPEAT_SECONDS,
    SLOW_SECONDS,
    PendingWrites,
)
from argogrant.grants.model.grant import Binding
from argogrant.kube.errors import Conflict, Forbidden, Unavailable

WEBHOOK = 7.0
"""Seconds of a slow write."""
FOR_EVER = 10_000.0


class Ends:
    """Counts attempts that have ended without anything that waits for them."""

    def __init__(self) -> None:
        self.count = self.begun = 0

    def __call__(self) -> None:
        self.count += 1

    def attempt(
        self, seconds: float, error: Exception | None = None
    ) -> Callable[[], asyncio.Task[None]]:
        async def write() -> None:
            self.begun += 1
            await asyncio.sleep(seconds)
            if error is not None:
                raise error

        return lambda: asyncio.create_task(write())


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture
def writes(ends: Ends) -> PendingWrites:
    return PendingWrites(ends)


async def test_fast_write_is_done_when_run_returns(writes, ends) -> None:
    assert await writes.run("a", ends.attempt(0.01))
    assert writes.is_empty
    assert ends.count == 0


async def test_failure_of_fast_write_is_raised(writes, ends) -> None:
    with pytest.raises(Forbidden):
        await writes.run("a", ends.attempt(0.01, Forbidden("no")))
    assert writes.is_empty


async def test_slow_write_goes_on_after_a_second_and_is_made_once(writes, ends) -> None:
    began = asyncio.get_running_loop().time()
    assert not await writes.run("a", ends.attempt(WEBHOOK / 2))
    assert asyncio.get_running_loop().time() - began == pytest.approx(PATIENCE)
    assert not await writes.run("a", ends.attempt(WEBHOOK / 2))
    await asyncio.sleep(WEBHOOK)

    assert (ends.begun, ends.count) == (1, 1)
    assert writes.is_empty


async def test_slow_write_of_one_object_delays_no_other(writes, ends) -> None:
    await writes.run("a", ends.attempt(FOR_EVER))
    assert await writes.run("b", ends.attempt(0.01))
    await writes.close()


async def test_write_without_an_answer_is_repeated_beside_it(writes, ends) -> None:
    await writes.run("a", ends.attempt(FOR_EVER))
    await asyncio.sleep(REPEAT_SECONDS)

    assert await writes.run("a", ends.attempt(0.01))
    await asyncio.sleep(0.1)
    assert writes.is_empty  # the first attempt was ended


async def test_later_failure_is_raised_at_the_next_run(writes, ends) -> None:
    await writes.run("a", ends.attempt(WEBHOOK / 2, Forbidden("no")))
    await asyncio.sleep(WEBHOOK)
    assert ends.count == 1
    with pytest.raises(Forbidden):
        await writes.run("a", ends.attempt(0.01))

    assert await writes.run("a", ends.attempt(0.01))


async def test_later_conflict_is_no_failure(writes, ends) -> None:
    """Another attempt was faster; the loop plans again in any case."""
    await writes.run("a", ends.attempt(WEBHOOK / 2, Conflict("409")))
    await asyncio.sleep(WEBHOOK)

    assert await writes.run("a", ends.attempt(0.01))


async def test_write_without_an_answer_for_long_is_reported(writes, ends) -> None:
    await writes.run("ConfigMap x", ends.attempt(FOR_EVER))
    assert writes.overdue is None
    await asyncio.sleep(SLOW_SECONDS)

    assert isinstance(writes.overdue, Unavailable)
    assert "ConfigMap x cannot be changed yet" in str(writes.overdue)
    await writes.close()
    assert writes.overdue is None


async def test_additions_of_a_slow_write_are_known_until_it_ends(writes, ends) -> None:
    binding = Binding("alice", "role:deployer")
    await writes.run("a", ends.attempt(WEBHOOK), frozenset({binding}))
    assert writes.additions == {binding}
    await writes.wait()
    assert writes.additions == frozenset()
