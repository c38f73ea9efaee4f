"""A client that is exchanged while it is used."""

import asyncio

import pytest

from argogrant.kube.errors import TokenMissing, Unavailable
from argogrant.kube.resources import CONFIG_MAPS, Collection
from argogrant.kube.swappable_client import GRACE, ExchangeableCluster
from support.fake_client import FakeClient
from support.fake_cluster import FakeCluster

MAPS = Collection(CONFIG_MAPS, "argocd")
BODY = {"metadata": {"name": "one"}}


def a_server() -> FakeCluster:
    server = FakeCluster()
    server.add(MAPS.path, BODY)
    return server


def visit(server: FakeCluster) -> FakeClient:
    return FakeClient(server, "token", set())


async def test_every_verb_goes_to_the_present_client() -> None:
    server = a_server()
    cluster = ExchangeableCluster(TokenMissing("none"))
    cluster.use(visit(server))
    path = f"{MAPS.path}/one"

    assert (await cluster.get(path))["metadata"]["name"] == "one"
    assert len((await cluster.list(MAPS)).items) == 1
    assert (await cluster.merge_patch(path, {"data": {"a": "b"}}))["data"]
    assert await cluster.create(MAPS.path, {"metadata": {"name": "two"}})
    assert cluster.clock_skew() == 0.0
    await cluster.close()


async def test_without_a_client_everything_says_why() -> None:
    cluster = ExchangeableCluster(TokenMissing("Secret x is not there"))

    with pytest.raises(TokenMissing, match="Secret x is not there"):
        await cluster.get("/x")
    assert cluster.clock_skew() == 0.0
    await cluster.close()


async def test_what_fails_since_it_was_exchanged_is_asked_again() -> None:
    server = a_server()
    cluster = ExchangeableCluster(TokenMissing("none"))
    cluster.use(visit(server))

    def exchange() -> None:
        cluster.use(visit(server))
        raise Unavailable("the connection was closed")

    server.before("get", exchange)

    assert await cluster.get(f"{MAPS.path}/one")
    await cluster.close()


async def test_what_fails_for_another_reason_is_told() -> None:
    server = a_server()
    cluster = ExchangeableCluster(TokenMissing("none"))
    cluster.use(visit(server))
    server.fail("get", Unavailable("503"))

    with pytest.raises(Unavailable, match="503"):
        await cluster.get(f"{MAPS.path}/one")
    await cluster.close()


@pytest.mark.parametrize("then", ["another", "none"])
async def test_a_watch_ends_when_its_client_is_closed(then) -> None:
    """Quietly if there is another client to go on with."""
    server = a_server()
    cluster = ExchangeableCluster(TokenMissing("none"))
    cluster.use(visit(server))

    version = (await server.list(MAPS)).resource_version
    server.add(MAPS.path, {"metadata": {"name": "two"}})

    async def watch() -> int:
        return sum([1 async for _ in cluster.watch(MAPS, version)])

    watching = asyncio.create_task(watch())
    await asyncio.sleep(1)
    if then == "another":
        cluster.use(visit(server))
    else:
        cluster.lack(TokenMissing("taken away"))
    await asyncio.sleep(GRACE - 2)
    assert not watching.done()
    await asyncio.sleep(3)
    assert watching.done()
    if then == "another":
        assert watching.result() == 1
    else:
        with pytest.raises(Unavailable):
            watching.result()
    await cluster.close()
