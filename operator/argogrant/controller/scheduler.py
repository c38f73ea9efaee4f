"""When the next convergence is due: a change, or an instant that has come."""

import asyncio
from typing import Final

from argogrant.controller.apply import Clock
from argogrant.controller.decision_cache import DecisionCache

LONGEST_SLEEP: Final = 1.0
"""Seconds; deadlines are wall-clock, so that a stepped clock is noticed."""
LONGEST_DEBOUNCE: Final = 0.25
"""Seconds; a burst of changes shares a convergence instead of having one for each."""


class Scheduler:
    """Wakes one instance's loop.

    Args:
        signal: Set when something about the instance changed.
        clock: Tells the time in UTC.
    """

    def __init__(self, signal: asyncio.Event, clock: Clock) -> None:
        self._signal = signal
        self._clock = clock

    async def wait_until_due(
        self, decisions: DecisionCache, wait: float | None
    ) -> None:
        """Sleep until a change, a put-off write, or the next instant of a decision.

        Args:
            decisions: What was decided last.
            wait: Seconds after which a write that was put off is due; None for none.
        """
        loop = asyncio.get_running_loop()
        due = None if wait is None else loop.time() + wait
        while True:
            seconds = LONGEST_SLEEP
            if decisions.recheck_at is not None:
                left = (decisions.recheck_at - self._clock()).total_seconds()
                seconds = min(seconds, left)
            if due is not None:
                seconds = min(seconds, due - loop.time())
            if seconds <= 0 or self._clock() < decisions.decided_at:
                return
            try:
                async with asyncio.timeout(seconds):
                    await self._signal.wait()
            except TimeoutError:
                continue
            return

    async def debounce(self, decisions: DecisionCache, took: float) -> None:
        """Rest longer than the last convergence took, but never past an end.

        Args:
            decisions: What was decided last.
            took: Seconds.
        """
        rest = min(3 * took, LONGEST_DEBOUNCE)
        if decisions.recheck_at is not None:
            left = (decisions.recheck_at - self._clock()).total_seconds()
            rest = min(rest, left)
        if rest > 0:
            await asyncio.sleep(rest)
