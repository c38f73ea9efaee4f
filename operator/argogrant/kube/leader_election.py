"""Leader election among the replicas of the operator, by a Lease.

The algorithm is that of client-go. Every replica reads the Lease once per retry period
and then tries to write it::

    RETRY_PERIOD       1/15 of the lease duration between two attempts
    RENEW_DEADLINE     10/15: a leader that could not renew for so long stops
    lease duration     a standby takes the Lease if it did not change for so long

A standby measures how long the Lease did not change with its own monotonic clock, so
the clocks of the replicas need not agree. A leader stops before the first standby may
take over, since it counts from an earlier instant and stops after a shorter time.

Unlike client-go, a standby waits for its own lease duration and not for the one that is
written in the Lease: a user who may change the Lease could write that of a century, and
no replica would lead. All replicas are therefore started with the same duration. Of the
Lease only the holder and the version count; anything else in it may be wrong.

The retry period of client-go is twice as long. It also bounds how late a standby
observes the last renewal of a leader that was killed, and expired grants wait for the
next leader.

The election of the Python client library is not used: it ends at the first broken
connection, writes local time as UTC and never releases the Lease.

Source: kubernetes/client-go, ``tools/leaderelection/leaderelection.go``, whose defaults
are 15, 10 and 2 seconds.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import ClusterError, Conflict, NotFound
from argogrant.kube.resources import LEASES

LEASE_NAME: Final = "argogrant"
RENEW_DEADLINE: Final = 10 / 15
RETRY_PERIOD: Final = 1 / 15
LONGEST_RETRY_PERIOD: Final = 2.0
"""Seconds; a standby notices within this time that a leader has released the Lease."""
MOST_TRANSITIONS: Final = 2**31 - 1
"""Largest ``leaseTransitions``; the API server accepts no larger int32."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """A Lease as last observed."""

    holder: str
    transitions: int
    resource_version: str
    expires_at: float
    """Monotonic time: our lease duration after this version was first observed."""


class LeaderElector:
    """Election of one replica in one namespace.

    Args:
        cluster: API server with the Lease.
        namespace: Namespace of the Lease ``argogrant``.
        identity: Name of this replica. A pod that restarts under the same name takes
            its own Lease again at once.
        seconds: Lease duration.
        clock: Current time in UTC, for the times that people read in the Lease.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        *,
        identity: str,
        seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._cluster = cluster
        self._identity = identity
        self._seconds = seconds
        self._retry_period = min(seconds * RETRY_PERIOD, LONGEST_RETRY_PERIOD)
        self._renew_deadline = seconds * RENEW_DEADLINE
        self._clock = clock
        self._collection_path = LEASES.path(namespace)
        self._path = LEASES.path(namespace, LEASE_NAME)
        self._observed: LeaseRecord | None = None

    async def acquire(self) -> None:
        """Wait until this replica holds the Lease."""
        while True:
            try:
                wait = await self._try_acquire_or_renew()
            except ClusterError as error:
                if not isinstance(error, Conflict):
                    logger.warning("The Lease cannot be acquired: %s", error)
                wait = self._retry_period
            if wait is None:
                return
            await asyncio.sleep(min(wait, self._retry_period))

    async def renew(self, is_alive: Callable[[], bool] = lambda: True) -> None:
        """Renew the Lease until another replica holds it or the deadline has passed.

        Args:
            is_alive: Called before every renewal; while it returns False the Lease is
                not renewed.
        """
        deadline = time.monotonic() + self._renew_deadline
        while (remaining := deadline - time.monotonic()) > 0:
            await asyncio.sleep(min(self._retry_period, remaining))
            attempted_at = time.monotonic()
            if attempted_at >= deadline:
                # The process was suspended. Another replica may lead by now.
                return
            if not is_alive():
                continue
            timeout = min(deadline - attempted_at, self._renew_deadline / 2)
            try:
                async with asyncio.timeout(timeout):
                    wait = await self._try_acquire_or_renew()
            except (ClusterError, TimeoutError) as error:
                # A Conflict is not the end either: any client may change the metadata
                # of the Lease. The next attempt reads it and compares the holder.
                logger.warning("The Lease could not be renewed: %r", error)
                continue
            if wait is not None:
                return
            deadline = attempted_at + self._renew_deadline

    async def release(self) -> None:
        """Remove the holder, so a standby need not wait until the Lease expires."""
        with suppress(ClusterError, TimeoutError):
            async with asyncio.timeout(self._renew_deadline / 2):
                await self._write(holder="")

    async def _try_acquire_or_renew(self) -> float | None:
        """Read the Lease and write it if this replica may hold it.

        Returns:
            None if this replica holds the Lease now, else the seconds until it may.

        Raises:
            Conflict: The Lease has changed between the two requests.
        """
        try:
            self._record(await self._cluster.get(self._path))
        except NotFound:
            self._observed = None
        observed = self._observed
        if observed is not None and observed.holder not in ("", self._identity):
            wait = observed.expires_at - time.monotonic()
            if wait > 0:
                return wait
        await self._write(holder=self._identity)
        return None

    def _record(self, body: Body) -> None:
        """Keep the Lease, unless this version was observed before."""
        version = body["metadata"]["resourceVersion"]
        if self._observed is None or self._observed.resource_version != version:
            spec = body.get("spec")
            holder = transitions = None
            if isinstance(spec, dict):
                holder = spec.get("holderIdentity")
                transitions = spec.get("leaseTransitions")
            self._observed = LeaseRecord(
                holder=holder if isinstance(holder, str) else "",
                transitions=_count(transitions),
                resource_version=version,
                expires_at=time.monotonic() + self._seconds,
            )

    async def _write(self, holder: str) -> None:
        """Create or change the Lease, if it is still as observed."""
        observed = self._observed
        now = self._clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec: dict[str, Any] = {
            "holderIdentity": holder,
            "leaseDurationSeconds": max(1, round(self._seconds)),
            "renewTime": now,
        }
        if observed is None or observed.holder != self._identity:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = observed.transitions + 1 if observed else 0
        body: Body = {"metadata": {"name": LEASE_NAME}, "spec": spec}
        if observed is None:
            self._record(await self._cluster.create(self._collection_path, body))
            return
        body["metadata"]["resourceVersion"] = observed.resource_version
        self._record(await self._cluster.merge_patch(self._path, body))


def _count(transitions: object) -> int:
    """Return a number of transitions that can be counted on, or else 0."""
    if isinstance(transitions, int) and 0 <= transitions < MOST_TRANSITIONS:
        return transitions
    return 0
