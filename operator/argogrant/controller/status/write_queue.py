"""Queue of the objects that have something to be written, in lanes by urgency.

An object that cannot be written costs the others nothing. Every urgency has workers of
its own, and no worker waits for a retry. In a burst of new grants, the API server has
time for one kind of write only, so most workers of statuses pause (``YIELDING``).

A write that takes long is broken off: it goes on in the slow lane, which has workers of
its own too. There each attempt may take longer than the one before
(``SLOW_PATIENCE``), at last as long as admission webhooks::

    put ──> lane of its urgency ──┬── written ──> forgotten
                ▲                 ├── failed ──> backoff of this object ──┐
                └─────────────────┼───────────────────────────────────────┤
                                  └── took too long ──> backoff ──> slow lane
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from argogrant.kube.errors import Backoff

PATIENCE: Final = 1.0
"""Seconds that a write may take, except in the slow lane; milliseconds are usual."""
SLOW_PATIENCE: Final = (5.0, 10.0, 40.0)
"""Seconds that the attempts in the slow lane may take. The last number is longer than
the time limit of the client's writes."""
LONGEST_RETRY: Final = 30.0
LONGEST_URGENT_RETRY: Final = 5.0
SLOW_WORKERS: Final = 12


class Urgency(IntEnum):
    """Urgency of a write, from the highest."""

    RELEASE = 0
    """The deletion of an object waits for the removal of its finalizer."""
    FINALIZER = 1
    """A binding waits for the finalizer."""
    STATUS = 2
    """Nothing waits."""


WORKERS: Final = {Urgency.RELEASE: 4, Urgency.FINALIZER: 32, Urgency.STATUS: 6}
"""Bindings wait for finalizers. While thousands of grants are reconciled, the answers
to all of these arrive; with fewer workers, the next writes would begin later."""
YIELDING: Final = 5
"""Workers of ``WORKERS[Urgency.STATUS]`` that pause while a finalizer waits for a
worker. The others go on, so no flood of new grants stops the statuses."""


@dataclass(slots=True)
class _Entry:
    """An object that is queued, is written, or waits for its next attempt."""

    urgency: Urgency
    turn: int = 0
    """Number of its place in a lane; an earlier place of it is void."""
    again: Urgency | None = None
    """Urgency of what was put while the object was written."""
    is_writing: bool = False
    is_slow: bool = False
    slow_attempts: int = 0
    """Attempts in the slow lane that were broken off."""
    backoff: Backoff | None = None
    timer: asyncio.TimerHandle | None = None


class WriteQueue:
    """Objects with something to be written, each of them by one worker at a time.

    Args:
        write: Writes what there is to be written for the object of this path, and
            returns whether that is done; if not, it is called again later.
    """

    def __init__(self, write: Callable[[str], Awaitable[bool]]) -> None:
        self._write = write
        self._entries: dict[str, _Entry] = {}
        self._turns = itertools.count(1)
        self._lanes: dict[Urgency | None, asyncio.PriorityQueue[_Turn]] = {
            lane: asyncio.PriorityQueue() for lane in (*Urgency, None)
        }
        """By urgency; the slow lane is that of None."""
        self._no_finalizer_waits = asyncio.Event()
        self._no_finalizer_waits.set()
        """Set while no finalizer waits for a worker."""
        self._usual_attempts = 0
        """``slow_attempts`` of the object that was written last."""

    def __len__(self) -> int:
        """Return the number of objects with something to be written."""
        return len(self._entries)

    def put(self, path: str, urgency: Urgency) -> None:
        """Have an object written as soon as possible.

        One that waits for its next attempt goes on waiting, unless the new change is
        more urgent than the one that failed.
        """
        entry = self._entries.get(path)
        if entry is None:
            entry = self._entries[path] = _Entry(urgency)
            self._enqueue(path, entry)
        elif entry.is_writing:
            entry.again = urgency if entry.again is None else min(urgency, entry.again)
        elif urgency < entry.urgency:
            entry.urgency, entry.is_slow, entry.backoff = urgency, False, None
            self._enqueue(path, entry)

    async def run(self) -> None:
        """Write until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for urgency, count in WORKERS.items():
                for number in range(count):
                    yields = urgency is Urgency.STATUS and number < YIELDING
                    tasks.create_task(self._work(urgency, yields=yields))
            for _ in range(SLOW_WORKERS):
                tasks.create_task(self._work(None))

    def _enqueue(self, path: str, entry: _Entry) -> None:
        if entry.timer is not None:
            entry.timer.cancel()
            entry.timer = None
        entry.turn = next(self._turns)
        lane = None if entry.is_slow else entry.urgency
        self._lanes[lane].put_nowait((entry.urgency, entry.turn, path))
        if lane is Urgency.FINALIZER:
            self._no_finalizer_waits.clear()

    async def _work(self, lane: Urgency | None, *, yields: bool = False) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if yields:
                await self._no_finalizer_waits.wait()
            _, turn, path = await self._lanes[lane].get()
            if self._lanes[Urgency.FINALIZER].empty():
                self._no_finalizer_waits.set()
            entry = self._entries.get(path)
            if entry is None or entry.turn != turn:
                continue
            entry.turn, entry.is_writing, began = 0, True, loop.time()
            is_done = False
            try:
                async with asyncio.timeout(self._patience(lane, entry)):
                    is_done = await self._write(path)
            except TimeoutError:
                entry.slow_attempts += lane is None
            if is_done:
                self._usual_attempts = entry.slow_attempts
            entry.is_writing = False
            entry.is_slow = not is_done and loop.time() - began >= PATIENCE
            self._settle(path, entry, is_done=is_done)

    def _patience(self, lane: Urgency | None, entry: _Entry) -> float:
        if lane is not None:
            return PATIENCE
        # If an admission webhook is slow, it is so for every object.
        entry.slow_attempts = max(entry.slow_attempts, self._usual_attempts)
        return SLOW_PATIENCE[min(entry.slow_attempts, len(SLOW_PATIENCE) - 1)]

    def _settle(self, path: str, entry: _Entry, *, is_done: bool) -> None:
        """Forget an object that is written, or schedule its next attempt."""
        again, entry.again = entry.again, None
        if is_done:
            del self._entries[path]
            if again is not None:
                self.put(path, again)
        elif again is not None and again < entry.urgency:
            self.put(path, again)
        else:
            is_urgent = entry.urgency is not Urgency.STATUS
            longest = LONGEST_URGENT_RETRY if is_urgent else LONGEST_RETRY
            entry.backoff = entry.backoff or Backoff(longest=longest)
            delay = entry.backoff.next_delay()
            loop = asyncio.get_running_loop()
            entry.timer = loop.call_later(delay, self._enqueue, path, entry)


_Turn = tuple[Urgency, int, str]
"""Place of an object in a lane: the most urgent first, then the one that waits longest.
"""
