"""Background check for missing permissions of one instance.

No reconciliation waits for it. Without some permissions the operator still removes what
it can, and the condition ``Ready`` lists all that are missing.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from argogrant.api.argocdinstance import Instance
from argogrant.controller.required_permissions import (
    argocd_permissions,
    home_permissions,
)
from argogrant.kube.client import Cluster
from argogrant.kube.errors import ClusterError
from argogrant.kube.permissions import Permission, missing_permissions

MIN_INTERVAL: Final = 1.0
"""Least seconds between two checks."""
RECHECK_SECONDS: Final = 5.0
"""Seconds between checks while permissions are missing, so a new Role is noticed."""

logger = logging.getLogger(__name__)


class PermissionWatcher:
    """Check on request, and repeatedly while permissions are missing.

    Args:
        home: API server of the instance and its grants.
        cluster: API server of its Argo CD.
        on_change: Called when the set of missing permissions has changed.
    """

    def __init__(
        self, home: Cluster, cluster: Cluster, on_change: Callable[[], None]
    ) -> None:
        self._home = home
        self._cluster = cluster
        self._on_change = on_change
        self._requested = asyncio.Event()
        self._instance: Instance | None = None
        self._has_missing_or_unknown = False
        self.missing: tuple[Permission, ...] = ()
        """The missing permissions; empty also while they are unknown."""

    def record(self, instance: Instance | None) -> None:
        """Record the present spec, and check again if it has changed."""
        if instance is not None and instance != self._instance:
            self._instance = instance
            self.request_check()

    def request_check(self) -> None:
        """Check soon."""
        self._requested.set()

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    RECHECK_SECONDS if self._has_missing_or_unknown else None
                ):
                    await self._requested.wait()
            self._requested.clear()
            if self._instance is not None:
                await self._check(self._instance)
            await asyncio.sleep(MIN_INTERVAL)

    async def _check(self, instance: Instance) -> None:
        missing: list[Permission] = []
        is_known = True
        for cluster, permissions in (
            (self._home, home_permissions(instance.namespace, instance.cluster)),
            (self._cluster, argocd_permissions(instance)),
        ):
            try:
                missing += await missing_permissions(cluster, permissions)
            except ClusterError as error:
                logger.debug("Permissions cannot be checked: %s", error)
                is_known = False
        self._has_missing_or_unknown = bool(missing) or not is_known
        if self.missing != tuple(missing):
            self.missing = tuple(missing)
            self._on_change()
