"""Waiting to lead, and ending the process at once when the lease is lost."""

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import datetime

from argogrant.handlers.settings import Settings
from argogrant.kube.cluster import Cluster
from argogrant.kube.lease import Lease

LOST_LEASE = 3
"""The exit status of a process that lost its lease."""

logger = logging.getLogger(__name__)


class Leadership:
    """This process among its replicas.

    Args:
        cluster: Where the Lease is.
        settings: Without a namespace for the Lease, this process always leads.
        clock: Tells the time in UTC.
    """

    def __init__(
        self, cluster: Cluster, settings: Settings, clock: Callable[[], datetime]
    ) -> None:
        self._lease = None
        self._keeping: asyncio.Task[None] | None = None
        if settings.lease_namespace:
            self._lease = Lease(
                cluster,
                settings.lease_namespace,
                identity=settings.identity,
                seconds=settings.lease_seconds,
                clock=clock,
            )

    async def win(self) -> None:
        """Wait until this process leads; from then on losing the lease ends it."""
        if self._lease is None:
            return
        logger.info("Standing by for the lease.")
        await self._lease.acquire()
        logger.info("Leading.")
        self._keeping = asyncio.create_task(self._keep(self._lease))

    async def resign(self) -> None:
        """Stop leading, and let the next one lead at once."""
        if self._lease is not None and self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
            await self._lease.release()

    async def _keep(self, lease: Lease) -> None:
        await lease.keep()
        # Another process may lead by now. Nothing is tidied up: that would take time.
        logger.critical("The lease was lost; this process ends so as not to be second.")
        logging.shutdown()
        os._exit(LOST_LEASE)
