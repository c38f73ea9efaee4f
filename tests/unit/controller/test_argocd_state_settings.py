"""What argocd-cm says is told if it may be read, and costs nothing if it may not."""

import asyncio
from typing import Any

import pytest

from argogrant.kube.client import ListPage
from argogrant.kube.errors import ClusterError, Forbidden, Unavailable
from argogrant.kube.resources import CONFIG_MAPS, Collection
from support.fake_cluster import FakeCluster
from support.in_memory_operator import GRANTS, SETTLED, Room, a_room, running

SETTINGS = CONFIG_MAPS.path("argocd", "argocd-cm")
LOCAL = {"accounts.alice": "apiKey"}
REFUSED = Forbidden("GET configmaps/argocd-cm: 403")
AWAY = Unavailable("GET configmaps/argocd-cm: 503")


def write_settings(room: Room, **data: str) -> None:
    body = {"metadata": {"name": "argocd-cm"}, "data": {**LOCAL, **data}}
    room.cluster.add(SETTINGS.rpartition("/")[0], body)


def effective(room: Room, name: str = "g1") -> tuple[str, str]:
    status = room.cluster.object(f"{GRANTS}/{name}")["status"]
    conditions: list[dict[str, Any]] = status["conditions"]
    found = [one for one in conditions if one["type"] == "Effective"]
    return (found[0]["status"], found[0]["reason"]) if found else ("", "")


class Guarded(FakeCluster):
    """An API server that refuses, or fails, to give argocd-cm."""

    error: ClusterError | None = REFUSED
    asked = 0

    async def list(self, collection: Collection, page: str = "") -> ListPage:
        if collection.name == "argocd-cm":
            self.asked += 1
            if self.error is not None:
                raise self.error
        return await super().list(collection, page)


async def test_a_subject_that_nobody_can_be_is_told() -> None:
    async with a_room() as room:
        write_settings(room)
        room.grant("g1")
        room.grant("g2", "nobody-there")
        await asyncio.sleep(SETTLED)

        assert effective(room) == ("True", "LocalAccount")
        assert effective(room, "g2") == ("False", "NoSuchAccount")
        assert room.happened("g2").count("ineffective") == 1


async def test_an_account_that_is_disabled_later_is_told() -> None:
    async with a_room() as room:
        write_settings(room)
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        disabled = {"data": {"accounts.alice.enabled": "false"}}
        room.cluster.edit(SETTINGS, disabled)
        await asyncio.sleep(SETTLED)

        assert effective(room) == ("False", "AccountDisabled")
        assert room.ready("g1") == "+Bound"


async def test_what_does_not_concern_people_wakes_nobody() -> None:
    async with a_room() as room:
        write_settings(room)
        await asyncio.sleep(SETTLED)
        calls = len(room.cluster.calls)
        room.cluster.edit(SETTINGS, {"data": {"kustomize.buildOptions": "--x"}})
        await asyncio.sleep(SETTLED)

        assert len(room.cluster.calls) == calls


@pytest.mark.parametrize("error", [REFUSED, AWAY])
async def test_where_it_can_not_be_read_nothing_is_claimed(error) -> None:
    """The instance is ready all the same, and an hour has few questions."""
    cluster = Guarded()
    cluster.error = error
    room = Room(cluster)
    room.install()
    async with running(room):
        room.grant("g1")
        for _ in range(60):
            await asyncio.sleep(60)
            await room.namespace.resync("default")

        assert room.ready("g1") in {"+Bound", "-Expired"}
        assert effective(room) == ("", "")
        assert room.instance_ready == "+Converged"
        assert cluster.asked < 30


async def test_an_outage_changes_nothing_that_was_known() -> None:
    """Or every grant's status would be written twice."""
    cluster = Guarded()
    cluster.error = None
    room = Room(cluster)
    room.install()
    write_settings(room)
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        writes = cluster.count("merge_patch", GRANTS)
        cluster.error = AWAY
        cluster.break_watches(AWAY)
        await asyncio.sleep(SETTLED)

        assert effective(room) == ("True", "LocalAccount")
        assert cluster.count("merge_patch", GRANTS) == writes
