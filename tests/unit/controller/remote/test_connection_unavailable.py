"""An Argo CD in another cluster: tokens, outages, and what they keep from nobody."""

import asyncio

import pytest

from argogrant.kube.errors import Unavailable, UntrustedCertificate
from argogrant.kube.resources import APP_PROJECTS
from support.in_memory_operator import (
    FOR_EVER,
    INSTANCE_PATH,
    INSTANCES,
    RBAC,
    SETTLED,
    SOON,
    running,
    until,
)
from support.in_memory_remote import SERVER, a_remote_room, bound_in, cut_off, put_token
from support.live_cluster import INSTANCE, PROJECT, RULES


async def test_grants_are_bound_and_end_in_the_other_cluster() -> None:
    room, there = a_remote_room()
    async with running(room):
        room.grant("g1", duration="1m")
        await until(lambda: bound_in(there) == {"alice"}, within=2)
        await asyncio.sleep(SETTLED)
        assert room.ready("g1") == "+Bound"
        assert room.instance_ready == "+Converged"
        await asyncio.sleep(60)

        assert bound_in(there) == set()
        assert room.shown == ["first"]


@pytest.mark.parametrize(
    ("token", "key", "said"),
    [
        pytest.param(None, "", "argogrant/prod is not there", id="no Secret"),
        pytest.param("x", "token", "argogrant/prod has no key k8s_token", id="no key"),
        pytest.param(" \n", "k8s_token", "has an empty key", id="an empty key"),
        pytest.param("two words", "k8s_token", "holds no token", id="words"),
        pytest.param("tökén", "k8s_token", "holds no token", id="no ASCII"),
    ],
)
async def test_a_token_that_is_missing_is_said_to_be(token, key, said) -> None:
    """With what to do about it; as soon as it is there all goes on."""
    room, there = a_remote_room(token=None)
    if token is not None:
        put_token(room, token, key)
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(60)
        assert room.instance_ready == "-TokenMissing"
        assert said in room.instance_says
        assert "create secret generic prod --from-literal=k8s_token=" in (
            room.instance_says
        )
        assert room.ready("g1") == "-InstanceUnavailable"
        put_token(room, "good")
        await until(lambda: bound_in(there) == {"alice"}, within=1.5)
        await asyncio.sleep(SOON)

        assert room.instance_ready == "+Converged"


async def test_a_token_that_is_refused_says_how_to_make_a_new_one() -> None:
    """The message never holds the token."""
    room, there = a_remote_room("s3cret")
    room.refused.add("s3cret")
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(60)
        assert room.instance_ready == "-TokenRefused"
        assert "kubectl create token" in room.instance_says
        assert "s3cret" not in str(room.cluster._objects[INSTANCE_PATH])
        put_token(room, "good\n")
        await until(lambda: bound_in(there) == {"alice"}, within=1.5)

        assert room.shown[-1] == "good"


async def test_a_token_that_is_exchanged_makes_no_noise() -> None:
    room, there = a_remote_room()
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        writes = room.cluster.count("merge_patch", INSTANCE_PATH)
        put_token(room, "second")
        await asyncio.sleep(60)
        assert room.cluster.count("merge_patch", INSTANCE_PATH) == writes
        room.grant("g2", "carol")
        await until(lambda: bound_in(there) == {"alice", "carol"}, within=2)

        assert room.shown == ["first", "second"]
        assert room.instance_ready == "+Converged"


async def test_a_certificate_that_is_not_trusted_says_where_to_write_it() -> None:
    room, there = a_remote_room()
    wrong = UntrustedCertificate(
        "GET /x: the certificate of https://prod.example.com:6443 is bad"
    )
    there.fail("list", wrong, times=FOR_EVER)
    async with running(room):
        await asyncio.sleep(SETTLED)

        assert room.instance_ready == "-CertificateRefused"
        assert "spec.cluster.caBundle" in room.instance_says


async def test_an_end_in_an_outage_is_kept_by_the_first_write_after_it() -> None:
    room, there = a_remote_room()
    async with running(room):
        room.grant("g1", duration="1m")
        room.grant("g2", "carol")
        await asyncio.sleep(SETTLED)
        cut_off(there)
        await asyncio.sleep(600)
        assert room.instance_ready == "-Unavailable"
        assert SERVER in room.instance_says
        assert room.ready("g1") == "-InstanceUnavailable"
        there.stop_failing()
        took = await until(lambda: bound_in(there) == {"carol"}, within=8)
        await asyncio.sleep(SETTLED)

        assert took < 6
        assert room.ready("g1") == "-Expired"


async def test_a_cluster_that_hangs_delays_no_other_instance() -> None:
    """Neither its statuses nor its sweeps."""
    room, there = a_remote_room()

    async def hang() -> None:
        await asyncio.sleep(FOR_EVER)

    for _ in range(50):
        there.before("list", hang)
    room.write_rbac({"policy.csv": RULES})
    room.cluster.add(APP_PROJECTS.path("argocd"), PROJECT)
    room.cluster.add(INSTANCES, {**INSTANCE, "metadata": {"name": "home"}})
    async with running(room):
        serving = asyncio.create_task(room.namespace.run_instance("home"))
        room.grant("g0", "carol")
        room.grant("g1", instance="home", duration="1m")
        await until(lambda: room.bound == {"alice"}, within=2)
        sweeping = asyncio.create_task(room.namespace.resync("default"))
        loop = asyncio.get_running_loop()
        began = loop.time()
        await room.namespace.resync("home")
        assert loop.time() - began < 1
        await asyncio.sleep(SETTLED)
        assert room.ready("g1") == "+Bound"
        assert room.ready("g0") == "-InstanceUnavailable"
        await asyncio.sleep(60)
        assert room.bound == set()
        for task in (serving, sweeping):
            task.cancel()
        await asyncio.gather(serving, sweeping, return_exceptions=True)


async def test_a_sweep_of_a_dead_cluster_is_no_failure_of_the_sweep() -> None:
    """What it found in our own cluster counts, and nothing is listed again for it."""
    room, there = a_remote_room()
    async with running(room):
        await asyncio.sleep(SETTLED)
        there.fail("list", Unavailable("no route"), times=FOR_EVER)
        await room.namespace.resync("default")

        assert room.instance_ready == "+Converged"


async def test_a_deleted_instance_leaves_nothing_in_the_other_cluster() -> None:
    room, there = a_remote_room()
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.delete_instance()
        await until(lambda: not room.is_served, within=2)
        await asyncio.sleep(SOON)

        assert there.object(RBAC)["data"] == {"policy.csv": RULES}
        assert room.ready("g1") == "-InstanceNotFound"
