"""The writer of statuses and finalizers: in the background, the last word counts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from argogrant.controller.status.writer import (
    FINALIZER,
    FORBIDDEN_PAUSE,
    FinalizerChange,
    StatusUpdate,
    StatusWriter,
)
from argogrant.kube.client import Body
from argogrant.kube.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from support.fake_cluster import FakeCluster
from support.in_memory_operator import GRANTS, SOON
from support.live_cluster import a_grant

ONE = f"{GRANTS}/g1"


class Desk:
    """A grant, and a writer of its status."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.writer = StatusWriter(self.cluster)
        self.told: list[Body] = []
        self.uid = self.create("g1")

    def create(self, name: str) -> str:
        uid: str = self.cluster.add(GRANTS, a_grant(name))["metadata"]["uid"]
        return uid

    def submit(
        self,
        *,
        path: str = ONE,
        old: Any = None,
        hold: FinalizerChange | None = None,
        seen: Body | None = None,
        **new: Any,
    ) -> None:
        """Report about an object as it was seen; by default as it is now."""
        metadata = (seen or self.cluster.object(path))["metadata"]
        self.writer.submit(
            StatusUpdate(
                finalizer=hold,
                path=path,
                uid=metadata["uid"],
                version=metadata["resourceVersion"],
                old=self.status if old is None else old,
                new=new,
                written=self.told.append,
            )
        )

    def hold(self, *, wanted: bool) -> FinalizerChange:
        """Ask for our finalizer, or for its removal, as the object is now."""
        return FinalizerChange(wanted=wanted, finalizers=tuple(self.finalizers))

    def hold_by(self, *finalizers: str) -> Body:
        """Set the finalizers as somebody else does; gives the object."""
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
async def writing(desk: Desk) -> AsyncIterator[Desk]:
    task = asyncio.create_task(desk.writer.run())
    try:
        yield desk
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_status_is_written_and_told() -> None:
    async with writing(Desk()) as desk:
        desk.submit(boundAs="role:x")
        await asyncio.sleep(SOON)

        assert desk.status == {"boundAs": "role:x"}
        assert [body["status"] for body in desk.told] == [{"boundAs": "role:x"}]


async def test_a_field_that_is_no_longer_said_vanishes() -> None:
    async with writing(Desk()) as desk:
        desk.submit(boundAs="role:x", endedAt="then")
        await asyncio.sleep(SOON)
        desk.submit(boundAs="role:x")
        await asyncio.sleep(SOON)

        assert desk.status == {"boundAs": "role:x"}


async def test_a_status_that_is_there_is_not_written() -> None:
    async with writing(Desk()) as desk:
        desk.submit(old={"boundAs": "role:x"}, boundAs="role:x")
        await asyncio.sleep(SOON)

        assert desk.writes == 0


async def test_of_several_reports_the_last_is_written() -> None:
    desk = Desk()
    for number in range(5):
        desk.submit(boundAs=f"role:{number}")
    assert desk.writer.pending_or_stored(ONE, {}) == {"boundAs": "role:4"}
    async with writing(desk):
        await asyncio.sleep(SOON)

        assert desk.status == {"boundAs": "role:4"}
        assert desk.writes == 1
        assert desk.writer.pending_or_stored(ONE, desk.status) == desk.status


async def test_a_report_that_comes_during_a_write_is_written_after_it() -> None:
    async with writing(Desk()) as desk:
        desk.cluster.after("merge_patch", lambda: desk.submit(boundAs="role:late"))
        desk.submit(boundAs="role:x")
        await asyncio.sleep(SOON)

        assert desk.status == {"boundAs": "role:late"}
        assert desk.writes == 2


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        pytest.param(NotFound("404"), 1, id="an object that is gone is let go"),
        pytest.param(Conflict("409"), 2, id="a conflict is read anew and tried again"),
        pytest.param(Invalid("422"), 1, id="a refusal is not repeated"),
        pytest.param(Unavailable("503"), 2, id="an outage is waited for"),
    ],
)
async def test_what_fails(error, attempts) -> None:
    """And whatever failed, the next report is written."""
    async with writing(Desk()) as desk:
        desk.cluster.fail("merge_patch", error)
        desk.submit(boundAs="role:x")
        await asyncio.sleep(5)
        assert desk.writes == attempts
        desk.submit(boundAs="role:next", old={})
        await asyncio.sleep(SOON)

        assert desk.status == {"boundAs": "role:next"}


async def test_a_refused_status_is_logged(caplog) -> None:
    async with writing(Desk()) as desk:
        desk.cluster.fail("merge_patch", Invalid("422 because"))
        desk.submit(boundAs="role:x")
        await asyncio.sleep(SOON)

    assert f"{ONE} is not written: 422 because" in caplog.text


async def test_one_object_that_can_not_be_written_holds_up_no_other() -> None:
    async with writing(Desk()) as desk:
        desk.create("g2")
        away = Unavailable("503")
        desk.cluster.fail("merge_patch", away, times=100, path=ONE)
        desk.submit(boundAs="role:x")
        desk.submit(path=f"{GRANTS}/g2", old={}, boundAs="role:y")
        await asyncio.sleep(SOON)

        assert desk.cluster.object(f"{GRANTS}/g2")["status"] == {"boundAs": "role:y"}


async def test_a_finalizer_is_added_to_those_of_others() -> None:
    async with writing(Desk()) as desk:
        desk.cluster.edit(ONE, {"metadata": {"finalizers": ["a/b"]}})
        desk.submit(hold=desk.hold(wanted=True), boundAs="role:x")
        await asyncio.sleep(SOON)

        assert desk.finalizers == ["a/b", FINALIZER]
        assert desk.status == {"boundAs": "role:x"}


async def test_a_finalizer_that_is_there_is_not_written() -> None:
    async with writing(Desk()) as desk:
        desk.cluster.edit(ONE, {"metadata": {"finalizers": [FINALIZER]}})
        desk.submit(hold=desk.hold(wanted=True))
        await asyncio.sleep(SOON)

        assert desk.cluster.count("merge_patch") == 0


@pytest.mark.parametrize(
    ("wanted", "before", "meanwhile", "after"),
    [
        pytest.param(True, [], ["a/b"], ["a/b", FINALIZER], id="while ours is set"),
        pytest.param(False, [FINALIZER], [FINALIZER, "a/b"], ["a/b"], id="or goes"),
        pytest.param(True, ["a/b"], [], [FINALIZER], id="and none comes back"),
        pytest.param(True, [], [FINALIZER], [FINALIZER], id="nor ours twice"),
    ],
)
async def test_what_somebody_else_does_meanwhile_to_finalizers_stays(
    wanted, before, meanwhile, after
) -> None:
    """Lists are replaced as a whole: an old view of them must not win."""
    async with writing(Desk()) as desk:
        seen, hold = desk.hold_by(*before), desk.hold(wanted=wanted)
        desk.hold_by(*meanwhile)
        desk.submit(hold=hold, seen=seen)
        await asyncio.sleep(SOON)

        assert desk.finalizers == after


async def test_what_is_being_deleted_meanwhile_is_told_and_not_held(caplog) -> None:
    """The API server would refuse it."""
    async with writing(Desk()) as desk:
        seen, hold = desk.hold_by("a/b"), desk.hold(wanted=True)
        desk.cluster.delete_object(ONE)
        desk.submit(hold=hold, seen=seen, boundAs="role:x")
        await asyncio.sleep(SOON)

        assert desk.finalizers == ["a/b"]
        assert desk.status == {"boundAs": "role:x"}
        assert caplog.text == ""


async def test_a_status_is_written_although_the_object_has_changed() -> None:
    async with writing(Desk()) as desk:
        seen = desk.cluster.object(ONE)
        desk.hold_by("a/b")
        desk.submit(seen=seen, boundAs="role:x")
        await asyncio.sleep(SOON)

        assert desk.status == {"boundAs": "role:x"}
        assert desk.finalizers == ["a/b"]


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(None, id="told what was meant for the old one"),
        pytest.param(True, id="held"),
        pytest.param(False, id="let go"),
    ],
)
async def test_another_object_of_that_name_is_not(wanted, caplog) -> None:
    """An end that the old one was promised would end the new one for good."""
    async with writing(Desk()) as desk:
        seen = desk.hold_by(*[FINALIZER] * (wanted is False))
        hold = None if wanted is None else desk.hold(wanted=wanted)
        desk.hold_by()
        desk.cluster.delete_object(ONE)
        desk.create("g1")
        new = desk.hold_by("a/b", *[FINALIZER] * (wanted is False))
        desk.submit(hold=hold, seen=seen, old={}, expiresAt="2026-11-24T13:00:00Z")
        await asyncio.sleep(5)

        assert desk.cluster.object(ONE) == new
        assert desk.told == []
        assert caplog.text == ""


async def test_a_right_that_is_missing_is_asked_for_again(caplog) -> None:
    """An API server that has just started refuses everything for a moment."""
    async with writing(Desk()) as desk:
        desk.cluster.fail("merge_patch", Forbidden("403"), times=3)
        desk.submit(hold=desk.hold(wanted=True))
        await asyncio.sleep(SOON)
        assert desk.finalizers == []
        assert f"{ONE} is not written yet: 403" in caplog.text
        await asyncio.sleep(3 * FORBIDDEN_PAUSE)

        assert desk.finalizers == [FINALIZER]


async def test_an_object_that_changes_all_the_time_is_held_in_the_end() -> None:
    async with writing(Desk()) as desk:
        for _ in range(7):
            desk.cluster.fail("merge_patch", Conflict("409"), path=ONE)
        desk.submit(hold=desk.hold(wanted=True))
        await asyncio.sleep(5)

        assert desk.finalizers == [FINALIZER]
