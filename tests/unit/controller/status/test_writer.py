"""Background writer of statuses and finalizers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from argogrant.api.accessgrant import FINALIZER
from argogrant.controller.status.writer import (
    ARGOCD_WATCH_MARGIN,
    FinalizerChange,
    StatusWriter,
)
from argogrant.controller.store import record_grant
from argogrant.kube.client import Body
from argogrant.kube.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from support.fake_cluster import FakeCluster
from support.in_memory_operator import GRANTS, SOON
from support.live_cluster import a_grant

ONE = f"{GRANTS}/g1"


class WriterOfOneGrant:
    """A grant, and a writer of its status."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.writer = StatusWriter(self.cluster)
        self.written: list[Body] = []
        self.uid = self.create("g1")

    def create(self, name: str) -> str:
        uid: str = self.cluster.add(GRANTS, a_grant(name))["metadata"]["uid"]
        return uid

    def submit(
        self,
        *,
        path: str = ONE,
        old: Any = None,
        finalizer: FinalizerChange | None = None,
        seen: Body | None = None,
        **new: Any,
    ) -> None:
        """Submit a status for an object as observed; by default, as it is now."""
        record = record_grant(seen or self.cluster.object(path))
        record = replace(record, status=self.status if old is None else old)
        written = self.written.append
        self.writer.submit(record, new, written=written, finalizer=finalizer)

    def change(self, *, wanted: bool) -> FinalizerChange:
        """Return the addition or removal of the finalizer."""
        return FinalizerChange(wanted=wanted, finalizers=tuple(self.finalizers))

    def set_finalizers(self, *finalizers: str) -> Body:
        """Set the finalizers as another program does; return the object."""
        return self.cluster.edit(ONE, {"metadata": {"finalizers": [*finalizers]}})

    @property
    def finalizers(self) -> list[str]:
        return self.cluster.object(ONE)["metadata"].get("finalizers") or []

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.cluster.object(ONE).get("status", {})
        return status

    @property
    def writes(self) -> int:
        return self.cluster.count("merge_patch", f"{ONE}/status")


@asynccontextmanager
async def writing(grant: WriterOfOneGrant) -> AsyncIterator[WriterOfOneGrant]:
    task = asyncio.create_task(grant.writer.run())
    try:
        yield grant
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_status_is_written_and_returned() -> None:
    async with writing(WriterOfOneGrant()) as grant:
        grant.submit(boundAs="role:x")
        await asyncio.sleep(SOON)

        assert grant.status == {"boundAs": "role:x"}
        assert [body["status"] for body in grant.written] == [{"boundAs": "role:x"}]


async def test_missing_field_is_removed() -> None:
    async with writing(WriterOfOneGrant()) as grant:
        grant.submit(boundAs="role:x", endedAt="then")
        await asyncio.sleep(SOON)
        grant.submit(boundAs="role:x")
        await asyncio.sleep(SOON)

        assert grant.status == {"boundAs": "role:x"}


async def test_equal_status_is_not_written() -> None:
    async with writing(WriterOfOneGrant()) as grant:
        grant.submit(old={"boundAs": "role:x"}, boundAs="role:x")
        await asyncio.sleep(SOON)

        assert grant.writes == 0


async def test_newer_status_replaces_a_pending_one() -> None:
    grant = WriterOfOneGrant()
    for number in range(5):
        grant.submit(boundAs=f"role:{number}")
    record = record_grant(grant.cluster.object(ONE))
    assert grant.writer.pending_or_stored(record) == {"boundAs": "role:4"}
    async with writing(grant):
        await asyncio.sleep(SOON)

        assert grant.status == {"boundAs": "role:4"}
        assert grant.writes == 1
        record = record_grant(grant.cluster.object(ONE))
        assert grant.writer.pending_or_stored(record) == grant.status


async def test_status_submitted_during_a_write_is_written_after_it() -> None:
    async with writing(WriterOfOneGrant()) as grant:
        grant.cluster.after("merge_patch", lambda: grant.submit(boundAs="role:late"))
        grant.submit(boundAs="role:x")
        await asyncio.sleep(SOON)

        assert grant.status == {"boundAs": "role:late"}
        assert grant.writes == 2


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        pytest.param(NotFound("404"), 1, id="object is gone"),
        pytest.param(Conflict("409"), 2, id="conflict is retried"),
        pytest.param(Invalid("422"), 1, id="invalid status is not retried"),
        pytest.param(Unavailable("503"), 2, id="outage is retried"),
    ],
)
async def test_failed_write_is_retried_or_dropped(error, attempts) -> None:
    """In each case the next status is written."""
    async with writing(WriterOfOneGrant()) as grant:
        grant.cluster.fail("merge_patch", error)
        grant.submit(boundAs="role:x")
        await asyncio.sleep(5)
        assert grant.writes == attempts
        grant.submit(boundAs="role:next", old={})
        await asyncio.sleep(SOON)

        assert grant.status == {"boundAs": "role:next"}


async def test_invalid_status_is_logged(caplog) -> None:
    async with writing(WriterOfOneGrant()) as grant:
        grant.cluster.fail("merge_patch", Invalid("422 because"))
        grant.submit(boundAs="role:x")
        await asyncio.sleep(SOON)

    assert f"{ONE} cannot be written: 422 because" in caplog.text


async def test_failing_write_does_not_delay_other_objects() -> None:
    async with writing(WriterOfOneGrant()) as grant:
        grant.create("g2")
        away = Unavailable("503")
        grant.cluster.fail("merge_patch", away, times=100, path=ONE)
        grant.submit(boundAs="role:x")
        grant.submit(path=f"{GRANTS}/g2", old={}, boundAs="role:y")
        await asyncio.sleep(SOON)

        assert grant.cluster.object(f"{GRANTS}/g2")["status"] == {"boundAs": "role:y"}


async def test_finalizer_is_added_to_other_finalizers() -> None:
    async with writing(WriterOfOneGrant()) as grant:
        grant.cluster.edit(ONE, {"metadata": {"finalizers": ["a/b"]}})
        grant.submit(finalizer=grant.change(wanted=True), boundAs="role:x")
        await asyncio.sleep(SOON)

        assert grant.finalizers == ["a/b", FINALIZER]
        assert grant.status == {"boundAs": "role:x"}


async def test_present_finalizer_is_not_written() -> None:
    async with writing(WriterOfOneGrant()) as grant:
        grant.cluster.edit(ONE, {"metadata": {"finalizers": [FINALIZER]}})
        grant.submit(finalizer=grant.change(wanted=True))
        await asyncio.sleep(SOON)

        assert grant.cluster.count("merge_patch") == 0


@pytest.mark.parametrize(
    ("wanted", "before", "meanwhile", "after"),
    [
        pytest.param(
            True, [], ["a/b"], ["a/b", FINALIZER], id="added while ours is added"
        ),
        pytest.param(
            False,
            [FINALIZER],
            [FINALIZER, "a/b"],
            ["a/b"],
            id="added while ours is removed",
        ),
        pytest.param(True, ["a/b"], [], [FINALIZER], id="removed while ours is added"),
        pytest.param(True, [], [FINALIZER], [FINALIZER], id="ours was added"),
    ],
)
async def test_concurrent_change_of_other_finalizers_is_kept(
    wanted, before, meanwhile, after
) -> None:
    """A merge patch replaces a whole list, so it must be made from the current one."""
    async with writing(WriterOfOneGrant()) as grant:
        seen, change = grant.set_finalizers(*before), grant.change(wanted=wanted)
        grant.set_finalizers(*meanwhile)
        grant.submit(finalizer=change, seen=seen)
        await asyncio.sleep(SOON)

        assert grant.finalizers == after


async def test_object_that_is_being_deleted_gets_its_status_and_no_finalizer(
    caplog,
) -> None:
    """The API server rejects a new finalizer on a deleted object."""
    async with writing(WriterOfOneGrant()) as grant:
        seen, change = grant.set_finalizers("a/b"), grant.change(wanted=True)
        grant.cluster.delete_object(ONE)
        grant.submit(finalizer=change, seen=seen, boundAs="role:x")
        await asyncio.sleep(SOON)

        assert grant.finalizers == ["a/b"]
        assert grant.status == {"boundAs": "role:x"}
        assert caplog.text == ""


async def test_status_is_written_although_the_object_has_changed() -> None:
    async with writing(WriterOfOneGrant()) as grant:
        seen = grant.cluster.object(ONE)
        grant.set_finalizers("a/b")
        grant.submit(seen=seen, boundAs="role:x")
        await asyncio.sleep(SOON)

        assert grant.status == {"boundAs": "role:x"}
        assert grant.finalizers == ["a/b"]


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(None, id="status"),
        pytest.param(True, id="addition of the finalizer"),
        pytest.param(False, id="removal of the finalizer"),
    ],
)
async def test_another_object_of_the_same_name_is_not_written(wanted, caplog) -> None:
    """The end of the old grant would end the new one for good."""
    async with writing(WriterOfOneGrant()) as grant:
        seen = grant.set_finalizers(*[FINALIZER] * (wanted is False))
        change = None if wanted is None else grant.change(wanted=wanted)
        grant.set_finalizers()
        grant.cluster.delete_object(ONE)
        grant.create("g1")
        new = grant.set_finalizers("a/b", *[FINALIZER] * (wanted is False))
        grant.submit(
            finalizer=change, seen=seen, old={}, expiresAt="2026-11-24T13:00:00Z"
        )
        await asyncio.sleep(5)

        assert grant.cluster.object(ONE) == new
        assert grant.written == []
        assert caplog.text == ""


async def test_denied_write_is_retried(caplog) -> None:
    """An API server that has just started denies every request."""
    async with writing(WriterOfOneGrant()) as grant:
        grant.cluster.fail("merge_patch", Forbidden("403"), times=3)
        grant.submit(finalizer=grant.change(wanted=True))
        await asyncio.sleep(SOON)
        assert grant.finalizers == []
        assert f"{ONE} cannot be written yet: 403" in caplog.text
        await asyncio.sleep(6)

        assert grant.finalizers == [FINALIZER]


async def test_object_that_keeps_changing_gets_its_finalizer() -> None:
    async with writing(WriterOfOneGrant()) as grant:
        for _ in range(7):
            grant.cluster.fail("merge_patch", Conflict("409"), path=ONE)
        grant.submit(finalizer=grant.change(wanted=True))
        await asyncio.sleep(5)

        assert grant.finalizers == [FINALIZER]


@pytest.mark.parametrize("count", [64, 1_000])
@pytest.mark.parametrize(
    "error",
    [Unavailable("500"), Forbidden("403"), None],
    ids=["unavailable", "forbidden", "hanging"],
)
async def test_release_does_not_wait_for_objects_that_cannot_be_written(
    count, error
) -> None:
    """kubectl delete of one grant, beside many whose statuses cannot be written."""
    async with writing(WriterOfOneGrant()) as grant:
        patch = grant.cluster.merge_patch

        async def merge_patch(path: str, body: Body) -> Body:
            if "bad" not in path:
                return await patch(path, body)
            if error is None:
                await asyncio.sleep(5)
            raise error or Unavailable("timeout")

        grant.cluster.merge_patch = merge_patch
        seen = grant.set_finalizers(FINALIZER)
        for number in range(count):
            grant.create(f"bad{number}")
            grant.submit(path=f"{GRANTS}/bad{number}", old={}, boundAs="role:x")
        await asyncio.sleep(0.5)
        grant.writer.release(record_grant(seen), grant.written.append)
        await asyncio.sleep(ARGOCD_WATCH_MARGIN + 0.05)

        assert grant.finalizers == []
