"""Grants in another cluster while its token or its API server is not available."""

import asyncio

import pytest

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.kube.errors import Unavailable, UntrustedCertificate
from argogrant.kube.resources import APP_PROJECTS, SECRETS
from support.in_memory_operator import (
    FOR_EVER,
    INSTANCE_PATH,
    INSTANCES,
    OURS,
    RBAC,
    SETTLED,
    SOON,
    running,
    until,
)
from support.in_memory_remote import (
    CLUSTER,
    SERVER,
    a_remote_room,
    bound_in,
    cut_off,
    put_token,
)
from support.live_cluster import INSTANCE, PROJECT, RULES


async def test_grant_is_bound_and_expires_in_the_other_cluster() -> None:
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
    ("token", "key", "problem"),
    [
        pytest.param(None, "", "argogrant/prod does not exist", id="no Secret"),
        pytest.param("x", "token", "argogrant/prod has no key k8s_token", id="no key"),
        pytest.param(" \n", "k8s_token", "has an empty key", id="an empty key"),
        pytest.param("two words", "k8s_token", "several words or lines", id="words"),
        pytest.param("tökén", "k8s_token", "non-ASCII characters", id="no ASCII"),
    ],
)
async def test_missing_token_is_reported_until_it_exists(token, key, problem) -> None:
    """The message has the command that stores one."""
    room, there = a_remote_room(token=None)
    if token is not None:
        put_token(room, token, key)
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(60)
        assert room.instance_ready == "-TokenMissing"
        assert problem in room.instance_says
        assert "create secret generic prod --from-literal=k8s_token=" in (
            room.instance_says
        )
        assert room.ready("g1") == "-InstanceUnavailable"
        put_token(room, "good")
        await until(lambda: bound_in(there) == {"alice"}, within=1.5)
        await asyncio.sleep(SOON)

        assert room.instance_ready == "+Converged"


async def test_refused_token_is_reported_and_another_one_is_used() -> None:
    """The message has the command that stores one, and never the token."""
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


async def test_new_token_changes_no_status_and_writes_nothing() -> None:
    room, there = a_remote_room()
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        statuses = room.cluster.count("merge_patch")
        writes = there.count("merge_patch")
        put_token(room, "second")
        await asyncio.sleep(60)
        assert room.cluster.count("merge_patch") == statuses
        assert there.count("merge_patch") == writes
        room.grant("g2", "carol")
        await until(lambda: bound_in(there) == {"alice", "carol"}, within=2)

        assert room.shown == ["first", "second"]
        assert room.instance_ready == "+Converged"


async def test_untrusted_certificate_is_reported_with_the_field_to_fix() -> None:
    room, there = a_remote_room()
    wrong = UntrustedCertificate(
        "GET /x: the certificate of https://prod.example.com:6443 is bad"
    )
    there.fail("list", wrong, times=FOR_EVER)
    async with running(room):
        await asyncio.sleep(SETTLED)

        assert room.instance_ready == "-CertificateRefused"
        assert "spec.cluster.caBundle" in room.instance_says


async def test_grant_that_expires_in_an_outage_is_removed_right_after_it() -> None:
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


async def test_hanging_cluster_delays_no_other_instance() -> None:
    """Neither its statuses nor its resyncs."""
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


async def test_resync_succeeds_while_the_other_cluster_fails() -> None:
    """The operator's own objects were compared; the informers retry the others."""
    room, there = a_remote_room()
    async with running(room):
        await asyncio.sleep(SETTLED)
        there.fail("list", Unavailable("no route"), times=FOR_EVER)
        await room.namespace.resync("default")

        assert room.instance_ready == "+Converged"


async def test_deleted_instance_leaves_nothing_in_the_other_cluster() -> None:
    room, there = a_remote_room()
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.delete_instance()
        await until(lambda: not room.is_served, within=2)
        await asyncio.sleep(SOON)

        assert there.object(RBAC)["data"] == {"policy.csv": RULES}
        assert room.ready("g1") == "-InstanceNotFound"


@pytest.mark.parametrize("end", ["cluster returns", "abandoned"])
async def test_deleted_instance_is_kept_while_its_cluster_is_away(end: str) -> None:
    room, there = a_remote_room()
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        cut_off(there)
        room.delete("g1")
        room.delete_instance()
        await asyncio.sleep(600)
        assert room.is_served
        assert room.has("g1")
        if end == "cluster returns":
            there.stop_failing()
        else:
            room.abandon_instance()
        await until(lambda: not room.is_served, within=8)

        assert (OVERLAY_KEY in there.object(RBAC)["data"]) is (end == "abandoned")


async def test_deleted_instance_is_kept_while_its_token_is_missing() -> None:
    room, there = a_remote_room()
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.delete_object(f"{SECRETS.path(OURS)}/prod")
        room.delete_instance()
        await asyncio.sleep(600)
        assert room.is_served
        assert room.instance_ready == "-TokenMissing"
        put_token(room, "second")
        await until(lambda: not room.is_served, within=2)

        assert there.object(RBAC)["data"] == {"policy.csv": RULES}


async def test_deleted_instance_is_kept_while_its_projects_cannot_be_read() -> None:
    """After a reconnection nothing is known of members in AppProjects."""
    room, there = a_remote_room()
    projects = APP_PROJECTS.path("argocd")
    async with running(room):
        await asyncio.sleep(SETTLED)
        there.fail("list", Unavailable("503"), times=FOR_EVER, path=projects)
        put_token(room, "second")
        room.delete_instance()
        await asyncio.sleep(600)
        assert room.is_served
        there.stop_failing()

        await until(lambda: not room.is_served, within=8)


async def test_other_credentials_for_the_same_server_remove_no_binding() -> None:
    room, there = a_remote_room()
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        writes = there.count("merge_patch")
        room.edit_instance(cluster={**CLUSTER, "tokenSecret": {"name": "prod2"}})
        await asyncio.sleep(SOON)
        put_token(room, "second", name="prod2")
        await asyncio.sleep(SETTLED)

        assert there.count("merge_patch") == writes
        assert bound_in(there) == {"alice"}
        assert room.shown == ["first", "second"]
        assert room.instance_ready == "+Converged"


async def test_new_token_is_used_in_the_middle_of_a_resync() -> None:
    """The client is closed under the resync, which must not fail by that."""
    room, there = a_remote_room()
    async with running(room):
        await asyncio.sleep(SETTLED)

        async def slow() -> None:
            await asyncio.sleep(1)

        there.before("list", slow)
        resync = asyncio.create_task(room.namespace.resync("default"))
        await asyncio.sleep(SOON)
        put_token(room, "second")
        await resync
        room.grant("g1")

        await until(lambda: bound_in(there) == {"alice"}, within=4)
