"""Connection to another cluster: its token, and when the client is outdated."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from argogrant.api.remote_cluster import ArgoCDLocation, RemoteCluster
from argogrant.controller.remote.connection import OBSERVE_TIMEOUT, RemoteConnection
from argogrant.kube.client import Cluster
from argogrant.kube.errors import ClusterError, Forbidden, TokenMissing, Unavailable
from argogrant.kube.resources import CONFIG_MAPS, SECRETS, Collection
from support.fake_cluster import FakeCluster
from support.in_memory_operator import FOR_EVER, OURS, SETTLED, SOON
from support.in_memory_remote import SERVER, encoded

REMOTE = RemoteCluster(
    server=SERVER, ca_bundle="", secret_name="prod", secret_key="k8s_token"
)
LOCATION = ArgoCDLocation(namespace="argocd", cluster=REMOTE)
HOME = ArgoCDLocation(namespace="argocd")
PATH = f"{SECRETS.path(OURS)}/prod"
CONFIG_MAP_LIST = Collection(CONFIG_MAPS, "argocd")


class Setup:
    """A home cluster with a Secret, and the tokens that clients were built with."""

    def __init__(self) -> None:
        self.home = FakeCluster()
        self.used: list[str] = []
        self.changes = 0
        self.error: ClusterError | None = None

    async def connect(self, _remote: RemoteCluster, token: str) -> Cluster:
        if self.error is not None:
            raise self.error
        self.used.append(token)
        return FakeCluster()

    def changed(self) -> None:
        self.changes += 1

    def connection(self, location: ArgoCDLocation = LOCATION) -> RemoteConnection:
        return RemoteConnection(
            self.home, OURS, location, connect=self.connect, on_change=self.changed
        )

    def write(self, token: str) -> None:
        data = {"data": {"k8s_token": encoded(token)}}
        if PATH in self.home._objects:
            self.home.edit(PATH, data)
        else:
            self.home.add(SECRETS.path(OURS), {"metadata": {"name": "prod"}, **data})


@asynccontextmanager
async def connected(
    setup: Setup, location: ArgoCDLocation = LOCATION
) -> AsyncIterator[RemoteConnection]:
    connection = setup.connection(location)
    running = asyncio.create_task(connection.run())
    await connection.open()
    try:
        yield connection
    finally:
        running.cancel()
        await connection.close()


async def test_client_is_built_with_the_token_of_the_secret() -> None:
    setup = Setup()
    setup.write("one")
    async with connected(setup) as connection:
        assert setup.used == ["one"]
        assert connection.failures == ()
        assert not connection.is_outdated(LOCATION)
        assert "one" not in repr(connection.secret)


async def test_connection_is_outdated_once_the_token_changes() -> None:
    setup = Setup()
    setup.write("one")
    async with connected(setup) as connection:
        changes = setup.changes
        setup.write("two")
        await asyncio.sleep(SOON)

        assert setup.changes == changes + 1
        assert connection.is_outdated(LOCATION)
        assert setup.used == ["one"]


async def test_connection_is_outdated_once_the_secret_is_deleted() -> None:
    setup = Setup()
    setup.write("one")
    async with connected(setup) as connection:
        setup.home.delete_object(PATH)
        await asyncio.sleep(SOON)

        assert connection.is_outdated(LOCATION)


@pytest.mark.parametrize(
    "remote",
    [
        pytest.param(replace(REMOTE, ca_bundle="PEM"), id="other certificates"),
        pytest.param(replace(REMOTE, secret_name="prod2"), id="another Secret"),
        pytest.param(replace(REMOTE, secret_key="token"), id="another key"),
    ],
)
async def test_connection_is_outdated_by_a_spec_with(remote: RemoteCluster) -> None:
    setup = Setup()
    setup.write("one")
    async with connected(setup) as connection:
        assert connection.is_outdated(replace(LOCATION, cluster=remote))


async def test_every_request_without_a_token_fails() -> None:
    setup = Setup()
    async with connected(setup) as connection:
        cluster = connection.cluster

        for request in (
            cluster.get("/x"),
            cluster.list(CONFIG_MAP_LIST),
            cluster.merge_patch("/x", {}),
            cluster.create("/x", {}),
            cluster.delete("/x", uid="u"),
        ):
            with pytest.raises(TokenMissing, match="argogrant/prod does not exist"):
                await request
        with pytest.raises(TokenMissing, match="argogrant/prod does not exist"):
            cluster.watch(CONFIG_MAP_LIST, "1")
        assert cluster.clock_skew() == 0
        assert not connection.is_outdated(LOCATION)


@pytest.mark.parametrize("error", [Forbidden("GET /secrets: 403"), Unavailable("503")])
async def test_unreadable_secret_fails_requests_with_its_error(error) -> None:
    setup = Setup()
    setup.home.fail("list", error, times=FOR_EVER)
    async with connected(setup) as connection:
        with pytest.raises(type(error), match=str(error)):
            await connection.cluster.get("/x")
        setup.home.stop_failing()
        setup.write("one")
        await asyncio.sleep(SETTLED)

        assert connection.is_outdated(LOCATION)


async def test_secret_that_becomes_unreadable_keeps_the_client() -> None:
    """Grants keep expiring in the other cluster; the failure is reported."""
    setup = Setup()
    setup.write("one")
    async with connected(setup) as connection:
        await asyncio.sleep(SOON)
        forbidden = Forbidden("GET /secrets: 403")
        setup.home.fail("list", forbidden, times=FOR_EVER)
        setup.home.break_watches(forbidden)
        await asyncio.sleep(SETTLED)

        assert [error for _, error in connection.failures] == [forbidden]
        assert not connection.is_outdated(LOCATION)


async def test_secret_that_is_not_listed_in_time_is_reported_as_not_read() -> None:
    setup = Setup()
    setup.write("one")

    async def hang() -> None:
        await asyncio.sleep(2 * OBSERVE_TIMEOUT)

    setup.home.before("list", hang)
    async with connected(setup) as connection:
        with pytest.raises(TokenMissing, match="was not read yet"):
            await connection.cluster.get("/x")
        await asyncio.sleep(2 * OBSERVE_TIMEOUT)

        assert connection.is_outdated(LOCATION)


async def test_error_of_building_a_client_fails_requests() -> None:
    setup = Setup()
    setup.error = Unavailable("the certificates cannot be parsed")
    setup.write("one")
    async with connected(setup) as connection:
        with pytest.raises(Unavailable, match="certificates"):
            await connection.cluster.get("/x")


async def test_cancelled_open_never_closes_the_operators_client() -> None:
    setup = Setup()
    setup.write("one")

    async def hang(_remote: RemoteCluster, _token: str) -> Cluster:
        await asyncio.sleep(FOR_EVER)
        raise AssertionError

    connection = RemoteConnection(
        setup.home, OURS, LOCATION, connect=hang, on_change=setup.changed
    )
    running = asyncio.create_task(connection.run())
    opening = asyncio.create_task(connection.open())
    await asyncio.sleep(SOON)
    opening.cancel()
    running.cancel()
    await asyncio.gather(opening, running, return_exceptions=True)
    closed: list[bool] = []

    async def close() -> None:
        closed.append(True)

    setup.home.close = close  # type: ignore[method-assign]
    await connection.close()

    assert closed == []


async def test_own_cluster_is_reached_by_the_operators_client() -> None:
    setup = Setup()
    async with connected(setup, HOME) as connection:
        assert connection.cluster is setup.home
        assert connection.secret is None
        assert connection.failures == ()
        assert not connection.is_outdated(HOME)
