"""Two variants for the same tests: a fake API server, and a real one."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import pytest

from argogrant.kube.client import Body, Cluster, KubernetesCluster
from argogrant.kube.kubeconfig.choosing import ConnectionOptions, read_client_config
from argogrant.kube.resources import CONFIG_MAPS, Collection
from controlplane import ControlPlane
from controlplane.api import PATCH_TYPES
from controlplane.errors import APIRequestFailed
from support.fake_cluster import FakeCluster

NAMESPACE: Final = "argogrant"
IN_MEMORY: Final = "in memory"
BOTH: Final = (IN_MEMORY, "on a real API server")
ONE: Final = CONFIG_MAPS.path(NAMESPACE, "one")
HELD: Final = {"finalizers": ["argogrant.dev/test"]}
MAPS: Final = Collection(CONFIG_MAPS, NAMESPACE)
TLS_CLOSE_SECONDS: Final = 0.1
Story = Callable[[Cluster], Coroutine[Any, Any, Any]]


class Somebody(Protocol):
    """Another user of the same API server."""

    def add(self, collection_path: str, body: Body) -> Body: ...
    def edit(self, path: str, patch: Body) -> Body: ...
    def delete_object(self, path: str) -> None: ...


@dataclass
class Administrator:
    """Another user of a real API server."""

    plane: ControlPlane

    def add(self, collection_path: str, body: Body) -> Body:
        return self._request("POST", collection_path, body)

    def edit(self, path: str, patch: Body) -> Body:
        return self._request("PATCH", path, patch, content_type=PATCH_TYPES["merge"])

    def delete_object(self, path: str) -> None:
        self._request("DELETE", path)

    def _request(self, method: str, path: str, *body: Body, **how: str) -> Body:
        client = self.plane.api(NAMESPACE)
        return client.request(method, path.removeprefix("/"), *body, **how)


@dataclass
class Place:
    """One API server, with a client under test and another user."""

    somebody: Somebody
    run: Callable[[Story], Any]

    def create(self, name: str = "one", **body: Any) -> Body:
        metadata = {"name": name, **body.pop("metadata", {})}
        return self.somebody.add(
            MAPS.path,
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **body},
        )


def in_memory() -> Place:
    cluster = FakeCluster()
    return Place(cluster, lambda story: asyncio.run(story(cluster)))


def on_a_real_api_server(plane: ControlPlane) -> Place:
    async def run(story: Story) -> Any:
        options = ConnectionOptions(kubeconfig=str(plane.kubeconfig()))
        cluster = KubernetesCluster.connect(
            read_client_config(options, {}), lambda: datetime.now(UTC), environment={}
        )
        try:
            return await story(cluster)
        finally:
            await cluster.close()
            # aiohttp closes TLS connections in the background. Without this wait they
            # are reported as unclosed by whichever test runs next.
            await asyncio.sleep(TLS_CLOSE_SECONDS)

    return Place(Administrator(plane), lambda story: asyncio.run(run(story)))


def place_for(request: pytest.FixtureRequest, *paths: str) -> Iterator[Place]:
    """Yield the variant of a fixture's parameter, and delete these objects later."""
    if request.param == IN_MEMORY:
        yield in_memory()
        return
    plane = request.getfixturevalue("installed")
    place = on_a_real_api_server(plane)
    yield place
    for path in paths:
        with suppress(APIRequestFailed):
            place.somebody.edit(path, {"metadata": {"finalizers": None}})
        with suppress(APIRequestFailed):
            place.somebody.delete_object(path)
