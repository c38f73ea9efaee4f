"""The way to one Argo CD's cluster: which token is shown, and when."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from argogrant.api.bound_locations import ArgoCDLocation
from argogrant.api.remote_cluster import RemoteCluster
from argogrant.controller.remote.connection import RemoteConnection, RemoteConnections
from argogrant.kube.client import Cluster
from argogrant.kube.errors import ClusterError, Forbidden, TokenMissing, Unavailable
from argogrant.kube.resources import SECRETS
from support.fake_cluster import FakeCluster
from support.in_memory_operator import FOR_EVER, OURS, SETTLED, SOON
from support.in_memory_remote import SERVER, encoded

PLACE = ArgoCDLocation(
    namespace="argocd",
    cluster=RemoteCluster(
        server=SERVER, ca_bundle="", secret_name="prod", secret_key="k8s_token"
    ),
)
PATH = f"{SECRETS.path(OURS)}/prod"


class Ways:
    """Connections, and which tokens they showed."""

    def __init__(self) -> None:
        self.home = FakeCluster()
        self.shown: list[str] = []
        self.error: ClusterError | None = None
        self.open = RemoteConnections(self.home, OURS, self.connect)

    async def connect(self, _remote: RemoteCluster, token: str) -> Cluster:
        if self.error is not None:
            raise self.error
        self.shown.append(token)
        return FakeCluster()

    def write(self, token: str) -> None:
        data = {"data": {"k8s_token": encoded(token)}}
        if PATH in self.home._objects:
            self.home.edit(PATH, data)
        else:
            self.home.add(SECRETS.path(OURS), {"metadata": {"name": "prod"}, **data})


@asynccontextmanager
async def connected(ways: Ways) -> AsyncIterator[RemoteConnection]:
    connection = ways.open.get("default", PLACE)
    await connection.wait_until_observed()
    try:
        yield connection
    finally:
        await ways.open.close(connection, "default")


async def test_a_new_token_is_shown_at_once() -> None:
    ways = Ways()
    ways.write("one")
    async with connected(ways) as connection:
        assert connection.failures == ()
        assert connection.secret is not None
        assert "one" not in repr(connection.secret)
        ways.write("two")
        await asyncio.sleep(SOON)

        assert ways.shown == ["one", "two"]
        assert connection.secret.token == "two"


async def test_a_secret_that_vanishes_takes_the_token_along() -> None:
    """It is said at once, although watches stay open for a while."""
    ways = Ways()
    ways.write("one")
    async with connected(ways) as connection:
        ways.home.delete_object(PATH)
        await asyncio.sleep(SOON)

        ((_, failure),) = connection.failures
        assert isinstance(failure, TokenMissing)
        with pytest.raises(TokenMissing, match="Secret argogrant/prod is not there"):
            await connection.cluster.get("/x")


@pytest.mark.parametrize("error", [Forbidden("GET /secrets: 403"), Unavailable("503")])
async def test_a_secret_that_can_not_be_read_is_said_to_be(error) -> None:
    ways = Ways()
    ways.home.fail("list", error, times=FOR_EVER)
    async with connected(ways) as connection:
        await asyncio.sleep(SETTLED)

        with pytest.raises(type(error), match=str(error)):
            await connection.cluster.get("/x")
        ways.home.stop_failing()
        ways.write("one")
        await asyncio.sleep(SETTLED)
        assert ways.shown == ["one"]


async def test_a_secret_that_can_not_be_read_any_longer_keeps_its_token() -> None:
    """Ends are kept with it; the failure is told."""
    ways = Ways()
    ways.write("one")
    async with connected(ways) as connection:
        forbidden = Forbidden("GET /secrets: 403")
        ways.home.fail("list", forbidden, times=FOR_EVER)
        ways.home.break_watches(forbidden)
        await asyncio.sleep(SETTLED)

        assert [error for _, error in connection.failures] == [forbidden]
        assert ways.shown == ["one"]
        assert isinstance(connection.cluster.clock_skew(), float)


async def test_a_client_that_can_not_be_made_is_an_error_of_the_cluster() -> None:
    ways = Ways()
    ways.error = Unavailable("the certificates can not be read")
    ways.write("one")
    async with connected(ways) as connection:
        with pytest.raises(Unavailable, match="certificates"):
            await connection.cluster.get("/x")


async def test_a_connection_that_is_held_keeps_its_token() -> None:
    """Until it is refused: then the others are tried in turn."""
    ways = Ways()
    ways.write("one")
    async with connected(ways) as connection:
        ways.write("two")
        await asyncio.sleep(SOON)
        connection.hold()
        ways.write("three")
        await asyncio.sleep(SOON)
        assert ways.shown == ["one", "two"]
        for _ in range(3):
            connection.try_another_token()
            await asyncio.sleep(SOON)

        assert ways.shown == ["one", "two", "one", "three", "two"]


async def test_the_way_home_needs_no_token() -> None:
    ways = Ways()
    connection = ways.open.get("default", ArgoCDLocation(namespace="argocd"))
    await connection.wait_until_observed()

    assert connection.cluster is ways.home
    assert connection.secret is None
    assert connection.failures == ()
    assert ways.open.get("default", ArgoCDLocation(namespace="argocd")) is connection
    for task in ways.open.close_all():
        task.cancel()
