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
    an_operator,
    until,
)
from support.live_cluster import RULES

AWAY = Unavailable("PATCH /x: 503 away")
FOR_EVER = 10_000


async def test_conflict_is_planned_again_on_the_new_version() -> None:
    """The concurrent edit stays, and the grant is bound at once."""
    async with an_operator() as operator:
        mine = RULES + "# a comment\n"
        operator.cluster.before(
            "merge_patch", lambda: operator.edit_rbac(policy_csv=mine), path=RBAC
        )
        operator.grant("g1")
        await until(lambda: operator.bound == {"alice"}, within=SOON)

        assert operator.data["policy.csv"] == mine
        assert operator.writes == 2


async def test_concurrent_edit_is_part_of_the_next_decision() -> None:
    """The concurrent edit removed the role."""
    async with an_operator() as operator:
        operator.cluster.before(
            "merge_patch", lambda: operator.edit_rbac(policy_csv="# no"), path=RBAC
        )
        operator.grant("g1")
        await asyncio.sleep(SETTLED)

        assert not operator.bound
        assert operator.ready("g1") == "-RoleNotFound"


async def test_repeated_conflicts_are_reported_and_retried() -> None:
    async with an_operator() as operator:
        operator.cluster.fail("merge_patch", Conflict("409"), times=FOR_EVER, path=RBAC)
        operator.grant("g1")
        await asyncio.sleep(60)
        assert operator.instance_ready == "-Unavailable"
        assert operator.writes < 3 * 60
        operator.cluster.stop_failing()
        await asyncio.sleep(SETTLED)

        assert operator.bound == {"alice"}
        assert operator.instance_ready == "+Converged"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(AWAY, "-Unavailable", id="an API server that is away"),
        pytest.param(Forbidden("403 patch"), "-Forbidden", id="a missing Role"),
        pytest.param(
            Invalid('admission webhook "x" denied the request: no'),
            "-WriteRefused",
            id="an admission webhook that denies",
        ),
    ],
)
async def test_failed_write_is_reported_and_retried(error: ClusterError, said) -> None:
    async with an_operator() as operator:
        operator.cluster.fail("merge_patch", error, times=FOR_EVER, path=RBAC)
        operator.grant("g1")
        await asyncio.sleep(30)
        assert operator.instance_ready == said
        assert not operator.bound
        operator.cluster.stop_failing()
        await asyncio.sleep(SETTLED)

        assert operator.bound == {"alice"}
        assert operator.instance_ready == "+Converged"


async def test_grant_that_expires_in_an_outage_is_removed_right_after_it() -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        operator.cluster.fail("merge_patch", AWAY, times=FOR_EVER, path=RBAC)
        await asyncio.sleep(90)
        assert operator.bound == {"alice"}
        operator.cluster.stop_failing()

        await until(lambda: not operator.bound, within=5.1)


async def test_retries_back_off_in_a_long_outage() -> None:
    async with an_operator() as operator:
        operator.cluster.fail("merge_patch", AWAY, times=FOR_EVER, path=RBAC)
        operator.grant("g1")
        await asyncio.sleep(600)

        assert 600 / 5 <= operator.writes <= 2 * 600 / 5 + 10


async def test_bindings_stay_while_argocd_cannot_be_read() -> None:
    """An unknown state does not revoke access."""
    async with an_operator() as operator:
        operator.grant("g1", role={"name": "deployer", "project": "team-a"})
        await asyncio.sleep(SETTLED)
        operator.cluster.fail("list", Forbidden("403 list appprojects"), times=FOR_EVER)
        operator.cluster.break_watches(AWAY)
        await asyncio.sleep(60)

        assert operator.bound == {"alice"}
        assert operator.ready("g1") == "+Bound"
        assert operator.instance_ready == "-Forbidden"


async def test_grant_expires_while_no_watch_works() -> None:
    """Reads fail and writes work: the cached state is enough for a removal."""
    async with an_operator() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        operator.cluster.fail("list", AWAY, times=FOR_EVER)
        operator.cluster.break_watches(AWAY)
        await asyncio.sleep(50)
        operator.cluster.silent = True

        await until(lambda: not operator.bound, within=11)


async def test_forbidden_instance_names_the_missing_role() -> None:
    async with an_operator() as operator:
        forbidden = Forbidden("PATCH configmaps: 403 cannot patch")
        operator.cluster.fail("merge_patch", forbidden, times=FOR_EVER, path=RBAC)
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        message = operator.condition(f"{INSTANCES}/default", "Ready")["message"]

        assert "cannot patch" in message
        assert "manifests/argocd-namespace.yaml" in message


async def test_instance_reports_that_grants_cannot_be_read() -> None:
    """From the first resync on, until they can be read."""
    async with an_operator() as operator:
        operator.cluster.fail("list", Forbidden(f"GET {GRANTS}: 403"), path=GRANTS)
        with pytest.raises(Forbidden):
            await operator.namespace.resync("default")
        await asyncio.sleep(SETTLED)
        assert operator.instance_ready == "-Forbidden"
        message = operator.condition(f"{INSTANCES}/default", "Ready")["message"]
        assert "manifests/argogrant-namespace.yaml" in message
        await operator.namespace.resync("default")
        await asyncio.sleep(SETTLED)

        assert operator.instance_ready == "+Converged"


@pytest.mark.parametrize("kind", ["grant", "instance"])
async def test_consequence_of_a_malformed_line_is_reported(kind) -> None:
    async with an_operator() as operator:
        operator.edit_rbac(policy_csv=RULES + "broken\n")
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        path = {"grant": f"{GRANTS}/g1", "instance": f"{INSTANCES}/default"}[kind]
        message = operator.condition(path, "Ready")["message"]

        assert message.endswith("fixed. Active grants still expire; new grants wait.")


async def test_grants_wait_while_the_config_map_is_deleted() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.cluster.delete_object(RBAC)
        await asyncio.sleep(SETTLED)
        assert operator.instance_ready == "-ConfigMapMissing"
        with pytest.raises(NotFound):
            operator.cluster.object(RBAC)
        operator.write_rbac({"policy.csv": RULES})
        await asyncio.sleep(SETTLED)

        assert operator.bound == {"alice"}
        assert operator.instance_ready == "+Converged"


async def test_config_map_deleted_during_a_write_is_not_created() -> None:
    async with an_operator() as operator:
        operator.cluster.before(
            "merge_patch", lambda: operator.cluster.delete_object(RBAC), path=RBAC
        )
        operator.grant("g1")
        await asyncio.sleep(SETTLED)

        assert operator.instance_ready == "-ConfigMapMissing"
        with pytest.raises(NotFound):
            operator.cluster.object(RBAC)


async def test_resync_finds_a_change_that_a_silent_watch_missed(caplog) -> None:
    """It corrects the change and logs the difference."""
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.cluster.silent = True
        operator.revoke("g1")
        await asyncio.sleep(SETTLED)
        assert operator.bound == {"alice"}
        await operator.namespace.resync("default")
        await asyncio.sleep(SOON)

        assert not operator.bound
        assert "the resync found" in caplog.text


async def test_resync_finds_a_manual_edit_that_a_silent_watch_missed() -> None:
    async with an_operator() as operator:
        operator.cluster.silent = True
        operator.edit_rbac(policy_argogrant_csv="g, eve, role:admin\n")
        await asyncio.sleep(SETTLED)
        assert operator.bound == {"eve"}
        await operator.namespace.resync("default")
        await asyncio.sleep(SOON)

        assert not operator.bound


async def test_resync_without_differences_logs_and_writes_nothing(caplog) -> None:
    async with an_operator() as operator:
        caplog.clear()
        before = operator.cluster.count("merge_patch")
        await operator.namespace.resync("default")
        await operator.namespace.resync("another-that-nobody-serves")
        await asyncio.sleep(SETTLED)

        assert caplog.text == ""
        assert operator.cluster.count("merge_patch") == before


async def test_failing_status_write_delays_no_revocation() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.cluster.fail("merge_patch", AWAY, times=FOR_EVER, path="/status")
        operator.revoke("g1")

        await until(lambda: not operator.bound, within=SOON)


async def test_restarted_operator_binds_no_expired_grant_again() -> None:
    """The state is derived from the objects, so the first write is correct."""
    async with an_operator() as operator:
        operator.grant("g1", duration="1h")
        await asyncio.sleep(SETTLED)
        text, writes = operator.data[OVERLAY_KEY], operator.writes
        again = asyncio.create_task(operator.namespace.run_instance("default"))
        await asyncio.sleep(SETTLED)
        again.cancel()

        assert operator.data[OVERLAY_KEY] == text
        assert operator.writes == writes
