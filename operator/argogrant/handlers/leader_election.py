"""Waiting to lead, and ending the process at once when the lease is lost.

The lease is renewed from a thread with a loop and a connection of its own: the main
loop can be busy for seconds with a burst of grants, and would lose the lease over it.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, Protocol

from argogrant.handlers.settings import OperatorSettings
from argogrant.kube.client import Cluster
from argogrant.kube.leader_election import LeaderElector

LOST_LEASE: Final = 3
"""The exit status of a process that lost its lease."""
POLL_SECONDS: Final = 0.1
SHUTDOWN_TIMEOUT: Final = 5.0

logger = logging.getLogger(__name__)


class ClosableConnection(Cluster, Protocol):
    """A connection to the API server that can be closed."""

    async def close(self) -> None:
        """Close it."""
        ...


class LeaderElection:
    """This process among its replicas.

    Args:
        connect: Gives the thread its own connection to where the Lease is.
        settings: Without a namespace for the Lease, this process always leads.
        clock: Tells the time in UTC.
        is_alive: Tells whether the main loop runs; a lease is not renewed for one that
            hangs.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[ClosableConnection]],
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
        self._resigned = threading.Event()
        self._thread: threading.Thread | None = None

    async def acquire(self) -> None:
        """Wait until this process leads; from then on losing the lease ends it."""
        if not self._settings.lease_namespace:
            return
        logger.info("Standing by for the lease.")
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=self._run, args=(loop,), name="lease", daemon=True
        )
        self._thread.start()
        await self._leads.wait()
        logger.info("Leading.")

    async def release(self) -> None:
        """Stop leading, and let the next one lead at once."""
        if self._thread is not None:
            self._resigned.set()
            await asyncio.to_thread(self._thread.join, SHUTDOWN_TIMEOUT)

    def _run(self, main: asyncio.AbstractEventLoop) -> None:
        try:
            asyncio.run(self._hold(main))
        except Exception:
            logger.exception("The lease can not be kept.")
            _end()

    async def _hold(self, main: asyncio.AbstractEventLoop) -> None:
        """Take the lease, tell the main loop, and renew until resigned."""
        cluster = await self._connect()
        lease = LeaderElector(
            cluster,
            self._settings.lease_namespace,
            identity=self._settings.identity,
            seconds=self._settings.lease_seconds,
            clock=self._clock,
        )
        try:
            if await self._unless_released(lease.acquire()):
                main.call_soon_threadsafe(self._leads.set)
                if await self._unless_released(lease.renew(self._is_alive)):
                    _end()
                await lease.release()
        finally:
            await cluster.close()

    async def _unless_released(self, doing: Awaitable[None]) -> bool:
        """Do something; tell whether it was done before this process resigned."""
        task = asyncio.ensure_future(doing)
        while not task.done() and not self._resigned.is_set():
            await asyncio.wait([task], timeout=POLL_SECONDS)
        if task.done():
            await task
            return True
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return False


def _end() -> None:
    """End the process; another may lead by now, and tidying up would take time."""
    logger.critical("The lease was lost; this process ends so as not to be second.")
    logging.shutdown()
    os._exit(LOST_LEASE)
