"""Deletion of ended grants once their retention has passed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from argogrant.api.accessgrant import TRACKING_ANNOTATION
from argogrant.controller.status.retention import DELETE_INTERVAL, RETRY
from argogrant.kube.errors import Conflict, Forbidden, NotFound, Unavailable
from support.in_memory_operator import (
    GRANTS,
    RBAC,
    SETTLED,
    InMemoryOperator,
    an_operator,
    running,
    until,
)
from support.in_memory_policies import (
    APPROVALS,
    a_policy,
    approval_required,
    approve,
    operator_with_policies,
    request_grant,
)
from support.live_cluster import RULES

HOUR = 3600.0
MINUTE = 60.0
RETENTION = 10 * MINUTE
FOR_EVER = 10_000


@asynccontextmanager
async def a_room_with_retention() -> AsyncIterator[InMemoryOperator]:
    """Run an operator that keeps ended grants for ten minutes."""
    async with an_operator() as operator:
        operator.edit_instance(retention="10m")
        yield operator


async def test_ended_grant_is_deleted_after_its_retention() -> None:
    async with a_room_with_retention() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(MINUTE + RETENTION - 5)
        assert operator.has("g1")

        await until(lambda: not operator.has("g1"), within=10)


async def test_deletion_is_reported_and_counted_once() -> None:
    async with a_room_with_retention() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(MINUTE + RETENTION + SETTLED)

        assert operator.happened("g1") == ["requested", "bound", "ended", "deleted"]
        assert operator.audit_records[-1].data.reason == "Expired"
        assert deleted_grants(operator) == 1


async def test_grant_that_was_never_in_force_is_deleted() -> None:
    async with a_room_with_retention() as operator:
        operator.grant("g1", revoked=True, duration="1m")
        await asyncio.sleep(RETENTION + SETTLED)

        assert not operator.has("g1")


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"expiresAt": "2026-11-24T13:00:00Z"}, id="expiresAt"),
        pytest.param(
            {"notBefore": "2026-11-24T12:00:00Z", "duration": "1h"},
            id="duration from notBefore",
        ),
        pytest.param({"duration": "1h"}, id="duration"),
    ],
)
async def test_revoked_grant_is_kept_as_long_as_its_manifest_gives_access(spec) -> None:
    """Whoever applies the manifest again finds the revoked object."""
    async with a_room_with_retention() as operator:
        operator.grant("g1", **spec)
        await asyncio.sleep(MINUTE)
        operator.revoke("g1")
        await asyncio.sleep(HOUR - 2 * MINUTE)
        assert operator.has_ended("g1")
        await asyncio.sleep(MINUTE + SETTLED)

        assert not operator.has("g1")


async def test_active_grant_is_not_deleted() -> None:
    async with a_room_with_retention() as operator:
        operator.grant("g1", duration="6h")
        await asyncio.sleep(5 * HOUR)

        assert operator.bound == {"alice"}


async def test_grant_tracked_from_git_is_not_deleted() -> None:
    async with a_room_with_retention() as operator:
        operator.grant("g1", expiresAt="2026-11-24T12:01:00Z")
        tracked = {"metadata": {"annotations": {TRACKING_ANNOTATION: "app:x"}}}
        operator.cluster.edit(f"{GRANTS}/g1", tracked)
        await asyncio.sleep(2 * HOUR)

        assert operator.has_ended("g1")


async def test_grant_is_kept_while_its_extension_is_active() -> None:
    async with a_room_with_retention() as operator:
        operator.grant("g1", duration="1m")
        operator.grant("g2", duration="1h", extends="g1")
        await asyncio.sleep(HOUR - MINUTE)
        assert operator.has("g1")
        await asyncio.sleep(MINUTE + SETTLED)

        assert not operator.has("g1")
        assert operator.has("g2")


async def test_grant_is_kept_while_argo_cd_may_still_allow_it() -> None:
    """It expired while the ConfigMap was missing."""
    async with a_room_with_retention() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(30)
        operator.cluster.delete_object(RBAC)
        await asyncio.sleep(RETENTION + HOUR)
        assert operator.has("g1")
        operator.write_rbac({"policy.csv": RULES})
        await asyncio.sleep(SETTLED)

        assert not operator.has("g1")


async def test_shorter_retention_applies_at_once() -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(HOUR)
        assert operator.has("g1")
        operator.edit_instance(retention="5m")
        await asyncio.sleep(SETTLED)

        assert not operator.has("g1")


async def test_grants_of_an_invalid_instance_are_kept() -> None:
    async with a_room_with_retention() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(2 * MINUTE)
        operator.edit_instance(maxDuration="a while")
        await asyncio.sleep(HOUR)

        assert operator.has("g1")


async def test_deletions_are_limited_in_rate() -> None:
    """For example after the clock was stepped forward."""
    async with a_room_with_retention() as operator:
        for number in range(40):
            operator.grant(f"g{number}", f"user-{number}", duration="1m")
        await asyncio.sleep(2 * MINUTE)
        operator.clock.step(timedelta(days=1))
        await asyncio.sleep(20 * DELETE_INTERVAL)
        assert 10 < operator.cluster.count("delete") <= 21
        await asyncio.sleep(20 * DELETE_INTERVAL + SETTLED)

        assert not any(operator.has(f"g{number}") for number in range(40))


async def test_clock_that_is_ahead_does_not_shorten_the_retention() -> None:
    async with a_room_with_retention() as operator:
        operator.cluster.skew = -HOUR
        operator.grant("g1", duration="1m")
        await asyncio.sleep(HOUR + RETENTION)
        assert operator.has("g1")

        await until(lambda: not operator.has("g1"), within=2 * MINUTE)


async def test_missing_permission_is_reported_on_the_instance_until_it_is_granted() -> (
    None
):
    async with a_room_with_retention() as operator:
        refused = Forbidden("DELETE /apis/argogrant.dev/x: 403 cannot delete")
        operator.cluster.fail("delete", refused, times=FOR_EVER)
        operator.grant("g1", duration="1m")
        await asyncio.sleep(MINUTE + RETENTION + SETTLED)
        assert operator.instance_ready == "-Forbidden"
        assert "ended grants cannot be deleted after spec.retention" in (
            operator.instance_says
        )
        assert "manifests/argogrant-namespace.yaml" in operator.instance_says
        operator.cluster.stop_failing()
        await asyncio.sleep(RETRY + SETTLED)

        assert operator.instance_ready == "+Converged"
        assert not operator.has("g1")
        assert operator.happened("g1").count("deleted") == 1


async def test_outage_is_not_reported_on_the_instance() -> None:
    async with a_room_with_retention() as operator:
        operator.cluster.fail("delete", Unavailable("503"))
        operator.grant("g1", duration="1m")
        await asyncio.sleep(MINUTE + RETENTION + 2)
        assert operator.instance_ready == "+Converged"
        await asyncio.sleep(RETRY)

        assert not operator.has("g1")


@pytest.mark.parametrize("error", [Conflict("409"), NotFound("404")])
async def test_deletion_of_a_changed_grant_is_checked_again(error) -> None:
    """The change may be one that keeps the grant."""
    async with a_room_with_retention() as operator:
        operator.cluster.fail("delete", error)
        operator.grant("g1", duration="1m")
        await asyncio.sleep(MINUTE + RETENTION + SETTLED)
        assert operator.has("g1")
        await operator.namespace.resync("default")
        await asyncio.sleep(SETTLED)

        assert not operator.has("g1")


async def test_approvals_are_deleted_with_their_grant() -> None:
    async with operator_with_policies(a_policy(**approval_required())) as operator:
        operator.edit_instance(retention="10m")
        request_grant(operator, duration="1m")
        request_grant(operator, "g2", duration="1h")
        await asyncio.sleep(SETTLED)
        approve(operator, "g1")
        approve(operator, "g2")
        await asyncio.sleep(MINUTE + RETENTION + SETTLED)

        assert not operator.has("g1")
        assert approvals(operator) == {"g2-bob"}


async def test_approval_of_an_earlier_grant_of_the_same_name_is_kept() -> None:
    async with operator_with_policies(a_policy(**approval_required())) as operator:
        operator.edit_instance(retention="10m")
        request_grant(operator, duration="1m")
        await asyncio.sleep(SETTLED)
        other = {"spec": {"grant": {"uid": "another"}}}
        approve(operator, "g1", name="stray")
        operator.cluster.edit(f"{APPROVALS}/stray", other)
        approve(operator, "g1")
        await asyncio.sleep(MINUTE + RETENTION + SETTLED)

        assert not operator.has("g1")
        assert approvals(operator) == {"stray"}


async def test_grant_with_an_invalid_time_of_its_end_is_kept() -> None:
    async with a_room_with_retention() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(2 * MINUTE)
        broken = {"status": {"endedAt": "yesterday"}}
        operator.cluster.edit(f"{GRANTS}/g1/status", broken)
        await operator.namespace.resync("default")
        await asyncio.sleep(HOUR)

        assert operator.has("g1")


async def test_standby_deletes_no_grant() -> None:
    operator = InMemoryOperator()
    operator.install()
    operator.edit_instance(retention="10m")
    async with running(operator):
        operator.grant("g1", duration="1m")
        await asyncio.sleep(2 * MINUTE)
    standby = InMemoryOperator(operator.cluster)
    standby.leading.clear()
    task = asyncio.create_task(standby.namespace.run())
    await asyncio.sleep(HOUR)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert standby.has("g1")


def approvals(operator: InMemoryOperator) -> set[str]:
    """Return the names of the approvals that exist."""
    return {name for name in ("g1-bob", "g2-bob", "stray") if exists(operator, name)}


def exists(operator: InMemoryOperator, approval: str) -> bool:
    try:
        operator.cluster.object(f"{APPROVALS}/{approval}")
    except NotFound:
        return False
    return True


def deleted_grants(operator: InMemoryOperator) -> float | None:
    labels = {"namespace": "argogrant", "instance": "default"}
    name = "argogrant_grants_deleted_total"
    return operator.metrics.registry.get_sample_value(name, labels)
