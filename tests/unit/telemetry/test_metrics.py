"""Metrics of an instance after a reconciliation."""

import asyncio

from argogrant.kube.errors import Unavailable
from argogrant.telemetry.metrics import Metrics
from support.builders import HOUR, NOON, a_grant, decided
from support.in_memory_operator import (
    INSTANCES,
    RBAC,
    SETTLED,
    SOON,
    InMemoryOperator,
    an_operator,
)

LABELS = {"namespace": "argogrant", "instance": "default"}


def value(operator: InMemoryOperator, name: str, **labels: str) -> float | None:
    return operator.metrics.registry.get_sample_value(name, {**LABELS, **labels})


async def test_bindings_and_grants_are_counted() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        operator.grant("g2", role={"name": "role:none"})
        await asyncio.sleep(SETTLED)

        assert value(operator, "argogrant_bindings") == 1
        assert value(operator, "argogrant_grants", reason="Bound") == 1
        assert value(operator, "argogrant_grants", reason="RoleNotFound") == 1
        assert value(operator, "argogrant_overlay_writes_total", result="ok") == 1
        assert (value(operator, "argogrant_rbac_text_bytes") or 0) > 100


async def test_revocation_lag_is_recorded() -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(61)

        assert value(operator, "argogrant_revocation_lag_seconds_count") == 1
        lag = value(operator, "argogrant_revocation_lag_seconds_sum")
        assert lag is not None
        assert 0 <= lag < 0.1
        assert value(operator, "argogrant_grants", reason="Bound") == 0


async def test_orphan_is_counted() -> None:
    async with an_operator() as operator:
        operator.edit_rbac(policy_argogrant_csv="g, eve, role:admin\n")
        await asyncio.sleep(SOON)

        assert value(operator, "argogrant_orphans_removed_total") == 1
        assert value(operator, "argogrant_revocation_lag_seconds_count") == 0


async def test_failed_writes_are_counted() -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        operator.cluster.fail("merge_patch", Unavailable("503"), times=99, path=RBAC)
        await asyncio.sleep(70)

        assert (
            value(operator, "argogrant_overlay_writes_total", result="error") or 0
        ) > 3


async def test_deleted_instance_has_no_series() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.cluster.delete_object(f"{INSTANCES}/default")
        await asyncio.sleep(2)

        assert value(operator, "argogrant_bindings") is None
        assert value(operator, "argogrant_grants", reason="Bound") is None


async def test_differences_of_a_resync_are_counted() -> None:
    async with an_operator() as operator:
        operator.cluster.silent = True
        operator.grant("g1")
        await operator.namespace.resync("default")

        assert value(operator, "argogrant_sweep_differences_total") == 1


def test_break_glass_and_waiting_grants_are_counted() -> None:
    metrics = Metrics()
    instance = metrics.get("argogrant", "default")
    break_glass = decided(a_grant(break_glass=True))
    ended = decided(a_grant(break_glass=True), NOON + HOUR)
    instance.in_force([break_glass, ended, decided(a_grant())])
    instance.grants({"AwaitingApproval": 2, "Bound": 3})

    def value_of(name: str) -> float | None:
        return metrics.registry.get_sample_value(name, LABELS)

    assert value_of("argogrant_break_glass_grants") == 1
    assert value_of("argogrant_approvals_waiting") == 2
    instance.forget()
    assert value_of("argogrant_break_glass_grants") is None
    assert value_of("argogrant_approvals_waiting") is None


def test_every_metric_is_in_one_group() -> None:
    metrics = Metrics()
    names = [family.name for one in metrics.all() for family in one.describe()]
    ours = [f.name for f in metrics.registry.collect() if "argogrant" in f.name]

    assert sorted(names) == sorted(ours)
