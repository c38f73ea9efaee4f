"""An informer of ConfigMaps, and changes of these ConfigMaps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from argogrant.kube.client import Body
from argogrant.kube.informer import CollectionLimit, Informer, stop
from argogrant.kube.resources import CONFIG_MAPS, Collection
from support.fake_cluster import FakeCluster

MAPS = Collection(CONFIG_MAPS, "argocd")


@dataclass
class Copy:
    """An informer that keeps the text of each ConfigMap, with its reported changes."""

    collection: Collection = MAPS
    cluster: FakeCluster = field(default_factory=FakeCluster)
    changes: list[tuple[str | None, str | None]] = field(default_factory=list)
    limit: CollectionLimit | None = None

    def __post_init__(self) -> None:
        self.informer: Informer[str] = Informer(
            self.cluster,
            self.collection,
            read=lambda body: body["data"]["text"],
            on_change=lambda before, after: self.changes.append((before, after)),
            limit=self.limit,
        )

    def create(
        self, name: str, text: str = "a", *, namespace: str = MAPS.namespace
    ) -> Body:
        body = {"metadata": {"name": name}, "data": {"text": text}}
        return self.cluster.add(CONFIG_MAPS.path(namespace), body)

    def edit(self, name: str, text: str) -> Body:
        return self.cluster.edit(f"{MAPS.path}/{name}", {"data": {"text": text}})

    def delete(self, name: str) -> None:
        self.cluster.delete_object(f"{MAPS.path}/{name}")

    @property
    def known(self) -> dict[str, Any]:
        return dict(self.informer.objects)


async def settle() -> None:
    """Let all tasks run that wait for nothing but each other."""
    await asyncio.sleep(0.01)


@asynccontextmanager
async def running(copy: Copy) -> AsyncIterator[Copy]:
    task = asyncio.create_task(copy.informer.run())
    await settle()
    try:
        yield copy
    finally:
        await stop(task)
