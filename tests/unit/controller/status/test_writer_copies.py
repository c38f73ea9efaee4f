"""Grants that are created again: no copy gives access for longer than the first."""

import asyncio
import json
from typing import Any

import pytest

from argogrant.api.accessgrant import FINALIZER
from argogrant.grants.checks import RECORD_ANNOTATION
from argogrant.kube.client import Body
from argogrant.kube.errors import Forbidden
from support.in_memory_operator import (
    GRANTS,
    RBAC,
    SETTLED,
    SOON,
    InMemoryOperator,
    an_operator,
    running,
    until,
)
from support.in_memory_policies import (
    a_policy,
    approval_required,
    approve,
    operator_with_policies,
    request_grant,
)

MINUTE = 60.0
DROPPED = ("uid", "creationTimestamp", "resourceVersion", "generation", "namespace")


def stored(operator: InMemoryOperator, name: str) -> Body:
    """What ``kubectl get -o yaml`` shows."""
    return operator.cluster.object(f"{GRANTS}/{name}")


def copy_of(body: Body, name: str = "", **spec: Any) -> Body:
    """A copy as a person, a backup or a pipeline makes it, without status and uid."""
    metadata = {k: v for k, v in body["metadata"].items() if k not in DROPPED}
    metadata["name"] = name or metadata["name"]
    kept = {**body["spec"], **spec}
    return {
        **{key: body[key] for key in ("apiVersion", "kind")},
        "metadata": metadata,
        "spec": {key: value for key, value in kept.items() if value is not None},
    }


def record_of(body: Body) -> dict[str, str]:
    annotations = body["metadata"].get("annotations", {})
    record: dict[str, str] = json.loads(annotations.get(RECORD_ANNOTATION, "{}"))
    return record


async def bound(operator: InMemoryOperator, name: str = "g1", **spec: Any) -> Body:
    """Create a grant; return it as it is when it is bound."""
    operator.grant(name, **{"duration": "10m", **spec})
    await until(lambda: operator.ready(name) == "+Bound", within=SETTLED)
    return stored(operator, name)


async def is_gone(operator: InMemoryOperator, name: str) -> None:
    operator.delete(name)
    await until(lambda: not operator.has(name), within=SETTLED)


async def test_record_is_written_with_the_finalizer_before_the_binding() -> None:
    async with an_operator() as operator:
        body = await bound(operator)

        assert record_of(body) == {
            "uid": body["metadata"]["uid"],
            "start": body["status"]["startedAt"],
            "end": body["status"]["expiresAt"],
        }
        assert operator.cluster.count("merge_patch", f"{GRANTS}/g1") == 2


async def test_recreated_grant_gets_the_rest_of_its_time() -> None:
    async with an_operator() as operator:
        body = await bound(operator)
        await asyncio.sleep(6 * MINUTE)
        await is_gone(operator, "g1")
        operator.cluster.add(GRANTS, copy_of(body))
        await until(lambda: operator.ready("g1") == "+Bound", within=SETTLED)
        await asyncio.sleep(4 * MINUTE)

        assert not operator.bound
        assert operator.ready("g1") == "-Expired"


async def test_copy_is_bound_only_once_it_has_a_record_of_its_own() -> None:
    """It brings the finalizer, but its record is that of another object."""
    async with an_operator() as operator:
        body = await bound(operator)
        await is_gone(operator, "g1")
        refused = Forbidden("PATCH /x: 403 admission webhook denied the request: no")
        operator.cluster.fail("merge_patch", refused, times=10_000, path=f"{GRANTS}/g1")
        operator.cluster.add(GRANTS, copy_of(body))
        await asyncio.sleep(SETTLED)
        assert not operator.bound
        operator.cluster.stop_failing()
        await operator.namespace.resync("default")

        await until(lambda: operator.ready("g1") == "+Bound", within=SETTLED)
        assert record_of(stored(operator, "g1"))["copyOf"] == body["metadata"]["uid"]


async def test_chain_of_copies_under_other_names_ends_with_the_first() -> None:
    async with an_operator() as operator:
        body = await bound(operator)
        for number in range(2, 6):
            await asyncio.sleep(MINUTE)
            operator.cluster.add(GRANTS, copy_of(body, f"g{number}"))
            ready = f"g{number}"
            await until(lambda: operator.ready(ready) == "+Bound", within=SETTLED)  # noqa: B023
            body = stored(operator, f"g{number}")
        await asyncio.sleep(6 * MINUTE)

        assert not operator.bound
        assert {operator.ready(f"g{number}") for number in range(1, 6)} == {"-Expired"}


async def test_restored_namespace_of_ended_durations_gives_nothing() -> None:
    async with an_operator() as operator:
        names = [f"g{number}" for number in range(5)]
        backup = [await bound(operator, name) for name in names]
        await asyncio.sleep(10 * MINUTE + SETTLED)
        for name in names:
            await is_gone(operator, name)
        for body in backup:
            operator.cluster.add(GRANTS, copy_of(body))
        writes = operator.writes
        await asyncio.sleep(SETTLED)

        assert {operator.ready(name) for name in names} == {"-Expired"}
        assert operator.writes == writes


async def test_copy_of_a_revoked_grant_stays_revoked() -> None:
    """Even without its revocation, and after the original is gone."""
    async with an_operator() as operator:
        await bound(operator)
        operator.revoke("g1")
        await until(lambda: operator.ready("g1") == "-Revoked", within=SETTLED)
        await until(lambda: "ended" in record_of(stored(operator, "g1")), within=SOON)
        body = stored(operator, "g1")
        await is_gone(operator, "g1")
        operator.cluster.add(GRANTS, copy_of(body, revoked=None))
        await asyncio.sleep(SETTLED)

        assert not operator.bound
        assert operator.ready("g1") == "-Revoked"


async def test_copy_made_before_the_revocation_ends_with_its_original() -> None:
    async with an_operator() as operator:
        body = await bound(operator)
        operator.cluster.add(GRANTS, copy_of(body, "g2"))
        await until(lambda: operator.ready("g2") == "+Bound", within=SETTLED)
        operator.revoke("g1")
        await until(lambda: operator.ready("g2") == "-Revoked", within=SETTLED)
        await until(lambda: "ended" in record_of(stored(operator, "g2")), within=SOON)
        await is_gone(operator, "g1")
        operator.cluster.add(GRANTS, copy_of(stored(operator, "g2"), "g3"))
        await asyncio.sleep(SETTLED)

        assert not operator.bound
        assert operator.ready("g3") == "-Revoked"


async def test_copy_of_a_request_that_was_not_approved_in_time_stays_ended() -> None:
    policy = a_policy(**approval_required(timeout="5m"))
    async with operator_with_policies(policy) as operator:
        request_grant(operator, duration="1h")
        await asyncio.sleep(5 * MINUTE + SETTLED)
        assert operator.ready("g1") == "-ApprovalTimedOut"
        body = stored(operator, "g1")
        await is_gone(operator, "g1")
        operator.cluster.add(GRANTS, copy_of(body))
        await asyncio.sleep(SETTLED)
        approve(operator, "g1")
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "-ApprovalTimedOut"
        assert not operator.bound


async def test_new_request_without_a_record_is_served() -> None:
    async with an_operator() as operator:
        await bound(operator)
        await asyncio.sleep(10 * MINUTE)
        await is_gone(operator, "g1")
        body = await bound(operator)

        assert "copyOf" not in record_of(body)
        await asyncio.sleep(9 * MINUTE)
        assert operator.bound == {"alice"}


async def test_grants_from_before_records_get_theirs() -> None:
    """One is active, one has ended; neither is unbound meanwhile."""
    async with an_operator() as operator:
        await bound(operator, "active", duration="1h")
        await bound(operator, "ended", subject="carol")
        await asyncio.sleep(10 * MINUTE + SETTLED)
        cluster = operator.cluster
    for name in ("active", "ended"):
        without = {"metadata": {"annotations": None}}
        cluster.edit(f"{GRANTS}/{name}", without)
    before = cluster.count("merge_patch", RBAC)
    async with running(InMemoryOperator(cluster)) as operator:
        await until(lambda: record_of(stored(operator, "ended")), within=SETTLED)
        await until(lambda: record_of(stored(operator, "active")), within=SETTLED)
        active = stored(operator, "active")

        assert operator.bound == {"alice"}
        assert record_of(active)["end"] == active["status"]["expiresAt"]
        assert operator.writes == before


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param("", id="emptied"),
        pytest.param("{", id="cut off"),
        pytest.param('{"uid":"x","start":"","end":"never"}', id="no time"),
    ],
)
async def test_unreadable_record_on_a_new_grant_gives_nothing(forged: str) -> None:
    async with an_operator() as operator:
        body = await bound(operator)
        copy = copy_of(body, "g2")
        copy["spec"]["subject"] = {"kind": "User", "name": "carol"}
        copy["metadata"]["annotations"] = {RECORD_ANNOTATION: forged}
        operator.cluster.add(GRANTS, copy)
        await asyncio.sleep(SETTLED)

        assert operator.bound == {"alice"}
        assert operator.ready("g2") == "-Expired"


async def test_record_that_was_edited_to_be_longer_is_corrected() -> None:
    async with an_operator() as operator:
        record = record_of(await bound(operator))
        longer = json.dumps({**record, "end": "2099-01-01T00:00:00Z"})
        edit = {"metadata": {"annotations": {RECORD_ANNOTATION: longer}}}
        operator.cluster.edit(f"{GRANTS}/g1", edit)
        await until(lambda: record_of(stored(operator, "g1")) == record, within=SETTLED)
        removed = {"metadata": {"annotations": {RECORD_ANNOTATION: None}}}
        operator.cluster.edit(f"{GRANTS}/g1", removed)
        await until(lambda: record_of(stored(operator, "g1")) == record, within=SETTLED)

        assert operator.bound == {"alice"}


async def test_refused_record_of_an_ended_grant_does_not_delay_its_status() -> None:
    """Only the status is written; the finalizer is there already."""
    async with an_operator() as operator:
        await bound(operator)
        refused = Forbidden("PATCH /x: 403 admission webhook denied the request: no")
        operator.cluster.fail("merge_patch", refused, times=1, path=f"{GRANTS}/g1")
        operator.revoke("g1")
        await until(lambda: operator.ready("g1") == "-Revoked", within=SETTLED)

        assert stored(operator, "g1")["metadata"]["finalizers"] == [FINALIZER]
