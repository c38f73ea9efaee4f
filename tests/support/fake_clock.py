"""Time that jumps: what waits an hour is done in a moment.

Only for code that waits for nothing but other tasks and the clock, as everything does
that runs on a ``FakeCluster``.
"""

import asyncio
import selectors
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from support.builders import NOON

START: Final = 1_000.0
"""Not zero: a loop's clock is some number, and code must not take it for false."""


class _Jumping(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Never waits: a timeout is time that has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("every task waits, and nothing will ever happen")
        self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop with a clock of its own, which jumps to whatever is due next."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """The seconds since some moment, as every loop tells them."""
        return self._jumping.now


@dataclass
class FakeClock:
    """A wall clock: noon when a virtual loop began, as fast as it, stepped by tests."""

    stepped: timedelta = timedelta()

    def __call__(self) -> datetime:
        """The time in UTC."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        # Any other loop counts from the start of the machine.
        passed = loop.time() - START if isinstance(loop, VirtualTimeLoop) else 0.0
        return NOON + timedelta(seconds=passed) + self.stepped

    def step(self, by: timedelta) -> None:
        """Set the clock, as an administrator or a time server does."""
        self.stepped += by

    def stamp(self) -> str:
        """The time as the API server writes it."""
        return self().strftime("%Y-%m-%dT%H:%M:%SZ")


def run(story: Any) -> Any:
    """Run a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(story)
