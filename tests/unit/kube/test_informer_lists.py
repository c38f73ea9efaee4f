"""Lists, watches and writes that overtake each other: the newest state counts."""

import asyncio

import pytest

from argogrant.kube.client import PAGE_SIZE
from argogrant.kube.errors import ClusterError, Unavailable
from support.informer_copies import Copy, following, soon

AWAY = Unavailable("the API server is away")


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
        assert copy.reflector.upsert(copy.edit("one", "b"))
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

        assert not copy.reflector.upsert(old)
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


async def test_a_long_list_comes_in_pages_and_nothing_is_lost() -> None:
    """The last page tells what is gone, and only then is anything forgotten."""
    copy = Copy()
    for number in range(2 * PAGE_SIZE + 1):
        copy.create(f"n{number}")
    async with following(copy):
        await soon()
        assert len(copy.known) == 2 * PAGE_SIZE + 1
        assert copy.cluster.count("list") == 3
        copy.cluster.silent = True
        copy.delete("n0")
        copy.delete(f"n{2 * PAGE_SIZE}")

        assert await copy.reflector.relist() == 2
        assert len(copy.known) == 2 * PAGE_SIZE - 1


async def test_a_late_answer_to_a_write_brings_nothing_back() -> None:
    """The object was changed, then deleted; the watch was quicker than the answer."""
    async with following(Copy()) as copy:
        copy.create("one")
        answer = copy.edit("one", "b")
        copy.delete("one")
        await soon()

        assert not copy.reflector.upsert(answer)
        assert copy.known == {}
