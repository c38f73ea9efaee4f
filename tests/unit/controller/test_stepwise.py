"""Long work in steps: it never takes more than half of the time."""

import asyncio

from argogrant.controller.stepwise import STEP_SECONDS, Stepwise, perform
from argogrant.grants.model.steps import Steps
from support.fake_clock import VirtualTimeLoop

SLOW = 1.0


def slow_steps(count: int) -> Steps[str]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    for _ in range(count):
        loop._jumping.now += SLOW
        yield 1
    return "done"


async def test_step_ends_after_its_time_and_counts_no_pause() -> None:
    work = Stepwise(slow_steps(2))

    assert not work.advance()
    await asyncio.sleep(100)
    assert not work.advance()
    assert work.advance()
    assert work.result == "done"
    assert work.seconds == 2 * SLOW


async def test_short_work_is_done_in_one_step() -> None:
    def steps() -> Steps[int]:
        for _ in range(1000):
            yield 1
        return 7

    work = Stepwise(steps())

    assert work.advance()
    assert (work.result, work.seconds < STEP_SECONDS) == (7, True)


async def test_others_have_as_much_time_as_the_work() -> None:
    began = asyncio.get_running_loop().time()

    assert await perform(slow_steps(10)) == "done"
    assert asyncio.get_running_loop().time() - began >= 2 * 10 * SLOW
