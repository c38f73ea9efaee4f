"""Scheduler of one instance's loop: when the next reconciliation is due."""

import asyncio
from typing import Final

from argogrant.controller.apply import Clock
from argogrant.controller.decision_cache import DecisionCache

LONGEST_SLEEP: Final = 1.0
"""Seconds. Deadlines are wall-clock times: polling notices a stepped clock."""
LONGEST_DEBOUNCE: Final = 0.25
"""Seconds. A burst of changes shares one reconciliation."""


class Scheduler:
    """Waits of one instance's loop.

    Args:
        changed: Event that is set when an object of the instance changes.
        clock: Returns the time in UTC.
    """

    def __init__(self, changed: asyncio.Event, clock: Clock) -> None:
        self._changed = changed
        self._clock = clock

    async def wait_until_due(
        self, decisions: DecisionCache, write_delay: float | None
    ) -> None:
        """Wait for a change, a delayed write, or a time at which a decision changes.

        Args:
            decisions: The last decisions.
            write_delay: Seconds until a delayed write is due; None if there is none.
        """
        loop = asyncio.get_running_loop()
        write_due = None if write_delay is None else loop.time() + write_delay
        while True:
            seconds = min(LONGEST_SLEEP, self._until_recheck(decisions))
            if write_due is not None:
                seconds = min(seconds, write_due - loop.time())
            if seconds <= 0 or self._clock() < decisions.decided_at:
                return
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                continue
            return

    async def debounce(self, decisions: DecisionCache, took: float) -> None:
        """Pause in proportion to the last reconciliation, never past a recheck.

        Args:
            decisions: The last decisions.
            took: Duration of the last reconciliation in seconds.
        """
        pause = min(3 * took, LONGEST_DEBOUNCE, self._until_recheck(decisions))
        if pause > 0:
            await asyncio.sleep(pause)

    def _until_recheck(self, decisions: DecisionCache) -> float:
        """Return the seconds until a decision can change without any other change."""
        if decisions.recheck_at is None:
            return float("inf")
        return (decisions.recheck_at - self._clock()).total_seconds()
