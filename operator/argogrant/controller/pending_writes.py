"""Writes to the objects of one Argo CD that may take as long as admission webhooks do.

The API server waits up to 30 seconds for an admission webhook, and discards a write
whose client does not wait. A proxy, on the other hand, can keep a request for ever. So
a write has time, and is not the only attempt::

    0 s     first attempt; after a second the reconcile loop goes on without it
    5 s     another attempt, as planned by then; the first one continues
    10 s    another one, and the ArgoCDInstance reports the slow API server
    ...
    36 s    an attempt without an answer has failed (``WRITE_TIMEOUT``)

Every attempt names the resourceVersion that it was planned on, so the API server
carries out one of them at most. The first success ends the others. A slow write of one
object delays no write of another one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from argogrant.grants.model.grant import Binding
from argogrant.kube.errors import Conflict, Unavailable

PATIENCE: Final = 1.0
"""Seconds that the reconcile loop waits for a new attempt; milliseconds are usual."""
REPEAT_SECONDS: Final = 5.0
"""Seconds after which another attempt is made."""
SLOW_SECONDS: Final = 10.0
"""Seconds after which a write without an answer is reported."""

Write = Callable[[], Awaitable[None]]


@dataclass(eq=False, slots=True, kw_only=True)
class _Attempt:
    """An attempt that has no answer yet."""

    task: "asyncio.Task[None]"
    began: float
    adds: frozenset[Binding]
    is_awaited: bool = True
    """True while the reconcile loop waits for it."""


class PendingWrites:
    """Attempts to write the objects of one Argo CD.

    Args:
        on_end: Called when an attempt ends that nothing waits for any more.
    """

    def __init__(self, on_end: Callable[[], object]) -> None:
        self._on_end = on_end
        self._attempts: dict[str, list[_Attempt]] = {}
        """By the name of the object, in the order of their begin."""
        self._failures: dict[str, BaseException] = {}
        """Failures of attempts that nothing waited for."""

    @property
    def is_empty(self) -> bool:
        """True if every write has an answer."""
        return not self._attempts

    @property
    def additions(self) -> frozenset[Binding]:
        """Bindings that may be added by the writes that have no answer yet."""
        return frozenset[Binding]().union(*(one.adds for one in self._all()))

    @property
    def overdue(self) -> Unavailable | None:
        """The failure to report about a write that has had no answer for long."""
        now = asyncio.get_running_loop().time()
        for name, attempts in sorted(self._attempts.items()):
            if now - attempts[0].began >= SLOW_SECONDS:
                return Unavailable(
                    f"{name} cannot be changed yet: the API server has not answered for"
                    f" {SLOW_SECONDS:.0f} seconds, and the operator continues to wait."
                    " Look for a slow admission webhook"
                )
        return None

    async def run(
        self, name: str, write: Write, adds: frozenset[Binding] = frozenset()
    ) -> bool:
        """Write an object, unless an attempt of the last seconds has no answer yet.

        Args:
            name: The object.
            write: Writes it.
            adds: Bindings that this adds.

        Returns:
            True if it is written; False if there is no answer yet.

        Raises:
            ClusterError: The attempt failed, or an earlier one that nothing waited for.
        """
        failure = self._failures.pop(name, None)
        if failure is not None:
            raise failure
        attempts, now = self._attempts.get(name), asyncio.get_running_loop().time()
        if attempts and now - attempts[-1].began < REPEAT_SECONDS:
            return False
        task = asyncio.ensure_future(write())
        attempt = _Attempt(task=task, began=now, adds=adds)
        self._attempts.setdefault(name, []).append(attempt)
        task.add_done_callback(partial(self._ended, name, attempt))
        try:
            await asyncio.wait({task}, timeout=PATIENCE)
        finally:
            attempt.is_awaited = False
        if not task.done():
            return False
        if not task.cancelled():  # An earlier attempt has succeeded otherwise.
            task.result()
        return True

    async def wait(self) -> None:
        """Wait until every attempt has ended."""
        while tasks := {one.task for one in self._all()}:
            await asyncio.wait(tasks)
            await asyncio.sleep(0)

    async def close(self) -> None:
        """End all attempts; the API server may still carry them out."""
        tasks = [one.task for one in self._all()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._failures.clear()

    def _all(self) -> Iterator[_Attempt]:
        return (one for attempts in self._attempts.values() for one in attempts)

    def _ended(self, name: str, attempt: _Attempt, task: "asyncio.Task[None]") -> None:
        attempts = self._attempts[name]
        attempts.remove(attempt)
        if not attempts:
            del self._attempts[name]
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._failures.pop(name, None)
            for one in attempts:
                one.task.cancel()
        if attempt.is_awaited:
            return
        if error is not None and not isinstance(error, Conflict):
            self._failures[name] = error
        self._on_end()
