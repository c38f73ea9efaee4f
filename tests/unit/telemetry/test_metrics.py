"""The metrics of an instance: what a convergence leaves in them."""

import asyncio

from argogrant.kube.errors import Unavailable
from argogrant.telemetry.metrics import Metrics
from support.builders import HOUR, NOON, a_grant, decided
from support.in_memory_operator import INSTANCES, RBAC, SETTLED, SOON, Room, a_room

LABELS = {"namespace": "argogrant", "instance": "default"}


def told(room: Room, name: str, **labels: str) -> float | None:
    return room.metrics.registry.get_sample_value(name, {**LABELS, **labels})


async def test_what_is_bound_is_counted() -> None:
    async with a_room() as room:
        room.grant("g1")
        room.grant("g2", role={"name": "role:none"})
        await asyncio.sleep(SETTLED)

        assert told(room, "argogrant_bindings") == 1
        assert told(room, "argogrant_grants", reason="Bound") == 1
        assert told(room, "argogrant_grants", reason="RoleNotFound") == 1
        assert told(room, "argogrant_overlay_writes_total", result="ok") == 1
        assert (told(room, "argogrant_rbac_text_bytes") or 0) > 100


async def test_a_revocation_has_a_lag() -> None:
    async with a_room() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(61)

        assert told(room, "argogrant_revocation_lag_seconds_count") == 1
        lag = told(room, "argogrant_revocation_lag_seconds_sum")
        assert lag is not None
        assert 0 <= lag < 0.1
        assert told(room, "argogrant_grants", reason="Bound") == 0


async def test_what_nobody_granted_is_an_orphan() -> None:
    async with a_room() as room:
        room.edit_rbac(policy_argogrant_csv="g, eve, role:admin\n")
        await asyncio.sleep(SOON)

        assert told(room, "argogrant_orphans_removed_total") == 1
        assert told(room, "argogrant_revocation_lag_seconds_count") == 0


async def test_a_write_that_failed_is_counted_and_an_end_is_overdue() -> None:
    async with a_room() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        room.cluster.fail("merge_patch", Unavailable("503"), times=99, path=RBAC)
        await asyncio.sleep(70)

        assert (told(room, "argogrant_overlay_writes_total", result="error") or 0) > 3


async def test_an_instance_that_is_gone_leaves_no_series() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.delete_object(f"{INSTANCES}/default")
        await asyncio.sleep(2)

        assert told(room, "argogrant_bindings") is None
        assert told(room, "argogrant_grants", reason="Bound") is None


async def test_what_a_sweep_found_is_counted() -> None:
    async with a_room() as room:
        room.cluster.silent = True
        room.grant("g1")
        await room.namespace.resync("default")

        assert told(room, "argogrant_sweep_differences_total") == 1


def test_grants_of_an_emergency_and_those_that_wait_are_counted() -> None:
    metrics = Metrics()
    instance = metrics.get("argogrant", "default")
    emergency = decided(a_grant(break_glass=True))
    ended = decided(a_grant(break_glass=True), NOON + HOUR)
    instance.in_force([emergency, ended, decided(a_grant())])
    instance.grants({"AwaitingApproval": 2, "Bound": 3})

    def value(name: str) -> float | None:
        return metrics.registry.get_sample_value(name, LABELS)

    assert value("argogrant_break_glass_grants") == 1
    assert value("argogrant_approvals_waiting") == 2
    instance.forget()
    assert value("argogrant_break_glass_grants") is None
    assert value("argogrant_approvals_waiting") is None


def test_every_metric_is_in_one_group() -> None:
    metrics = Metrics()
    names = [family.name for one in metrics.all() for family in one.describe()]
    ours = [f.name for f in metrics.registry.collect() if "argogrant" in f.name]

    assert sorted(names) == sorted(ours)
