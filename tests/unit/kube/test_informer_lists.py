"""Informer: lists, events and responses in any order; the newest version counts."""

import asyncio
from itertools import pairwise

import pytest

from argogrant.kube.client import PAGE_SIZE, Body, ListPage
from argogrant.kube.errors import ClusterError, TooLarge, Unavailable
from argogrant.kube.informer import TOO_LARGE_SECONDS, CollectionLimit
from support.fake_clock import VirtualTimeLoop
from support.informer_copies import Copy, running, settle

UNAVAILABLE = Unavailable("the API server is unavailable")


async def test_relist_counts_the_changes_that_a_dead_watch_missed() -> None:
    """The resync: changed, created and deleted objects are three differences."""
    async with running(Copy()) as copy:
        for name in ("changed", "deleted", "same"):
            copy.create(name)
        await settle()
        copy.cluster.silent = True
        copy.edit("changed", "b")
        copy.delete("deleted")
        copy.create("created")
        await asyncio.sleep(60)
        assert "deleted" in copy.known

        assert await copy.informer.relist() == 3
        assert copy.known == {"changed": "b", "created": "a", "same": "a"}
        assert await copy.informer.relist() == 0


async def test_objects_that_take_long_to_read_leave_time_for_others() -> None:
    copy = Copy()
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    read_at: list[float] = []

    def read_slowly(body: Body) -> str:
        loop._jumping.now += 1.0
        read_at.append(loop.time())
        return body["data"]["text"]

    copy.informer._read = read_slowly
    for number in range(5):
        copy.create(f"map-{number}")
    async with running(copy):
        await asyncio.sleep(20)

        assert len(copy.known) == 5
        assert min(later - one for one, later in pairwise(read_at)) >= 2.0


async def test_response_to_a_write_is_recorded_before_its_event() -> None:
    async with running(Copy()) as copy:
        copy.create("one")
        await settle()
        assert copy.informer.upsert(copy.edit("one", "b"))
        assert copy.known == {"one": "b"}
        await settle()

        assert copy.changes == [(None, "a"), ("a", "b")]


async def test_older_version_never_replaces_a_newer_one() -> None:
    """Versions are compared as numbers: 99 is older than 100."""
    async with running(Copy()) as copy:
        old = copy.create("one")
        copy.edit("one", "b")
        await settle()
        old["metadata"]["resourceVersion"] = "99"

        assert not copy.informer.upsert(old)
        assert copy.known == {"one": "b"}


async def test_object_deleted_during_a_list_stays_deleted() -> None:
    """The list, which is delivered later, has the object still."""
    async with running(Copy()) as copy:
        copy.create("one")
        await settle()

        async def meanwhile() -> None:
            copy.delete("one")
            await settle()

        copy.cluster.after("list", meanwhile)
        await copy.informer.relist()

        assert copy.known == {}


async def test_object_created_during_a_list_stays() -> None:
    """The list, which is delivered later, does not have the object yet."""
    async with running(Copy()) as copy:

        async def meanwhile() -> None:
            copy.create("one")
            await settle()

        copy.cluster.after("list", meanwhile)
        await copy.informer.relist()

        assert copy.known == {"one": "a"}


async def test_object_recreated_during_a_list_is_the_new_one() -> None:
    async with running(Copy()) as copy:
        copy.create("one", "old")
        await settle()

        async def meanwhile() -> None:
            copy.delete("one")
            copy.create("one", "new")
            await settle()

        copy.cluster.after("list", meanwhile)
        await copy.informer.relist()

        assert copy.known == {"one": "new"}


async def test_relist_does_not_move_the_watch() -> None:
    """The next watch continues from the last event, not from the list."""
    async with running(Copy()) as copy:

        async def meanwhile() -> None:
            copy.create("one")
            copy.delete("one")
            await settle()

        copy.cluster.after("list", meanwhile)
        await copy.informer.relist()
        copy.changes.clear()
        copy.cluster.end_watches()
        await settle()

        assert copy.changes == []


async def test_deletion_is_kept_until_both_of_two_lists_are_done() -> None:
    """The slower list still has the object that was deleted meanwhile."""
    async with running(Copy()) as copy:
        copy.create("one")
        await settle()

        async def meanwhile() -> None:
            copy.delete("one")
            await copy.informer.relist()

        copy.cluster.after("list", meanwhile)
        await copy.informer.relist()

        assert copy.known == {}
        assert copy.changes == [(None, "a"), ("a", None)]


async def test_failed_list_changes_nothing() -> None:
    async with running(Copy()) as copy:
        copy.create("one")
        await settle()
        copy.cluster.fail("list", UNAVAILABLE)
        with pytest.raises(ClusterError):
            await copy.informer.relist()

        assert copy.known == {"one": "a"}
        assert await copy.informer.relist() == 0


async def test_long_collection_is_listed_in_pages() -> None:
    """Objects are removed after the last page only."""
    copy = Copy()
    for number in range(2 * PAGE_SIZE + 1):
        copy.create(f"n{number}")
    async with running(copy):
        await settle()
        assert len(copy.known) == 2 * PAGE_SIZE + 1
        assert copy.cluster.count("list") == 3
        copy.cluster.silent = True
        copy.delete("n0")
        copy.delete(f"n{2 * PAGE_SIZE}")

        assert await copy.informer.relist() == 2
        assert len(copy.known) == 2 * PAGE_SIZE - 1


async def test_late_response_to_a_write_restores_no_deleted_object() -> None:
    """The object was changed, then deleted; the event came before the response."""
    async with running(Copy()) as copy:
        copy.create("one")
        response = copy.edit("one", "b")
        copy.delete("one")
        await settle()

        assert not copy.informer.upsert(response)
        assert copy.known == {}


async def test_object_that_cannot_be_read_leaves_the_others(caplog) -> None:
    """The parser of the copy raises KeyError, which nobody foresaw."""
    async with running(Copy()) as copy:
        for name in ("one", "two"):
            copy.create(name)
        await settle()
        copy.cluster.edit(f"{copy.collection.path}/one", {"data": None})
        copy.edit("two", "b")
        await settle()
        assert copy.known == {"two": "b"}
        assert await copy.informer.relist() == 0
        copy.edit("one", "c")
        await settle()

        assert copy.known == {"one": "c", "two": "b"}
        assert "/one cannot be read" in caplog.text


async def test_collection_with_too_many_objects_is_not_read() -> None:
    """What is known of it stays; it is read again after a pause."""
    copy = Copy(limit=CollectionLimit(objects=3, size=10**6))
    async with running(copy):
        for number in range(4):
            copy.create(f"o{number}")
        await settle()
        assert isinstance(copy.informer.error, TooLarge)
        lists = copy.cluster.count("list")
        await asyncio.sleep(TOO_LARGE_SECONDS / 2)
        assert copy.cluster.count("list") == lists
        copy.delete("o3")
        await asyncio.sleep(TOO_LARGE_SECONDS)

        assert copy.informer.error is None
        assert sorted(copy.known) == ["o0", "o1", "o2"]


async def test_list_of_empty_pages_has_an_end() -> None:
    """The server answers every page with the token of another one."""
    copy = Copy(limit=CollectionLimit(objects=3, size=10**6))

    async def page(_collection, token: str = "") -> ListPage:
        return ListPage([], "7", f"{token}x")

    copy.cluster.list = page
    async with running(copy):
        assert isinstance(copy.informer.error, TooLarge)


async def test_bytes_of_a_collection_are_limited() -> None:
    copy = Copy(limit=CollectionLimit(objects=3, size=100))

    async def page(_collection, _token: str = "") -> ListPage:
        return ListPage([], "7", size=101)

    copy.cluster.list = page
    async with running(copy):
        assert isinstance(copy.informer.error, TooLarge)
