"""Exponential backoff with jitter between failed attempts.

One instance belongs to one loop::

    backoff = Backoff(first=0.2, longest=5.0)
    while True:
        try:
            await attempt()
            backoff.reset()
        except ClusterError:
            await backoff.wait()

Every delay is shortened by a random part, at most by half. Loops that failed at the
same moment, such as the watches of an API server that restarts, then do not retry at
the same moment.
"""

import asyncio
import random
from contextlib import suppress
from typing import Final

FIRST_BACKOFF: Final = 0.2
LONGEST_BACKOFF: Final = 5.0


class Backoff:
    """Delays of one retry loop: doubled after every failure up to a maximum.

    Args:
        first: Seconds after the first failure.
        longest: Upper limit of the delay in seconds.
    """

    def __init__(
        self, *, first: float = FIRST_BACKOFF, longest: float = LONGEST_BACKOFF
    ) -> None:
        self._first = first
        self._longest = longest
        self._delay = first
        self._retry = asyncio.Event()

    @property
    def has_failed(self) -> bool:
        """True if an attempt has failed since the last reset."""
        return self._delay > self._first

    def next_delay(self) -> float:
        """Return the seconds until the next attempt, and double them for later."""
        delay = self._delay * random.uniform(0.5, 1.0)  # noqa: S311
        self._delay = min(self._delay * 2, self._longest)
        return delay

    async def wait(self) -> None:
        """Sleep until the next attempt is due or ``retry_now`` is called."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.next_delay()):
                await self._retry.wait()
        self._retry.clear()

    def reset(self) -> None:
        """Begin with the first delay again, after an attempt that succeeded."""
        self._delay = self._first

    def retry_now(self) -> None:
        """End the wait in progress; if there is none, the next wait ends at once."""
        self._retry.set()
