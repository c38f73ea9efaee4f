"""Which of the operator's rights are missing for one instance, asked in the background.

Nothing waits for it: what can be removed without the missing right is removed.
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

PAUSE: Final = 1.0
"""Seconds between two looks, whoever asks."""
RECHECK_SECONDS: Final = 5.0
"""How soon it is noticed that somebody gave a right that was missing."""

logger = logging.getLogger(__name__)


class PermissionWatcher:
    """Looks at our rights when told to, and often while some are missing.

    Args:
        home: Where the instance and its grants are.
        cluster: Where its Argo CD is.
        on_change: Called when other rights are missing than before.
    """

    def __init__(
        self, home: Cluster, cluster: Cluster, on_change: Callable[[], None]
    ) -> None:
        self._home = home
        self._cluster = cluster
        self._on_change = on_change
        self._asked = asyncio.Event()
        self._instance: Instance | None = None
        self._is_unsettled = False
        self.missing: tuple[Permission, ...] = ()
        """Empty as well while nobody can tell."""

    def record(self, instance: Instance | None) -> None:
        """Say how the instance is now; another one may need other rights."""
        if instance is not None and instance != self._instance:
            self._instance = instance
            self.request_check()

    def request_check(self) -> None:
        """Ask for a look soon."""
        self._asked.set()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    RECHECK_SECONDS if self._is_unsettled else None
                ):
                    await self._asked.wait()
            self._asked.clear()
            if self._instance is not None:
                await self._check(self._instance)
            await asyncio.sleep(PAUSE)

    async def _check(self, instance: Instance) -> None:
        missing: list[Permission] = []
        is_known = True
        for cluster, rights in (
            (self._home, home_permissions(instance.namespace, instance.cluster)),
            (self._cluster, argocd_permissions(instance)),
        ):
            try:
                missing += await missing_permissions(cluster, rights)
            except ClusterError as error:
                logger.debug("Nobody tells which rights are missing: %s", error)
                is_known = False
        self._is_unsettled = bool(missing) or not is_known
        if self.missing != tuple(missing):
            self.missing = tuple(missing)
            self._on_change()
