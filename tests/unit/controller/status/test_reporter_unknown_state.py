"""Reports of ends while it is unknown whether Argo CD has loaded the revocation."""

import asyncio

import pytest

from argogrant.api.accessgrant import FINALIZER
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.kube.errors import Forbidden, Unavailable
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
THEIRS = "# argogrant v1 elsewhere/default u9\ng, alice, role:deployer\n"


def message(operator: InMemoryOperator, name: str) -> str:
    text: str = operator.condition(f"{GRANTS}/{name}", "Ready")["message"]
    return text


@pytest.mark.parametrize(
    ("overlay", "reason"),
    [
        pytest.param(False, "-Expired", id="restored without the managed key"),
        pytest.param(
            True, "-Expired", id="restored from a backup with the managed key"
        ),
    ],
)
async def test_end_without_a_config_map_is_reported_once_it_is_certain(
    overlay, reason
) -> None:
    """Argo CD still applies the policy that it loaded last."""
    async with an_operator() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        backup = dict(operator.data)
        operator.cluster.delete_object(RBAC)
        await asyncio.sleep(120)
        assert operator.ready("g1") == "-ConfigMapMissing"
        assert not operator.has_ended("g1")
        assert message(operator, "g1").startswith("The grant expired at ")
        assert "Restore the ConfigMap" in message(operator, "g1")
        operator.write_rbac(backup if overlay else {"policy.csv": RULES})
        await asyncio.sleep(SETTLED)

        assert not operator.bound
        assert operator.ready("g1") == reason
        assert operator.has_ended("g1")


async def test_revocation_without_a_config_map_is_reported_once_it_is_certain() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.cluster.delete_object(RBAC)
        operator.revoke("g1")
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "-ConfigMapMissing"
        assert not operator.has_ended("g1")
        operator.write_rbac({"policy.csv": RULES})
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "-Revoked"
        assert operator.has_ended("g1")


async def test_end_of_a_grant_that_was_not_bound_is_reported_at_once() -> None:
    """Argo CD never loaded its binding."""
    async with an_operator() as operator:
        operator.grant("g1", role={"name": "role:none"}, duration="1m")
        operator.grant("g2", "carol", duration="1m")
        operator.grant("g3", "carol", duration="1h")
        await asyncio.sleep(SETTLED)
        operator.cluster.delete_object(RBAC)
        await asyncio.sleep(60)

        assert operator.ready("g1") == "-Expired"
        assert operator.has_ended("g1")
        assert operator.ready("g2") == "-Expired"
        assert operator.ready("g3") == "-ConfigMapMissing"


async def test_operator_that_starts_without_a_config_map_relies_on_the_status() -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="1m")
        operator.grant("g2", role={"name": "role:none"}, duration="1m")
        operator.grant("g3", duration="20s")
        await asyncio.sleep(30)
        assert operator.has_ended("g3")
        operator.cluster.delete_object(RBAC)
    again = InMemoryOperator(operator.cluster)
    async with running(again):
        await asyncio.sleep(60)

        assert again.ready("g1") == "-ConfigMapMissing"
        assert not again.has_ended("g1")
        assert again.has_ended("g2")
        assert again.has_ended("g3")


async def test_end_is_reported_once_its_revocation_is_written() -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        forbidden = Forbidden("PATCH configmaps: 403")
        operator.cluster.fail("merge_patch", forbidden, times=FOR_EVER, path=RBAC)
        await asyncio.sleep(120)
        assert operator.ready("g1") == "-InstanceUnavailable"
        assert not operator.has_ended("g1")
        operator.cluster.stop_failing()
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "-Expired"
        assert operator.has_ended("g1")


async def test_deleted_grant_reports_what_it_waits_for() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.cluster.delete_object(RBAC)
        operator.delete("g1")
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "-ConfigMapMissing"
        assert message(operator, "g1").startswith("The grant is being deleted. ")
        assert not operator.has_ended("g1")


async def test_deleted_grant_reports_that_writes_fail() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        forbidden = Forbidden("PATCH configmaps: 403")
        operator.cluster.fail("merge_patch", forbidden, times=FOR_EVER, path=RBAC)
        operator.delete("g1")
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "-InstanceUnavailable"
        assert operator.holders("g1") == [FINALIZER]


@pytest.mark.parametrize("times", [0, 1])
async def test_deleted_grant_with_another_finalizer_reports_its_deletion(times) -> None:
    """Also if the status is still pending when the finalizer is removed."""
    async with an_operator() as operator:
        operator.grant("g1", held_by="example.com/theirs")
        await asyncio.sleep(SETTLED)
        away = Unavailable("503")
        operator.cluster.fail("merge_patch", away, times=times, path="g1/status")
        operator.delete("g1")
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "-Deleted"
        assert operator.holders("g1") == ["example.com/theirs"]


async def test_no_status_is_written_for_a_grant_that_is_about_to_be_gone() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        before = operator.cluster.count("merge_patch", f"{GRANTS}/g1")
        operator.delete("g1")
        await until(lambda: not operator.has("g1"), within=0.5)

        assert operator.cluster.count("merge_patch", f"{GRANTS}/g1") == before + 1


async def test_binding_of_another_instance_does_not_count() -> None:
    """It does not make a grant ready, and its deletion does not wait for it."""
    operator = InMemoryOperator()
    operator.install({"policy.csv": RULES, OVERLAY_KEY: THEIRS})
    async with running(operator):
        operator.grant("g1", held_by=FINALIZER)
        operator.grant("g2", duration="1m")
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "-OverlayOwnedByAnother"
        operator.delete("g1")
        await until(lambda: not operator.has("g1"), within=0.5)
        await asyncio.sleep(60)

        assert operator.ready("g2") == "-Expired"
        assert operator.has_ended("g2")
        assert operator.bound == {"alice"}
