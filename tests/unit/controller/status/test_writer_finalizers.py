"""The finalizer on grants that have or had a binding."""

import asyncio

import pytest

from argogrant.api.accessgrant import FINALIZER, TRACKING_ANNOTATION
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.status.writer import ARGOCD_WATCH_MARGIN
from argogrant.kube.errors import Forbidden, Invalid, Unavailable
from support.in_memory_operator import GRANTS, SETTLED, SOON, an_operator, until

OTHER = "example.com/theirs"
GONE = ARGOCD_WATCH_MARGIN + SOON
FOR_EVER = 10_000
AWAY = Unavailable("PATCH /x: 503 away")


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
        operator.cluster.fail("merge_patch", AWAY, path=f"{GRANTS}/g1")
        operator.grant("g1", held_by=OTHER)
        await asyncio.sleep(SOON)
        operator.delete("g1")
        await asyncio.sleep(SETTLED)

        assert operator.holders("g1") == [OTHER]
        assert operator.writes == 0
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


async def test_binding_waits_for_the_finalizer() -> None:
    async with an_operator() as operator:
        operator.cluster.fail("merge_patch", AWAY, times=FOR_EVER, path=GRANTS)
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        assert operator.writes == 0
        operator.cluster.stop_failing()

        await until(lambda: operator.ready("g1") == "+Bound", within=SETTLED)
        assert operator.holders("g1") == [FINALIZER]


async def test_burst_of_grants_costs_three_writes_for_each_at_most() -> None:
    """The finalizer, Binding if a shared write is due later, and Bound."""
    async with an_operator() as operator:
        for number in range(20):
            operator.grant(f"g{number}", f"user-{number}")
        await asyncio.sleep(SETTLED)

        assert len(operator.bound) == 20
        assert operator.writes <= 3
        assert operator.cluster.count("merge_patch", GRANTS) <= 3 * 20


REFUSALS = [
    pytest.param(Invalid("PATCH /x: 422 too many labels"), id="invalid object"),
    pytest.param(
        Unavailable("PATCH /x: 500 etcdserver: request is too large"), id="too large"
    ),
    pytest.param(
        Unavailable("PATCH /x: 500 trying to send message larger than max (3 vs. 2)"),
        id="too large for the client of etcd",
    ),
    pytest.param(
        Forbidden('PATCH /x: 403 admission webhook "x" denied the request: no'),
        id="denied by a webhook",
    ),
    pytest.param(
        Forbidden("PATCH /x: 403 ValidatingAdmissionPolicy 'x' denied request: no"),
        id="denied by an admission policy",
    ),
]


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_grant_that_cannot_carry_the_finalizer_is_never_bound(refusal) -> None:
    async with an_operator() as operator:
        operator.cluster.fail("merge_patch", refusal, path=GRANTS)
        operator.grant("g1")
        await asyncio.sleep(SETTLED)

        assert operator.writes == 0
        assert operator.ready("g1") == "-NotRecordable"
        assert operator.happened("g1") == ["requested", "refused"]


async def test_missing_permission_for_the_finalizer_is_no_refusal() -> None:
    async with an_operator() as operator:
        missing = Forbidden('PATCH /x: 403 User "x" cannot patch resource')
        operator.cluster.fail("merge_patch", missing, times=3, path=GRANTS)
        operator.grant("g1")

        await until(lambda: operator.ready("g1") == "+Bound", within=SETTLED)


async def test_refused_finalizer_is_tried_again_at_the_resync() -> None:
    async with an_operator() as operator:
        operator.cluster.fail("merge_patch", Invalid("422 no"), path=GRANTS)
        operator.grant("g1")
        await until(lambda: operator.ready("g1") == "-NotRecordable", within=SETTLED)
        await operator.namespace.resync("default")

        await until(lambda: operator.ready("g1") == "+Bound", within=SETTLED)


async def test_finalizer_that_was_removed_by_hand_is_written_again() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await until(lambda: operator.ready("g1") == "+Bound", within=SETTLED)
        operator.cluster.edit(f"{GRANTS}/g1", {"metadata": {"finalizers": None}})

        await until(lambda: operator.holders("g1") == [FINALIZER], within=SETTLED)
        assert operator.writes == 1


async def test_outage_removes_no_binding_for_lack_of_a_finalizer() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await until(lambda: operator.ready("g1") == "+Bound", within=SETTLED)
        operator.cluster.fail("merge_patch", AWAY, times=FOR_EVER, path=GRANTS)
        operator.cluster.edit(f"{GRANTS}/g1", {"metadata": {"finalizers": None}})
        operator.grant("g2", "bob")
        await asyncio.sleep(SETTLED)

        assert operator.bound == {"alice"}


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_binding_is_removed_if_its_finalizer_is_refused_for_good(refusal) -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await until(lambda: operator.ready("g1") == "+Bound", within=SETTLED)
        operator.cluster.fail("merge_patch", refusal, path=GRANTS)
        operator.cluster.edit(f"{GRANTS}/g1", {"metadata": {"finalizers": None}})

        await until(lambda: not operator.bound, within=SETTLED)
        await until(lambda: operator.ready("g1") == "-NotRecordable", within=SETTLED)


async def test_refused_finalizer_ends_no_other_grant_of_the_same_binding() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await until(lambda: operator.ready("g1") == "+Bound", within=SETTLED)
        operator.cluster.fail("merge_patch", Invalid("422 no"), path=GRANTS)
        operator.grant("g2")
        await asyncio.sleep(SETTLED)

        assert operator.bound == {"alice"}
        assert operator.ready("g1") == "+Bound"
        assert operator.ready("g2") == "-NotRecordable"


async def test_shared_binding_is_extended_once_the_finalizer_is_written() -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="1h")
        await until(lambda: operator.ready("g1") == "+Bound", within=SETTLED)
        operator.cluster.fail("merge_patch", AWAY, times=FOR_EVER, path=f"{GRANTS}/g2")
        operator.grant("g2", duration="2h")
        await asyncio.sleep(SETTLED)
        assert "# until 2026-11-24T14" not in operator.data[OVERLAY_KEY]
        operator.cluster.stop_failing()
        await asyncio.sleep(SETTLED)

        assert "# until 2026-11-24T14" in operator.data[OVERLAY_KEY]


async def test_excessive_metadata_is_never_bound() -> None:
    async with an_operator() as operator:
        labels = {f"label-{number}": "" for number in range(33)}
        body = operator.grant("g1", held_by=OTHER, revoked=True)
        del body["spec"]["revoked"]
        body["metadata"] |= {"name": "g2", "labels": labels}
        operator.cluster.add(GRANTS, {**body, "status": {}})
        await asyncio.sleep(SETTLED)

        assert operator.writes == 0
        assert operator.ready("g2") == "-NotRecordable"
        assert operator.holders("g2") == [OTHER]


async def test_excessive_metadata_that_is_added_later_ends_the_access() -> None:
    """The deleted grant is released: none of its finalizers is lost."""
    async with an_operator() as operator:
        operator.grant("g1")
        await until(lambda: operator.ready("g1") == "+Bound", within=SETTLED)
        others = [f"example.com/{number}" for number in range(40)]
        more = {"metadata": {"finalizers": [*others, FINALIZER]}}
        operator.cluster.edit(f"{GRANTS}/g1", more)
        await until(lambda: not operator.bound, within=SETTLED)
        assert operator.ready("g1") == "-NotRecordable"
        operator.delete("g1")
        await asyncio.sleep(SETTLED)

        assert operator.holders("g1") == others


async def test_annotation_of_argo_cd_that_is_added_later_ends_no_grant() -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="1h")
        await until(lambda: operator.ready("g1") == "+Bound", within=SETTLED)
        tracked = {"metadata": {"annotations": {TRACKING_ANNOTATION: "x"}}}
        operator.cluster.edit(f"{GRANTS}/g1", tracked)
        await asyncio.sleep(SETTLED)

        assert operator.bound == {"alice"}
        assert operator.ready("g1") == "+Bound"


async def test_break_glass_grant_gets_its_label_with_the_finalizer() -> None:
    async with an_operator() as operator:
        operator.grant("g1", breakGlass=True, justification="production is down")
        await until(lambda: operator.ready("g1") == "+Bound", within=SETTLED)

        metadata = operator.cluster.object(f"{GRANTS}/g1")["metadata"]
        assert metadata["labels"] == {"argogrant.dev/break-glass": "true"}
        assert operator.cluster.count("merge_patch", f"{GRANTS}/g1") == 2
