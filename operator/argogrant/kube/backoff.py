"""A pause that ends early when there is a reason to."""

import asyncio
from contextlib import suppress


class Backoff:
    """What is between two attempts."""

    def __init__(self) -> None:
        self._ended = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Pause for some seconds, or until there is, or was, a reason not to."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        self._ended.clear()

    def reset(self) -> None:
        """End the pause that lasts, or skip the one that comes next."""
        self._ended.set()
