"""The one leader among several operators, by a Lease.

An election of our own, since the client library's ends at the first broken connection,
writes local time as UTC, and never gives the lease back. It follows client-go: a lease
has run out when its holder did not renew it for as long as it says, by the observer's
own monotonic clock, so that clocks need not agree.

Source: kubernetes/client-go, ``tools/leaderelection/leaderelection.go``.
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
from argogrant.kube.informer import Informer, stop
from argogrant.kube.resources import LEASES, Collection

LEASE_NAME: Final = "argogrant"
RENEWALS_PER_LEASE: Final = 5
PATIENCE: Final = 2 / 3
"""The part of a lease after which a holder that can not renew it gives up."""
PAUSE: Final = 0.5

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """A Lease as last seen."""

    holder: str
    seconds: float
    transitions: int
    resource_version: str
    seen_at: float
    """When this version was first seen, by our monotonic clock."""

    def expires_in(self, identity: str, now: float) -> float:
        """Seconds until somebody of this name may take the lease; 0 for now."""
        if self.holder in ("", identity):
            return 0.0
        return max(0.0, self.seen_at + self.seconds - now)


class LeaderElector:
    """The lease of one group of operators.

    Args:
        cluster: Where the Lease is kept.
        namespace: Its namespace; its name is ``argogrant``.
        identity: Who we are. One that stays over a restart, as a pod's name does, takes
            its own lease up again at once.
        seconds: How long the others wait for a holder that says nothing.
        clock: Tells the time in UTC, for what people read in the Lease.
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
        self._clock = clock
        self._collection = LEASES.path(namespace)
        self._path = LEASES.path(namespace, LEASE_NAME)
        self._changed = asyncio.Event()
        self._seen: Informer[LeaseRecord] = Informer(
            cluster,
            Collection(LEASES, namespace, LEASE_NAME),
            read=_lease_record,
            on_change=lambda _before, _after: self._changed.set(),
        )

    async def acquire(self) -> None:
        """Wait until the lease is ours."""
        watching = asyncio.create_task(self._seen.run())
        try:
            await self._seen.attempted.wait()
            while not await self._claim():
                pass
        finally:
            await stop(watching)

    async def renew(self, is_alive: Callable[[], bool] = lambda: True) -> None:
        """Renew the lease; return when it is lost, or was not renewed in time.

        Args:
            is_alive: Asked before each renewal; False lets the lease run out.
        """
        every = self._seconds / RENEWALS_PER_LEASE
        renewed_at = time.monotonic()
        while time.monotonic() - renewed_at < self._seconds * PATIENCE:
            await asyncio.sleep(every)
            asked_at = time.monotonic()
            if not is_alive():
                continue
            try:
                async with asyncio.timeout(every):
                    await self._write()
                renewed_at = asked_at
            except (Conflict, NotFound):
                if not await self._is_still_ours():
                    return
            except (ClusterError, TimeoutError) as error:
                logger.warning("The lease could not be renewed: %r", error)
                await self._refresh()  # the answer may have been lost, not the write

    async def release(self) -> None:
        """Give the lease back, so that nobody has to wait for its end."""
        with suppress(ClusterError, TimeoutError):
            async with asyncio.timeout(2):
                await self._write(holder="")

    async def _claim(self) -> bool:
        self._changed.clear()
        seen = self._seen.objects.get(LEASE_NAME)
        now = time.monotonic()
        wait = seen.expires_in(self._identity, now) if seen else 0.0
        if wait <= 0:
            try:
                await self._write()
            except ClusterError as error:
                if not isinstance(error, Conflict):
                    logger.warning("The lease can not be taken: %s", error)
                await self._refresh()
                wait = PAUSE
            else:
                return True
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._changed.wait()
        return False

    async def _write(self, holder: str | None = None) -> None:
        """Create the lease, or renew or take it, unless somebody else was quicker."""
        seen = self._seen.objects.get(LEASE_NAME)
        now = self._clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec: dict[str, Any] = {
            "holderIdentity": self._identity if holder is None else holder,
            "leaseDurationSeconds": max(1, round(self._seconds)),
            "renewTime": now,
        }
        if seen is None or seen.holder != self._identity:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = seen.transitions + 1 if seen else 0
        body: Body = {"metadata": {"name": LEASE_NAME}, "spec": spec}
        if seen is None:
            self._seen.upsert(await self._cluster.create(self._collection, body))
            return
        body["metadata"]["resourceVersion"] = seen.resource_version
        self._seen.upsert(await self._cluster.merge_patch(self._path, body))

    async def _is_still_ours(self) -> bool:
        await self._refresh()
        seen = self._seen.objects.get(LEASE_NAME)
        return seen is not None and seen.holder == self._identity

    async def _refresh(self) -> None:
        with suppress(ClusterError):
            await self._seen.relist()


def _lease_record(body: Body) -> LeaseRecord:
    spec = body.get("spec") or {}
    return LeaseRecord(
        holder=str(spec.get("holderIdentity") or ""),
        seconds=float(spec.get("leaseDurationSeconds") or 0),
        transitions=int(spec.get("leaseTransitions") or 0),
        resource_version=body["metadata"]["resourceVersion"],
        seen_at=time.monotonic(),
    )
