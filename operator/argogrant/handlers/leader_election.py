"""Leader election of this process: wait for the Lease, and exit when it is lost.

The election runs in a thread with an event loop and a connection of its own, and not on
the main event loop, for two reasons:

- A burst of grants can keep the main loop busy for seconds. A renewal on that loop
  would be late, and the leader would lose the Lease to its own work.
- If the main loop hangs, this thread stops the renewals (``is_alive``) and ends the
  process at the renew deadline, before a standby may take over. A renewal on the main
  loop would notice the loss only when that loop runs again. Other tasks of the loop may
  run before it, and would write to the API server as a second leader.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from argogrant.handlers.settings import OperatorSettings
from argogrant.kube.client import Cluster
from argogrant.kube.leader_election import LeaderElector

LOST_LEASE: Final = 3
"""Exit status of a process that lost its Lease."""
POLL_SECONDS: Final = 0.1
SHUTDOWN_TIMEOUT: Final = 5.0

logger = logging.getLogger(__name__)


class LeaderElection:
    """The election thread of one process.

    Args:
        connect: Creates the thread's own connection to the API server.
        settings: Without ``lease_namespace`` this process always leads.
        clock: Current time in UTC.
        is_alive: Returns whether the main event loop runs; while it does not, the
            Lease is not renewed.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Cluster]],
        settings: OperatorSettings,
        *,
        clock: Callable[[], datetime],
        is_alive: Callable[[], bool],
    ) -> None:
        self._connect = connect
        self._settings = settings
        self._clock = clock
        self._is_alive = is_alive
        self._leads = asyncio.Event()
        self._released = threading.Event()
        self._thread: threading.Thread | None = None

    async def acquire(self) -> None:
        """Wait until this process leads; if it loses the Lease later, it exits."""
        if not self._settings.lease_namespace:
            return
        logger.info("Standby: waiting for the Lease.")
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=self._run, args=(loop,), name="lease", daemon=True
        )
        self._thread.start()
        await self._leads.wait()
        logger.info("Leader: acquired the Lease.")

    async def release(self) -> None:
        """Stop the election and release the Lease, so a standby can lead at once."""
        if self._thread is not None:
            self._released.set()
            await asyncio.to_thread(self._thread.join, SHUTDOWN_TIMEOUT)

    def _run(self, main: asyncio.AbstractEventLoop) -> None:
        try:
            asyncio.run(self._elect(main))
        except Exception:
            logger.exception("The leader election failed.")
            _exit()

    async def _elect(self, main: asyncio.AbstractEventLoop) -> None:
        """Acquire the Lease, notify the main loop, and renew until released."""
        cluster = await self._connect()
        elector = LeaderElector(
            cluster,
            self._settings.lease_namespace,
            identity=self._settings.identity,
            seconds=self._settings.lease_seconds,
            clock=self._clock,
        )
        try:
            if await self._unless_released(elector.acquire()):
                main.call_soon_threadsafe(self._leads.set)
                if await self._unless_released(elector.renew(self._is_alive)):
                    _exit()
                await elector.release()
        finally:
            await cluster.close()

    async def _unless_released(self, work: Awaitable[None]) -> bool:
        """Run until done or until ``release``; return whether the work was done."""
        task = asyncio.ensure_future(work)
        while not task.done() and not self._released.is_set():
            await asyncio.wait([task], timeout=POLL_SECONDS)
        if task.done():
            await task
            return True
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return False


def _exit() -> None:
    """End the process without cleanup: another replica may lead by now."""
    logger.critical(
        "The Lease was lost. The process exits: another replica leads or will."
    )
    logging.shutdown()
    os._exit(LOST_LEASE)
