"""Event loop with virtual time: a sleep of an hour takes no time.

Only for code that waits for other tasks and timers alone, such as everything that runs
on a ``FakeCluster``.
"""

import asyncio
import selectors
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from support.builders import NOON

START: Final = 1_000.0
"""Not zero, since code must not treat a loop time as a truth value."""


class _Jumping(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """A selector that never waits: it adds a timeout to its clock and returns."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("deadlock: every task waits, and no timer is set")
        self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._jumping.now


@dataclass
class FakeClock:
    """A wall clock that shows noon when the virtual loop starts; tests can set it."""

    stepped: timedelta = timedelta()

    def __call__(self) -> datetime:
        """Return the time in UTC."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        # Any other loop has the time since the start of the machine.
        passed = loop.time() - START if isinstance(loop, VirtualTimeLoop) else 0.0
        return NOON + timedelta(seconds=passed) + self.stepped

    def step(self, by: timedelta) -> None:
        """Step the clock, as an administrator or a time server does."""
        self.stepped += by

    def stamp(self) -> str:
        """Return the time in the format of the API server."""
        return self().strftime("%Y-%m-%dT%H:%M:%SZ")


def run(story: Any) -> Any:
    """Run a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(story)
