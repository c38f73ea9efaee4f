"""Deleted grants: their finalizer stays until the revocation is certain."""

import asyncio

import pytest

from argogrant.api.accessgrant import FINALIZER
from argogrant.controller.status.writer import RELEASE_RETRY_SECONDS
from argogrant.kube.errors import Forbidden, Invalid, Unavailable
from support.in_memory_operator import (
    GRANTS,
    RBAC,
    SETTLED,
    InMemoryOperator,
    an_operator,
    running,
    until,
)
from support.live_cluster import RULES

FOR_EVER = 10_000
AWAY = Unavailable("503")


async def test_finalizer_is_removed_shortly_after_the_binding() -> None:
    """Not at once: argocd-server's watch has to deliver the change."""
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.delete("g1")
        await until(lambda: not operator.bound, within=0.1)
        assert operator.has("g1")

        await until(lambda: not operator.has("g1"), within=0.5)


async def test_deletion_waits_while_the_revocation_cannot_be_written() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.cluster.fail("merge_patch", AWAY, times=FOR_EVER, path=RBAC)
        operator.delete("g1")
        await asyncio.sleep(60)
        assert operator.has("g1")
        operator.cluster.stop_failing()
        await asyncio.sleep(SETTLED)

        assert not operator.bound
        assert not operator.has("g1")


async def test_deletion_waits_while_the_config_map_is_missing() -> None:
    """Argo CD keeps the policy that it loaded last, so no revocation is certain."""
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.cluster.delete_object(RBAC)
        operator.delete("g1")
        await asyncio.sleep(60)
        assert operator.has("g1")
        operator.write_rbac({"policy.csv": RULES})
        await asyncio.sleep(SETTLED)

        assert not operator.has("g1")


async def test_deletion_waits_for_the_config_map_after_a_restart() -> None:
    """An operator that starts without a ConfigMap has never seen the bindings."""
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.cluster.delete_object(RBAC)
        operator.delete("g1")
    again = InMemoryOperator(operator.cluster)
    async with running(again):
        await asyncio.sleep(60)
        assert again.has("g1")
        again.write_rbac({"policy.csv": RULES})
        await asyncio.sleep(SETTLED)

        assert not again.has("g1")


async def test_removal_of_the_finalizer_is_retried() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.cluster.fail("merge_patch", AWAY, times=3, path=GRANTS)
        operator.delete("g1")

        await until(lambda: not operator.has("g1"), within=10)


async def test_annotation_releases_a_deleted_grant() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.cluster.delete_object(RBAC)
        operator.delete("g1")
        await asyncio.sleep(SETTLED)
        assert operator.has("g1")
        operator.abandon("g1")

        await until(lambda: not operator.has("g1"), within=0.5)


async def test_annotation_has_no_effect_on_a_grant_that_is_not_deleted() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.abandon("g1")
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "+Bound"
        assert operator.holders("g1") == [FINALIZER]


async def test_ended_grant_keeps_its_finalizer_until_it_is_deleted() -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(120)

        assert operator.ready("g1") == "-Expired"
        assert operator.holders("g1") == [FINALIZER]


async def test_rejected_removal_of_the_finalizer_is_retried_by_a_later_resync() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.cluster.fail("merge_patch", Invalid("422"), path=f"{GRANTS}/g1")
        operator.delete("g1")
        await asyncio.sleep(SETTLED)
        assert operator.has("g1")
        await operator.namespace.resync("default")

        await until(lambda: not operator.has("g1"), within=0.5)


async def test_removal_of_the_finalizer_is_retried_after_a_short_denial() -> None:
    """An API server that has just started denies requests; no resync is needed."""
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.cluster.fail("merge_patch", Forbidden("403"), path=f"{GRANTS}/g1")
        operator.delete("g1")

        await until(lambda: not operator.has("g1"), within=4)


async def test_removal_of_the_finalizer_is_retried_without_an_instance() -> None:
    """No resync of an instance covers the grant."""
    operator = InMemoryOperator()
    async with running(operator):
        operator.grant("g1", held_by=FINALIZER)
        await asyncio.sleep(SETTLED)
        denied = Forbidden("403")
        operator.cluster.fail("merge_patch", denied, times=5, path=f"{GRANTS}/g1")
        operator.delete("g1")
        await asyncio.sleep(1)
        assert operator.has("g1")

        await until(lambda: not operator.has("g1"), within=RELEASE_RETRY_SECONDS + 2)


async def test_removal_of_the_finalizer_is_not_repeated_by_every_reconciliation() -> (
    None
):
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.cluster.fail("merge_patch", Invalid("422"), path=f"{GRANTS}/g1")
        operator.delete("g1")
        await asyncio.sleep(0.5)
        tried = operator.cluster.count("merge_patch", f"{GRANTS}/g1")
        for _ in range(int(RELEASE_RETRY_SECONDS) - 1):
            await operator.namespace.resync("default")
            await asyncio.sleep(0.9)

        assert operator.cluster.count("merge_patch", f"{GRANTS}/g1") == tried


async def test_deletion_does_not_wait_for_a_binding_that_another_grant_wants() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        operator.grant("g2")
        await asyncio.sleep(SETTLED)
        operator.delete("g1")
        await until(lambda: not operator.has("g1"), within=1)

        assert operator.bound == {"alice"}


async def test_grant_whose_finalizer_was_removed_by_hand_is_revoked() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.tear_away("g1")

        await until(lambda: not operator.bound, within=0.1)


async def test_grant_of_the_same_name_is_another_grant() -> None:
    """It has a status of its own, and no trace of the first one is left."""
    async with an_operator() as operator:
        operator.grant("g1", subject="alice")
        await asyncio.sleep(SETTLED)
        operator.tear_away("g1")
        operator.grant("g1", subject="bob")
        await asyncio.sleep(SETTLED)

        assert operator.bound == {"bob"}
        assert operator.ready("g1") == "+Bound"
        assert operator.holders("g1") == [FINALIZER]


async def test_grant_that_became_invalid_reports_why_and_can_be_deleted() -> None:
    """A CRD that is older than the operator accepted the change."""
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.cluster.edit(f"{GRANTS}/g1", {"spec": {"duration": "soon"}})
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "-InvalidGrant"
        assert not operator.bound
        operator.delete("g1")

        await until(lambda: not operator.has("g1"), within=1)


async def test_invalid_grant_without_an_instance_can_be_deleted() -> None:
    operator = InMemoryOperator()
    async with running(operator):
        operator.grant("g1")
        held = {"metadata": {"finalizers": [FINALIZER]}, "spec": {"duration": "soon"}}
        operator.cluster.edit(f"{GRANTS}/g1", held)
        await asyncio.sleep(SETTLED)
        operator.delete("g1")

        await until(lambda: not operator.has("g1"), within=2)


@pytest.mark.parametrize("step", ["create the instance", "delete the grant"])
async def test_grant_without_an_instance_can_be_bound_or_deleted_later(step) -> None:
    operator = InMemoryOperator()
    async with running(operator):
        operator.grant("g1")
        operator.cluster.edit(f"{GRANTS}/g1", {"metadata": {"finalizers": [FINALIZER]}})
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "-InstanceNotFound"
        if step == "create the instance":
            operator.install()
            await asyncio.sleep(SETTLED)
            assert operator.ready("g1") == "+Bound"
        else:
            operator.delete("g1")
            await until(lambda: not operator.has("g1"), within=2)


async def test_grant_without_an_instance_expires() -> None:
    operator = InMemoryOperator()
    async with running(operator):
        operator.grant("g1", duration="1m")
        await asyncio.sleep(62)

        assert operator.ready("g1") == "-Expired"


async def test_grant_of_another_instance_is_not_bound() -> None:
    async with an_operator() as operator:
        operator.grant("g1", instance="another")
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "-InstanceNotFound"
        assert not operator.bound
