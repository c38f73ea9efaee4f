"""Start and end of the operator process, and the namespaces that it serves."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import kopf

from argogrant.handlers.settings import FINALIZER
from argogrant.instance.namespace import Namespace
from argogrant.kube.cluster import KubernetesCluster


class NothingToCompare(kopf.AnnotationsDiffBaseStorage):
    """Keeps kopf from writing a copy of every object into an annotation."""

    def build(self, **_: Any) -> kopf.BodyEssence:  # noqa: ANN401
        """Nothing of an object is compared."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence:  # noqa: ANN401
        """Nothing was seen before."""
        return kopf.BodyEssence()

    def store(self, **_: Any) -> None:  # noqa: ANN401
        """Nothing is kept."""


class Rooms:
    """The namespaces that are served, each opened when first heard of."""

    def __init__(self, cluster: KubernetesCluster) -> None:
        self._cluster = cluster
        self._open: dict[str, tuple[Namespace, asyncio.Task[None]]] = {}

    def of(self, namespace: str) -> Namespace:
        """Open a namespace, or answer the open one; one that failed is opened anew."""
        room, task = self._open.get(namespace, (None, None))
        if room is None or task is None or task.done():
            room = Namespace(self._cluster, namespace, lambda: datetime.now(UTC))
            self._open[namespace] = (room, asyncio.create_task(room.run()))
        return room

    async def close(self) -> None:
        """Stop everything."""
        tasks = [task for _, task in self._open.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._cluster.close()


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:  # noqa: ANN401
    """Set kopf up and connect."""
    settings.persistence.finalizer = FINALIZER
    settings.persistence.diffbase_storage = NothingToCompare()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.background.instant_exit_timeout = 2.0
    memo.rooms = Rooms(await KubernetesCluster.connect())


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: Any) -> None:  # noqa: ANN401
    """Disconnect."""
    await memo.rooms.close()
