"""An event loop whose clock jumps: what waits an hour is done in a moment.

Only for code that waits for nothing but other tasks and the clock, as everything does
that runs on a ``FakeCluster``.
"""

import asyncio
import selectors
from typing import Any, Final

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


def run(story: Any) -> Any:
    """Run a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(story)
