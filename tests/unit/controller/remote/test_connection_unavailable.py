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
    a_remote_operator,
    bound_in,
    cut_off,
    put_token,
)
from support.live_cluster import INSTANCE, PROJECT, RULES


async def test_grant_is_bound_and_expires_in_the_other_cluster() -> None:
    operator, there = a_remote_operator()
    async with running(operator):
        operator.grant("g1", duration="1m")
        await until(lambda: bound_in(there) == {"alice"}, within=2)
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "+Bound"
        assert operator.instance_ready == "+Converged"
        await asyncio.sleep(60)

        assert bound_in(there) == set()
        assert operator.shown == ["first"]


@pytest.mark.parametrize(
    ("token", "key", "problem"),
    [
        pytest.param(None, "", "argogrant/prod does not exist", id="no Secret"),
        pytest.param("x", "token", "argogrant/prod has no key k8s_token", id="no key"),
        pytest.param(" \n", "k8s_token", "has an empty key", id="an empty key"),
        pytest.param("two words", "k8s_token", "several words or lines", id="words"),
        pytest.param("x" * 16_385, "k8s_token", "16,385 characters", id="too long"),
        pytest.param("tökén", "k8s_token", "non-ASCII characters", id="no ASCII"),
    ],
)
async def test_missing_token_is_reported_until_it_exists(token, key, problem) -> None:
    """The message has the command that stores one."""
    operator, there = a_remote_operator(token=None)
    if token is not None:
        put_token(operator, token, key)
    async with running(operator):
        operator.grant("g1")
        await asyncio.sleep(60)
        assert operator.instance_ready == "-TokenMissing"
        assert problem in operator.instance_says
        assert "create secret generic prod --from-literal=k8s_token=" in (
            operator.instance_says
        )
        assert operator.ready("g1") == "-InstanceUnavailable"
        put_token(operator, "good")
        await until(lambda: bound_in(there) == {"alice"}, within=1.5)
        await asyncio.sleep(SOON)

        assert operator.instance_ready == "+Converged"


async def test_refused_token_is_reported_and_another_one_is_used() -> None:
    """The message has the command that stores one, and never the token."""
    operator, there = a_remote_operator("s3cret")
    operator.refused.add("s3cret")
    async with running(operator):
        operator.grant("g1")
        await asyncio.sleep(60)
        assert operator.instance_ready == "-TokenRefused"
        assert "kubectl create token" in operator.instance_says
        assert "s3cret" not in str(operator.cluster._objects[INSTANCE_PATH])
        put_token(operator, "good\n")
        await until(lambda: bound_in(there) == {"alice"}, within=1.5)

        assert operator.shown[-1] == "good"


async def test_new_token_changes_no_status_and_writes_nothing() -> None:
    operator, there = a_remote_operator()
    async with running(operator):
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        statuses = operator.cluster.count("merge_patch")
        writes = there.count("merge_patch")
        put_token(operator, "second")
        await asyncio.sleep(60)
        assert operator.cluster.count("merge_patch") == statuses
        assert there.count("merge_patch") == writes
        operator.grant("g2", "carol")
        await until(lambda: bound_in(there) == {"alice", "carol"}, within=2)

        assert operator.shown == ["first", "second"]
        assert operator.instance_ready == "+Converged"


async def test_untrusted_certificate_is_reported_with_the_field_to_fix() -> None:
    operator, there = a_remote_operator()
    wrong = UntrustedCertificate(
        "GET /x: the certificate of https://prod.example.com:6443 is bad"
    )
    there.fail("list", wrong, times=FOR_EVER)
    async with running(operator):
        await asyncio.sleep(SETTLED)

        assert operator.instance_ready == "-CertificateRefused"
        assert "spec.cluster.caBundle" in operator.instance_says


async def test_grant_that_expires_in_an_outage_is_removed_right_after_it() -> None:
    operator, there = a_remote_operator()
    async with running(operator):
        operator.grant("g1", duration="1m")
        operator.grant("g2", "carol")
        await asyncio.sleep(SETTLED)
        cut_off(there)
        await asyncio.sleep(600)
        assert operator.instance_ready == "-Unavailable"
        assert SERVER in operator.instance_says
        assert operator.ready("g1") == "-InstanceUnavailable"
        there.stop_failing()
        took = await until(lambda: bound_in(there) == {"carol"}, within=8)
        await asyncio.sleep(SETTLED)

        assert took < 6
        assert operator.ready("g1") == "-Expired"


async def test_hanging_cluster_delays_no_other_instance() -> None:
    """Neither its statuses nor its resyncs."""
    operator, there = a_remote_operator()

    async def hang() -> None:
        await asyncio.sleep(FOR_EVER)

    for _ in range(50):
        there.before("list", hang)
    operator.write_rbac({"policy.csv": RULES})
    operator.cluster.add(APP_PROJECTS.path("argocd"), PROJECT)
    operator.cluster.add(INSTANCES, {**INSTANCE, "metadata": {"name": "home"}})
    async with running(operator):
        serving = asyncio.create_task(operator.namespace.run_instance("home"))
        operator.grant("g0", "carol")
        operator.grant("g1", instance="home", duration="1m")
        await until(lambda: operator.bound == {"alice"}, within=2)
        sweeping = asyncio.create_task(operator.namespace.resync("default"))
        loop = asyncio.get_running_loop()
        began = loop.time()
        await operator.namespace.resync("home")
        assert loop.time() - began < 1
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "+Bound"
        assert operator.ready("g0") == "-InstanceUnavailable"
        await asyncio.sleep(60)
        assert operator.bound == set()
        for task in (serving, sweeping):
            task.cancel()
        await asyncio.gather(serving, sweeping, return_exceptions=True)


async def test_resync_succeeds_while_the_other_cluster_fails() -> None:
    """The operator's own objects were compared; the informers retry the others."""
    operator, there = a_remote_operator()
    async with running(operator):
        await asyncio.sleep(SETTLED)
        there.fail("list", Unavailable("no route"), times=FOR_EVER)
        await operator.namespace.resync("default")

        assert operator.instance_ready == "+Converged"


async def test_deleted_instance_leaves_nothing_in_the_other_cluster() -> None:
    operator, there = a_remote_operator()
    async with running(operator):
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.delete_instance()
        await until(lambda: not operator.is_served, within=2)
        await asyncio.sleep(SOON)

        assert there.object(RBAC)["data"] == {"policy.csv": RULES}
        assert operator.ready("g1") == "-InstanceNotFound"


@pytest.mark.parametrize("end", ["cluster returns", "abandoned"])
async def test_deleted_instance_is_kept_while_its_cluster_is_away(end: str) -> None:
    operator, there = a_remote_operator()
    async with running(operator):
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        cut_off(there)
        operator.delete("g1")
        operator.delete_instance()
        await asyncio.sleep(600)
        assert operator.is_served
        assert operator.has("g1")
        if end == "cluster returns":
            there.stop_failing()
        else:
            operator.abandon_instance()
        await until(lambda: not operator.is_served, within=8)

        assert (OVERLAY_KEY in there.object(RBAC)["data"]) is (end == "abandoned")


async def test_deleted_instance_is_kept_while_its_token_is_missing() -> None:
    operator, there = a_remote_operator()
    async with running(operator):
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.cluster.delete_object(f"{SECRETS.path(OURS)}/prod")
        operator.delete_instance()
        await asyncio.sleep(600)
        assert operator.is_served
        assert operator.instance_ready == "-TokenMissing"
        put_token(operator, "second")
        await until(lambda: not operator.is_served, within=2)

        assert there.object(RBAC)["data"] == {"policy.csv": RULES}


async def test_deleted_instance_is_kept_while_its_projects_cannot_be_read() -> None:
    """After a reconnection nothing is known of members in AppProjects."""
    operator, there = a_remote_operator()
    projects = APP_PROJECTS.path("argocd")
    async with running(operator):
        await asyncio.sleep(SETTLED)
        there.fail("list", Unavailable("503"), times=FOR_EVER, path=projects)
        put_token(operator, "second")
        operator.delete_instance()
        await asyncio.sleep(600)
        assert operator.is_served
        there.stop_failing()

        await until(lambda: not operator.is_served, within=8)


async def test_other_credentials_for_the_same_server_remove_no_binding() -> None:
    operator, there = a_remote_operator()
    async with running(operator):
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        writes = there.count("merge_patch")
        operator.edit_instance(cluster={**CLUSTER, "tokenSecret": {"name": "prod2"}})
        await asyncio.sleep(SOON)
        put_token(operator, "second", name="prod2")
        await asyncio.sleep(SETTLED)

        assert there.count("merge_patch") == writes
        assert bound_in(there) == {"alice"}
        assert operator.shown == ["first", "second"]
        assert operator.instance_ready == "+Converged"


async def test_new_token_is_used_in_the_middle_of_a_resync() -> None:
    """The client is closed under the resync, which must not fail by that."""
    operator, there = a_remote_operator()
    async with running(operator):
        await asyncio.sleep(SETTLED)

        async def slow() -> None:
            await asyncio.sleep(1)

        there.before("list", slow)
        resync = asyncio.create_task(operator.namespace.resync("default"))
        await asyncio.sleep(SOON)
        put_token(operator, "second")
        await resync
        operator.grant("g1")

        await until(lambda: bound_in(there) == {"alice"}, within=4)


async def test_token_that_changes_without_end_costs_one_connection_a_second() -> None:
    """Each connection takes time of the event loop, which other instances need."""
    operator, _ = a_remote_operator()
    async with running(operator):
        for number in range(100):
            put_token(operator, f"token-{number}")
            await asyncio.sleep(0.1)

        assert len(operator.shown) <= 12
        await until(lambda: operator.shown[-1] == "token-99", within=2)
