"""Waiting ends with what was wished, with a refusal, or in time."""

import asyncio
from datetime import timedelta

import pytest

from argogrant.cli.change.wait import WaitStatus, wait_for, wait_for_ready
from argogrant.cli.errors import CommandError
from argogrant.kube.errors import Forbidden, Unavailable
from argogrant.kube.resources import ACCESS_GRANTS, Collection
from support.fake_cluster import FakeCluster

ONE = Collection(ACCESS_GRANTS, "argogrant", "hotfix")
PATH = f"{ONE.path}/hotfix"
MINUTES = timedelta(minutes=5)


def asked() -> tuple[FakeCluster, str]:
    """A cluster with a grant that nobody has looked at, and its uid."""
    cluster = FakeCluster()
    made = cluster.add(ONE.path, {"metadata": {"name": "hotfix"}, "spec": {}})
    return cluster, made["metadata"]["uid"]


def say(cluster: FakeCluster, status: str, reason: str) -> None:
    """What the operator writes."""
    ready = {"type": "Ready", "status": status, "reason": reason, "message": reason}
    said = {"observedGeneration": 1, "conditions": [ready]}
    cluster.edit(f"{PATH}/status", {"status": said})


async def later(seconds: float, cluster: FakeCluster, status: str, reason: str) -> None:
    await asyncio.sleep(seconds)
    say(cluster, status, reason)


async def test_it_ends_when_it_is_in_force(capsys) -> None:
    """What is missing is said meanwhile, each thing once."""
    cluster, uid = asked()
    async with asyncio.TaskGroup() as group:
        group.create_task(later(5, cluster, "False", "RoleNotFound"))
        group.create_task(later(9, cluster, "True", "Bound"))
        outlook = await wait_for(cluster, ONE, wait_for_ready(uid), MINUTES)

    assert outlook == WaitStatus("Bound", has_come=True)
    assert capsys.readouterr().err.splitlines() == [
        "waiting: the operator has not looked at it yet; is it running?",
        "waiting: RoleNotFound",
    ]


async def test_it_ends_when_it_never_will_be() -> None:
    cluster, uid = asked()
    say(cluster, "False", "NotAllowed")

    with pytest.raises(CommandError, match=r"^NotAllowed\.$"):
        await wait_for(cluster, ONE, wait_for_ready(uid), MINUTES)


async def test_it_ends_in_time_with_what_is_missing() -> None:
    cluster, uid = asked()
    say(cluster, "False", "RoleNotFound")
    began = asyncio.get_running_loop().time()
    with pytest.raises(CommandError, match="after 5m still waiting: RoleNotFound"):
        await wait_for(cluster, ONE, wait_for_ready(uid), MINUTES)

    assert asyncio.get_running_loop().time() - began == pytest.approx(300, abs=1)


async def test_a_deleted_grant_is_not_waited_for() -> None:
    cluster, uid = asked()
    cluster.delete_object(PATH)

    with pytest.raises(CommandError, match="it was deleted"):
        await wait_for(cluster, ONE, wait_for_ready(uid), MINUTES)


async def test_a_broken_watch_is_opened_again(capsys) -> None:
    """That is said, and what happened meanwhile is seen."""
    cluster, uid = asked()

    async def break_it() -> None:
        await asyncio.sleep(2)
        cluster.fail("list", Unavailable("no route"), times=3)
        cluster.break_watches(Unavailable("broken"))
        say(cluster, "True", "Bound")

    async with asyncio.TaskGroup() as group:
        group.create_task(break_it())
        outlook = await wait_for(cluster, ONE, wait_for_ready(uid), MINUTES)

    assert outlook.has_come
    assert "waiting: broken; it is asked again" in capsys.readouterr().err


async def test_who_may_not_look_is_told_at_once() -> None:
    cluster, uid = asked()
    cluster.fail("list", Forbidden("no"), times=9)

    with pytest.raises(Forbidden):
        await wait_for(cluster, ONE, wait_for_ready(uid), MINUTES)
