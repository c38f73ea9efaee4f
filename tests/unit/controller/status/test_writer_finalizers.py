"""The finalizer on grants that have or had a binding."""

import asyncio

import pytest

from argogrant.controller.status.writer import ARGOCD_WATCH_MARGIN
from argogrant.kube.errors import Unavailable
from support.in_memory_operator import GRANTS, SETTLED, SOON, an_operator, until

FINALIZER = "argogrant.dev/revoke"
OTHER = "example.com/theirs"
GONE = ARGOCD_WATCH_MARGIN + SOON
FOR_EVER = 10_000


async def test_grant_in_force_gets_the_finalizer() -> None:
    async with an_operator() as operator:
        operator.grant("g1")

        await until(lambda: operator.holders("g1") == [FINALIZER], within=SOON)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"role": {"name": "role:missing"}}, id="role not found"),
        pytest.param({"instance": "another"}, id="instance not found"),
        pytest.param({"notBefore": "2026-11-24T14:00:00Z"}, id="scheduled"),
        pytest.param({"expiresAt": "2026-11-24T11:00:00Z"}, id="expired"),
        pytest.param({"revoked": True}, id="created as revoked"),
        pytest.param({"subject": {"kind": "User", "name": ""}}, id="subject refused"),
    ],
)
async def test_grant_that_was_never_in_force_gets_no_finalizer(spec) -> None:
    """Nothing has to be revoked, so it can be deleted while no operator runs."""
    async with an_operator() as operator:
        operator.grant("g1", **spec)
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1").startswith("-")
        assert operator.holders("g1") == []
        operator.delete("g1")

        assert not operator.has("g1")


async def test_scheduled_grant_gets_the_finalizer_at_its_start() -> None:
    async with an_operator() as operator:
        operator.grant("g1", notBefore="2026-11-24T12:01:00Z")
        await asyncio.sleep(SETTLED)
        assert operator.holders("g1") == []
        await asyncio.sleep(60)

        assert operator.ready("g1") == "+Bound"
        assert operator.holders("g1") == [FINALIZER]


async def test_grant_deleted_before_its_first_binding_gets_no_finalizer() -> None:
    """Another program's finalizer keeps it; the API server accepts no new one."""
    async with an_operator() as operator:
        operator.grant("g1", held_by=OTHER)
        operator.delete("g1")
        await asyncio.sleep(SETTLED)

        assert operator.holders("g1") == [OTHER]
        assert operator.cluster.count("merge_patch", f"{GRANTS}/g1") <= 1
        assert not operator.bound


async def test_grant_deleted_before_its_finalizer_is_written_gets_none(caplog) -> None:
    async with an_operator() as operator:
        operator.cluster.fail("merge_patch", Unavailable("503"), path=f"{GRANTS}/g1")
        operator.grant("g1", held_by=OTHER)
        await until(lambda: operator.bound == {"alice"}, within=SOON)
        operator.delete("g1")
        await asyncio.sleep(SETTLED)

        assert operator.holders("g1") == [OTHER]
        assert not operator.bound
        assert caplog.text == ""


async def test_finalizer_of_another_program_stays() -> None:
    async with an_operator() as operator:
        operator.grant("g1", held_by=OTHER)
        await asyncio.sleep(SETTLED)
        assert operator.holders("g1") == [OTHER, FINALIZER]
        operator.delete("g1")
        await asyncio.sleep(GONE)

        assert operator.holders("g1") == [OTHER]
        assert not operator.bound


async def test_binding_does_not_wait_for_the_finalizer() -> None:
    async with an_operator() as operator:
        away = Unavailable("503")
        operator.cluster.fail("merge_patch", away, times=FOR_EVER, path=GRANTS)
        operator.grant("g1")

        await until(lambda: operator.bound == {"alice"}, within=SOON)
