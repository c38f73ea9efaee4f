"""Whatever an API server does, ends are kept and nothing is granted twice."""

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


async def test_a_conflict_is_planned_again_on_what_is_there_by_then() -> None:
    """The other's edit stays, and the grant waits for nothing."""
    async with a_room() as room:
        mine = RULES + "# a comment of mine\n"
        room.cluster.before("merge_patch", lambda: room.edit_rbac(policy_csv=mine))
        room.grant("g1")
        await until(lambda: room.bound == {"alice"}, within=SOON)

        assert room.data["policy.csv"] == mine
        assert room.writes == 2


async def test_what_a_conflict_brought_is_decided_upon() -> None:
    """The edit that was quicker took the role away."""
    async with a_room() as room:
        room.cluster.before("merge_patch", lambda: room.edit_rbac(policy_csv="# no"))
        room.grant("g1")
        await asyncio.sleep(SETTLED)

        assert not room.bound
        assert room.ready("g1") == "-RoleNotFound"


async def test_conflicts_without_end_are_told_and_retried() -> None:
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
        pytest.param(Forbidden("403 patch"), "-Forbidden", id="a Role that is missing"),
        pytest.param(Invalid("422"), "-Unavailable", id="an admission that refuses"),
    ],
)
async def test_a_write_that_fails_is_told_and_done_later(
    error: ClusterError, said
) -> None:
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


async def test_an_end_that_falls_into_an_outage_is_kept_right_after_it() -> None:
    async with a_room() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        room.cluster.fail("merge_patch", AWAY, times=FOR_EVER, path=RBAC)
        await asyncio.sleep(90)
        assert room.bound == {"alice"}
        room.cluster.stop_failing()

        await until(lambda: not room.bound, within=5.1)


async def test_attempts_become_rare_in_a_long_outage() -> None:
    async with a_room() as room:
        room.cluster.fail("merge_patch", AWAY, times=FOR_EVER, path=RBAC)
        room.grant("g1")
        await asyncio.sleep(600)

        assert 600 / 5 <= room.writes <= 2 * 600 / 5 + 10


async def test_what_is_bound_stays_while_argo_cd_can_not_be_read() -> None:
    """A doubt is no reason to take access away."""
    async with a_room() as room:
        room.grant("g1", role={"name": "deployer", "project": "team-a"})
        await asyncio.sleep(SETTLED)
        room.cluster.fail("list", Forbidden("403 list appprojects"), times=FOR_EVER)
        room.cluster.break_watches(AWAY)
        await asyncio.sleep(60)

        assert room.bound == {"alice"}
        assert room.ready("g1") == "+Bound"
        assert room.instance_ready == "-Forbidden"


async def test_an_end_is_kept_although_no_watch_works() -> None:
    """Reading fails, writing works: what is known suffices to take away."""
    async with a_room() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        room.cluster.fail("list", AWAY, times=FOR_EVER)
        room.cluster.break_watches(AWAY)
        await asyncio.sleep(50)
        room.cluster.silent = True

        await until(lambda: not room.bound, within=11)


async def test_an_instance_that_fails_names_the_role_to_give() -> None:
    async with a_room() as room:
        forbidden = Forbidden("PATCH configmaps: 403 cannot patch")
        room.cluster.fail("merge_patch", forbidden, times=FOR_EVER, path=RBAC)
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        message = room.condition(f"{INSTANCES}/default", "Ready")["message"]

        assert "cannot patch" in message
        assert "manifests/argocd-namespace.yaml" in message


async def test_an_instance_says_that_grants_can_not_be_read() -> None:
    """At the first sweep, and not any longer once they can."""
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
async def test_a_broken_line_is_told_in_words_that_fit(kind) -> None:
    async with a_room() as room:
        room.edit_rbac(policy_csv=RULES + "broken\n")
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        path = {"grant": f"{GRANTS}/g1", "instance": f"{INSTANCES}/default"}[kind]
        message = room.condition(path, "Ready")["message"]

        assert message.endswith("fixed. Active grants still expire; new grants wait.")


async def test_a_config_map_that_vanishes_is_waited_for() -> None:
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


async def test_a_config_map_that_vanishes_under_a_write_is_not_created() -> None:
    async with a_room() as room:
        room.cluster.before("merge_patch", lambda: room.cluster.delete_object(RBAC))
        room.grant("g1")
        await asyncio.sleep(SETTLED)

        assert room.instance_ready == "-ConfigMapMissing"
        with pytest.raises(NotFound):
            room.cluster.object(RBAC)


async def test_a_sweep_finds_what_a_dead_watch_did_not_tell(caplog) -> None:
    """The second path to every revocation, and it says that it was needed."""
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


async def test_a_sweep_finds_an_edit_by_hand_that_no_watch_told() -> None:
    async with a_room() as room:
        room.cluster.silent = True
        room.edit_rbac(policy_argogrant_csv="g, eve, role:admin\n")
        await asyncio.sleep(SETTLED)
        assert room.bound == {"eve"}
        await room.namespace.resync("default")
        await asyncio.sleep(SOON)

        assert not room.bound


async def test_a_sweep_that_finds_nothing_says_and_writes_nothing(caplog) -> None:
    async with a_room() as room:
        caplog.clear()
        before = room.cluster.count("merge_patch")
        await room.namespace.resync("default")
        await room.namespace.resync("another-that-nobody-serves")
        await asyncio.sleep(SETTLED)

        assert caplog.text == ""
        assert room.cluster.count("merge_patch") == before


async def test_a_status_that_can_not_be_written_delays_no_revocation() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.fail("merge_patch", AWAY, times=FOR_EVER, path="/status")
        room.revoke("g1")

        await until(lambda: not room.bound, within=SOON)


async def test_an_operator_that_starts_anew_grants_nothing_anew() -> None:
    """Everything is derived from the objects; the first write is the right one."""
    async with a_room() as room:
        room.grant("g1", duration="1h")
        await asyncio.sleep(SETTLED)
        text, writes = room.data[OVERLAY_KEY], room.writes
        again = asyncio.create_task(room.namespace.run_instance("default"))
        await asyncio.sleep(SETTLED)
        again.cancel()

        assert room.data[OVERLAY_KEY] == text
        assert room.writes == writes
