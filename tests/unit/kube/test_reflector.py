"""A local copy that keeps itself fresh, whatever the watch goes through."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from argogrant.kube.cluster import Body
from argogrant.kube.failures import (
    ClusterError,
    Forbidden,
    Gone,
    NotFound,
    Unavailable,
)
from argogrant.kube.reflector import LONGEST_PAUSE, Reflector, stop
from argogrant.kube.resources import CONFIG_MAPS, Collection
from fakes import FakeCluster

MAPS = Collection(CONFIG_MAPS, "argocd")
AWAY = Unavailable("the API server is away")


@dataclass
class Copy:
    """A reflector that keeps each object's text, and what it told of changes."""

    cluster: FakeCluster = field(default_factory=FakeCluster)
    changes: list[tuple[str | None, str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reflector: Reflector[str] = Reflector(
            self.cluster,
            MAPS,
            read=lambda body: body["data"]["text"],
            on_change=lambda before, after: self.changes.append((before, after)),
        )

    def create(self, name: str, text: str = "a") -> Body:
        body = {"metadata": {"name": name}, "data": {"text": text}}
        return self.cluster.create(MAPS.path, body)

    def edit(self, name: str, text: str) -> Body:
        return self.cluster.edit(f"{MAPS.path}/{name}", {"data": {"text": text}})

    def delete(self, name: str) -> None:
        self.cluster.delete(f"{MAPS.path}/{name}")

    @property
    def known(self) -> dict[str, Any]:
        return dict(self.reflector.objects)


async def soon() -> None:
    """Let everything happen that waits for no clock, and hardly any time pass."""
    await asyncio.sleep(0.01)


@asynccontextmanager
async def following(copy: Copy) -> AsyncIterator[Copy]:
    task = asyncio.create_task(copy.reflector.run())
    await soon()
    try:
        yield copy
    finally:
        await stop(task)


async def test_what_is_there_is_known_after_one_list() -> None:
    copy = Copy()
    copy.create("one")
    async with following(copy):
        assert copy.reflector.synced.is_set()
        assert copy.known == {"one": "a"}
        assert copy.changes == [(None, "a")]


async def test_every_change_is_heard_and_told_once() -> None:
    async with following(Copy()) as copy:
        copy.create("one", "a")
        copy.edit("one", "b")
        await soon()
        assert copy.known == {"one": "b"}
        copy.delete("one")
        await soon()

    assert copy.known == {}
    assert copy.changes == [(None, "a"), ("a", "b"), ("b", None)]
    assert copy.cluster.count("list") == 1


async def test_a_watch_that_ends_is_opened_where_it_ended() -> None:
    """That happens every few minutes and is no failure."""
    async with following(Copy()) as copy:
        copy.create("one")
        await soon()
        copy.cluster.end_watches()
        await soon()
        copy.create("two")
        await soon()

        assert copy.known == {"one": "a", "two": "a"}
        assert copy.reflector.failure is None
        assert copy.changes == [(None, "a"), (None, "a")]
        assert (copy.cluster.count("list"), copy.cluster.count("watch")) == (1, 2)


async def test_a_bookmark_moves_a_quiet_watch_along() -> None:
    """Where nothing happens, the next watch begins where the bookmark was."""
    async with following(Copy()) as copy:
        copy.cluster.create(
            CONFIG_MAPS.path("elsewhere"), {"metadata": {"name": "another"}}
        )
        copy.cluster.bookmark()
        await soon()
        copy.cluster.compact()
        copy.cluster.end_watches()
        await soon()

        assert copy.cluster.count("list") == 1


async def test_a_watch_that_is_too_far_behind_lists_again_at_once() -> None:
    async with following(Copy()) as copy:
        copy.create("one")
        copy.create("two")
        await soon()
        copy.cluster.silent = True
        copy.delete("one")
        copy.cluster.compact()
        copy.cluster.end_watches()
        await soon()

        assert copy.known == {"two": "a"}
        assert copy.cluster.count("list") == 2
        assert copy.reflector.failure is None


async def test_gone_in_the_middle_of_a_watch_lists_again_at_once() -> None:
    async with following(Copy()) as copy:
        copy.cluster.silent = True
        copy.create("one")
        copy.cluster.break_watches(Gone("watch: 410"))
        await soon()

        assert copy.known == {"one": "a"}


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Unavailable("503"), id="a server that is away"),
        pytest.param(Forbidden("403"), id="rights that were taken"),
        pytest.param(NotFound("404"), id="a kind that is not installed"),
    ],
)
async def test_a_failure_is_kept_and_told_until_it_is_over(error) -> None:
    """What was known stays known meanwhile."""
    async with following(Copy()) as copy:
        copy.create("one")
        await soon()
        copy.cluster.fail("list", error, times=1000)
        copy.cluster.break_watches(error)
        await asyncio.sleep(30)
        assert copy.reflector.failure is error
        assert copy.known == {"one": "a"}
        copy.cluster.stop_failing()
        await asyncio.sleep(LONGEST_PAUSE)

        assert copy.reflector.failure is None
        assert copy.changes == [(None, "a"), (None, None), (None, None)]


async def test_another_failure_is_news() -> None:
    copy = Copy()
    copy.cluster.fail("list", Unavailable("503"))
    copy.cluster.fail("list", Forbidden("403"), times=1000)
    async with following(copy):
        await asyncio.sleep(1)

        assert isinstance(copy.reflector.failure, Forbidden)
        assert copy.changes == [(None, None), (None, None)]


async def test_the_first_failure_is_a_look_but_no_view() -> None:
    """Whoever waits for the first look goes on; whoever needs a view waits."""
    copy = Copy()
    copy.cluster.fail("list", AWAY, times=1000)
    async with following(copy):
        assert copy.reflector.looked_at.is_set()
        assert not copy.reflector.synced.is_set()


async def test_pauses_grow_to_a_bound() -> None:
    """An API server that comes back is not met by a storm, nor found late."""
    copy = Copy()
    copy.cluster.fail("list", AWAY, times=1000)
    async with following(copy):
        await asyncio.sleep(60)
        first_minute = copy.cluster.count("list")
        await asyncio.sleep(60)
        second_minute = copy.cluster.count("list") - first_minute

    assert first_minute <= 30
    assert 60 / LONGEST_PAUSE <= second_minute <= 2 * 60 / LONGEST_PAUSE + 1


async def test_a_failing_watch_pauses_as_well() -> None:
    """A list that works between two broken watches is no reason to hurry."""
    copy = Copy()
    copy.cluster.fail("watch", AWAY, times=1000)
    async with following(copy):
        await asyncio.sleep(10)

    assert copy.cluster.count("watch") <= 10 / 0.1 + 1


async def test_a_list_anew_counts_what_a_dead_watch_did_not_tell() -> None:
    """The sweep's second path: changed, created and deleted are three differences."""
    async with following(Copy()) as copy:
        for name in ("changed", "deleted", "same"):
            copy.create(name)
        await soon()
        copy.cluster.silent = True
        copy.edit("changed", "b")
        copy.delete("deleted")
        copy.create("created")
        await asyncio.sleep(60)
        assert "deleted" in copy.known

        assert await copy.reflector.relist() == 3
        assert copy.known == {"changed": "b", "created": "a", "same": "a"}
        assert await copy.reflector.relist() == 0


async def test_an_answer_to_a_write_is_news_before_the_watch_tells() -> None:
    async with following(Copy()) as copy:
        copy.create("one")
        await soon()
        assert copy.reflector.note(copy.edit("one", "b"))
        assert copy.known == {"one": "b"}
        await soon()

        assert copy.changes == [(None, "a"), ("a", "b")]


async def test_an_older_state_never_replaces_a_newer_one() -> None:
    """Versions are numbers: 99 is older than 100."""
    async with following(Copy()) as copy:
        old = copy.create("one")
        copy.edit("one", "b")
        await soon()
        old["metadata"]["resourceVersion"] = "99"

        assert not copy.reflector.note(old)
        assert copy.known == {"one": "b"}


async def test_what_was_deleted_during_a_list_stays_deleted() -> None:
    """The list's answer was on its way, with the object still in it."""
    async with following(Copy()) as copy:
        copy.create("one")
        await soon()

        async def meanwhile() -> None:
            copy.delete("one")
            await soon()

        copy.cluster.after("list", meanwhile)
        await copy.reflector.relist()

        assert copy.known == {}


async def test_what_was_created_during_a_list_stays() -> None:
    """The list's answer was on its way, without the object."""
    async with following(Copy()) as copy:

        async def meanwhile() -> None:
            copy.create("one")
            await soon()

        copy.cluster.after("list", meanwhile)
        await copy.reflector.relist()

        assert copy.known == {"one": "a"}


async def test_what_was_created_anew_during_a_list_is_the_new_one() -> None:
    async with following(Copy()) as copy:
        copy.create("one", "old")
        await soon()

        async def meanwhile() -> None:
            copy.delete("one")
            copy.create("one", "new")
            await soon()

        copy.cluster.after("list", meanwhile)
        await copy.reflector.relist()

        assert copy.known == {"one": "new"}


async def test_a_late_list_does_not_bring_back_what_came_and_went() -> None:
    """The next watch begins where the last one was, not where the list was."""
    async with following(Copy()) as copy:

        async def meanwhile() -> None:
            copy.create("one")
            copy.delete("one")
            await soon()

        copy.cluster.after("list", meanwhile)
        await copy.reflector.relist()
        copy.changes.clear()
        copy.cluster.end_watches()
        await soon()

        assert copy.changes == []


async def test_two_lists_at_once_remember_deletions_until_both_are_done() -> None:
    """The slower one still has the object that was deleted under way."""
    async with following(Copy()) as copy:
        copy.create("one")
        await soon()

        async def meanwhile() -> None:
            copy.delete("one")
            await copy.reflector.relist()

        copy.cluster.after("list", meanwhile)
        await copy.reflector.relist()

        assert copy.known == {}
        assert copy.changes == [(None, "a"), ("a", None)]


async def test_a_list_that_fails_changes_nothing() -> None:
    async with following(Copy()) as copy:
        copy.create("one")
        await soon()
        copy.cluster.fail("list", AWAY)
        with pytest.raises(ClusterError):
            await copy.reflector.relist()

        assert copy.known == {"one": "a"}
        assert await copy.reflector.relist() == 0
