"""Long work that is done in steps, between which everything else goes on."""

import asyncio
from typing import Final, Generic, TypeVar

from argogrant.grants.model.steps import Steps

STEP_SECONDS: Final = 0.02
"""Longest work between two turns of the event loop."""
T = TypeVar("T")


class Stepwise(Generic[T]):
    """Work of a generator, and the time that it took.

    Args:
        steps: Yields after each part of the work, and returns its result.
    """

    def __init__(self, steps: Steps[T]) -> None:
        self._steps = steps
        self.seconds = 0.0
        """Time of the work so far; pauses do not count."""
        self.result: T
        """The result, once ``advance`` has returned True."""

    def advance(self) -> bool:
        """Work for ``STEP_SECONDS``, or until all is done; return whether it is.

        A part that takes longer is not interrupted.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            while loop.time() - began < STEP_SECONDS:
                next(self._steps)
        except StopIteration as ended:
            self.result = ended.value
            return True
        finally:
            self.seconds += loop.time() - began
        return False

    async def share_time(self) -> bool:
        """Advance, and rest for as long; return whether all is done."""
        before = self.seconds
        if self.advance():
            return True
        await asyncio.sleep(self.seconds - before)
        return False


async def perform(steps: Steps[T]) -> T:
    """Do the work in half of the time, and return its result."""
    work = Stepwise(steps)
    while not await work.share_time():
        pass
    return work.result
