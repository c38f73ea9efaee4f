"""Failures of API servers: grants expire, and none is bound twice."""

import asyncio

import pytest

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.kube.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Unavailable,
)
from support.in_memory_operator import (
    GRANTS,
    INSTANCES,
    RBAC,
    SETTLED,
    SOON,
    a_room,
    until,
)
from support.live_cluster import RULES

AWAY = Unavailable("PATCH /x: 503 away")
FOR_EVER = 10_000


async def test_conflict_is_planned_again_on_the_new_version() -> None:
    """The concurrent edit stays, and the grant is bound at once."""
    async with a_room() as room:
        mine = RULES + "# a comment\n"
        room.cluster.before("merge_patch", lambda: room.edit_rbac(policy_csv=mine))
        room.grant("g1")
        await until(lambda: room.bound == {"alice"}, within=SOON)

        assert room.data["policy.csv"] == mine
        assert room.writes == 2


async def test_concurrent_edit_is_part_of_the_next_decision() -> None:
    """The concurrent edit removed the role."""
    async with a_room() as room:
        room.cluster.before("merge_patch", lambda: room.edit_rbac(policy_csv="# no"))
        room.grant("g1")
        await asyncio.sleep(SETTLED)

        assert not room.bound
        assert room.ready("g1") == "-RoleNotFound"


async def test_repeated_conflicts_are_reported_and_retried() -> None:
    async with a_room() as room:
        room.cluster.fail("merge_patch", Conflict("409"), times=FOR_EVER, path=RBAC)
        room.grant("g1")
        await asyncio.sleep(60)
        assert room.instance_ready == "-Unavailable"
        assert room.writes < 3 * 60
        room.cluster.stop_failing()
        await asyncio.sleep(SETTLED)

        assert room.bound == {"alice"}
        assert room.instance_ready == "+Converged"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(AWAY, "-Unavailable", id="an API server that is away"),
        pytest.param(Forbidden("403 patch"), "-Forbidden", id="a missing Role"),
        pytest.param(
            Invalid("422"), "-Unavailable", id="an admission webhook that denies"
        ),
    ],
)
async def test_failed_write_is_reported_and_retried(error: ClusterError, said) -> None:
    async with a_room() as room:
        room.cluster.fail("merge_patch", error, times=FOR_EVER, path=RBAC)
        room.grant("g1")
        await asyncio.sleep(30)
        assert room.instance_ready == said
        assert not room.bound
        room.cluster.stop_failing()
        await asyncio.sleep(SETTLED)

        assert room.bound == {"alice"}
        assert room.instance_ready == "+Converged"


async def test_grant_that_expires_in_an_outage_is_removed_right_after_it() -> None:
    async with a_room() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        room.cluster.fail("merge_patch", AWAY, times=FOR_EVER, path=RBAC)
        await asyncio.sleep(90)
        assert room.bound == {"alice"}
        room.cluster.stop_failing()

        await until(lambda: not room.bound, within=5.1)


async def test_retries_back_off_in_a_long_outage() -> None:
    async with a_room() as room:
        room.cluster.fail("merge_patch", AWAY, times=FOR_EVER, path=RBAC)
        room.grant("g1")
        await asyncio.sleep(600)

        assert 600 / 5 <= room.writes <= 2 * 600 / 5 + 10


async def test_bindings_stay_while_argocd_cannot_be_read() -> None:
    """An unknown state does not revoke access."""
    async with a_room() as room:
        room.grant("g1", role={"name": "deployer", "project": "team-a"})
        await asyncio.sleep(SETTLED)
        room.cluster.fail("list", Forbidden("403 list appprojects"), times=FOR_EVER)
        room.cluster.break_watches(AWAY)
        await asyncio.sleep(60)

        assert room.bound == {"alice"}
        assert room.ready("g1") == "+Bound"
        assert room.instance_ready == "-Forbidden"


async def test_grant_expires_while_no_watch_works() -> None:
    """Reads fail and writes work: the cached state is enough for a removal."""
    async with a_room() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        room.cluster.fail("list", AWAY, times=FOR_EVER)
        room.cluster.break_watches(AWAY)
        await asyncio.sleep(50)
        room.cluster.silent = True

        await until(lambda: not room.bound, within=11)


async def test_forbidden_instance_names_the_missing_role() -> None:
    async with a_room() as room:
        forbidden = Forbidden("PATCH configmaps: 403 cannot patch")
        room.cluster.fail("merge_patch", forbidden, times=FOR_EVER, path=RBAC)
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        message = room.condition(f"{INSTANCES}/default", "Ready")["message"]

        assert "cannot patch" in message
        assert "manifests/argocd-namespace.yaml" in message


async def test_instance_reports_that_grants_cannot_be_read() -> None:
    """From the first resync on, until they can be read."""
    async with a_room() as room:
        room.cluster.fail("list", Forbidden(f"GET {GRANTS}: 403"), path=GRANTS)
        with pytest.raises(Forbidden):
            await room.namespace.resync("default")
        await asyncio.sleep(SETTLED)
        assert room.instance_ready == "-Forbidden"
        message = room.condition(f"{INSTANCES}/default", "Ready")["message"]
        assert "manifests/argogrant-namespace.yaml" in message
        await room.namespace.resync("default")
        await asyncio.sleep(SETTLED)

        assert room.instance_ready == "+Converged"


@pytest.mark.parametrize("kind", ["grant", "instance"])
async def test_consequence_of_a_malformed_line_is_reported(kind) -> None:
    async with a_room() as room:
        room.edit_rbac(policy_csv=RULES + "broken\n")
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        path = {"grant": f"{GRANTS}/g1", "instance": f"{INSTANCES}/default"}[kind]
        message = room.condition(path, "Ready")["message"]

        assert message.endswith("fixed. Active grants still expire; new grants wait.")


async def test_grants_wait_while_the_config_map_is_deleted() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.delete_object(RBAC)
        await asyncio.sleep(SETTLED)
        assert room.instance_ready == "-ConfigMapMissing"
        with pytest.raises(NotFound):
            room.cluster.object(RBAC)
        room.write_rbac({"policy.csv": RULES})
        await asyncio.sleep(SETTLED)

        assert room.bound == {"alice"}
        assert room.instance_ready == "+Converged"


async def test_config_map_deleted_during_a_write_is_not_created() -> None:
    async with a_room() as room:
        room.cluster.before("merge_patch", lambda: room.cluster.delete_object(RBAC))
        room.grant("g1")
        await asyncio.sleep(SETTLED)

        assert room.instance_ready == "-ConfigMapMissing"
        with pytest.raises(NotFound):
            room.cluster.object(RBAC)


async def test_resync_finds_a_change_that_a_silent_watch_missed(caplog) -> None:
    """It is the second path to every revocation, and logs what it found."""
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.silent = True
        room.revoke("g1")
        await asyncio.sleep(SETTLED)
        assert room.bound == {"alice"}
        await room.namespace.resync("default")
        await asyncio.sleep(SOON)

        assert not room.bound
        assert "the resync found" in caplog.text


async def test_resync_finds_a_manual_edit_that_a_silent_watch_missed() -> None:
    async with a_room() as room:
        room.cluster.silent = True
        room.edit_rbac(policy_argogrant_csv="g, eve, role:admin\n")
        await asyncio.sleep(SETTLED)
        assert room.bound == {"eve"}
        await room.namespace.resync("default")
        await asyncio.sleep(SOON)

        assert not room.bound


async def test_resync_without_differences_logs_and_writes_nothing(caplog) -> None:
    async with a_room() as room:
        caplog.clear()
        before = room.cluster.count("merge_patch")
        await room.namespace.resync("default")
        await room.namespace.resync("another-that-nobody-serves")
        await asyncio.sleep(SETTLED)

        assert caplog.text == ""
        assert room.cluster.count("merge_patch") == before


async def test_failing_status_write_delays_no_revocation() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.fail("merge_patch", AWAY, times=FOR_EVER, path="/status")
        room.revoke("g1")

        await until(lambda: not room.bound, within=SOON)


async def test_restarted_operator_binds_no_expired_grant_again() -> None:
    """The state is derived from the objects, so the first write is correct."""
    async with a_room() as room:
        room.grant("g1", duration="1h")
        await asyncio.sleep(SETTLED)
        text, writes = room.data[OVERLAY_KEY], room.writes
        again = asyncio.create_task(room.namespace.run_instance("default"))
        await asyncio.sleep(SETTLED)
        again.cancel()

        assert room.data[OVERLAY_KEY] == text
        assert room.writes == writes
