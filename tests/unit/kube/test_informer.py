"""Informer: list, watch, failures and backoff."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from argogrant.kube.client import WatchEvent
from argogrant.kube.errors import FIRST_BACKOFF, Forbidden, Gone, NotFound, Unavailable
from argogrant.kube.informer import LONGEST_BACKOFF
from argogrant.kube.resources import CONFIG_MAPS, Collection
from support.informer_copies import MAPS, Copy, running, settle

UNAVAILABLE = Unavailable("the API server is unavailable")


async def test_existing_objects_are_listed_once() -> None:
    copy = Copy()
    copy.create("one")
    async with running(copy):
        assert copy.informer.synced.is_set()
        assert copy.known == {"one": "a"}
        assert copy.changes == [(None, "a")]


async def test_objects_of_one_name_in_two_namespaces_are_kept_apart() -> None:
    copy = Copy(Collection(CONFIG_MAPS, ""))
    copy.create("one", "a")
    copy.create("one", "b", namespace="elsewhere")
    async with running(copy):
        copy.delete("one")
        await settle()

    assert copy.known == {"elsewhere/one": "b"}
    assert copy.changes == [(None, "a"), (None, "b"), ("a", None)]


async def test_every_change_is_reported_once() -> None:
    async with running(Copy()) as copy:
        copy.create("one", "a")
        copy.edit("one", "b")
        await settle()
        assert copy.known == {"one": "b"}
        copy.delete("one")
        await settle()

    assert copy.known == {}
    assert copy.changes == [(None, "a"), ("a", "b"), ("b", None)]
    assert copy.cluster.count("list") == 1


async def test_closed_watch_continues_from_its_last_version() -> None:
    """The API server closes watches every few minutes; this is no failure."""
    async with running(Copy()) as copy:
        copy.create("one")
        await settle()
        copy.cluster.end_watches()
        await settle()
        copy.create("two")
        await settle()

        assert copy.known == {"one": "a", "two": "a"}
        assert copy.informer.error is None
        assert copy.changes == [(None, "a"), (None, "a")]
        assert (copy.cluster.count("list"), copy.cluster.count("watch")) == (1, 2)


async def test_bookmark_advances_the_version_of_a_quiet_watch() -> None:
    """Without other events the next watch continues from the bookmark."""
    async with running(Copy()) as copy:
        copy.cluster.add(
            CONFIG_MAPS.path("elsewhere"), {"metadata": {"name": "another"}}
        )
        copy.cluster.bookmark()
        await settle()
        copy.cluster.compact()
        copy.cluster.end_watches()
        await settle()

        assert copy.cluster.count("list") == 1


async def test_watch_from_a_compacted_version_lists_again_at_once() -> None:
    async with running(Copy()) as copy:
        copy.create("one")
        copy.create("two")
        await settle()
        copy.cluster.silent = True
        copy.delete("one")
        copy.cluster.compact()
        copy.cluster.end_watches()
        await settle()

        assert copy.known == {"two": "a"}
        assert copy.cluster.count("list") == 2
        assert copy.informer.error is None


async def test_gone_during_a_watch_lists_again_at_once() -> None:
    async with running(Copy()) as copy:
        copy.cluster.silent = True
        copy.create("one")
        copy.cluster.break_watches(Gone("watch: 410"))
        await settle()

        assert copy.known == {"one": "a"}


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Unavailable("503"), id="server unavailable"),
        pytest.param(Forbidden("403"), id="permission withdrawn"),
        pytest.param(NotFound("404"), id="kind not installed"),
    ],
)
async def test_failure_is_reported_until_it_ends(error) -> None:
    """The objects stay as last observed meanwhile."""
    async with running(Copy()) as copy:
        copy.create("one")
        await settle()
        copy.cluster.fail("list", error, times=1000)
        copy.cluster.break_watches(error)
        await asyncio.sleep(30)
        assert copy.informer.error is error
        assert copy.known == {"one": "a"}
        copy.cluster.stop_failing()
        await asyncio.sleep(LONGEST_BACKOFF)

        assert copy.informer.error is None
        assert copy.changes == [(None, "a"), (None, None), (None, None)]


async def test_failure_of_another_kind_is_reported() -> None:
    copy = Copy()
    copy.cluster.fail("list", Unavailable("503"))
    copy.cluster.fail("list", Forbidden("403"), times=1000)
    async with running(copy):
        await asyncio.sleep(1)

        assert isinstance(copy.informer.error, Forbidden)
        assert copy.changes == [(None, None), (None, None)]


async def test_failed_first_list_is_attempted_but_not_synced() -> None:
    """Callers that need the objects wait for ``synced``, the others do not."""
    copy = Copy()
    copy.cluster.fail("list", UNAVAILABLE, times=1000)
    async with running(copy):
        assert copy.informer.attempted.is_set()
        assert not copy.informer.synced.is_set()


async def test_backoff_grows_to_its_limit() -> None:
    """An API server that restarts is neither flooded nor found late."""
    copy = Copy()
    copy.cluster.fail("list", UNAVAILABLE, times=1000)
    async with running(copy):
        await asyncio.sleep(60)
        first_minute = copy.cluster.count("list")
        await asyncio.sleep(60)
        second_minute = copy.cluster.count("list") - first_minute

    assert first_minute <= 30
    assert 60 / LONGEST_BACKOFF <= second_minute <= 2 * 60 / LONGEST_BACKOFF + 1


async def test_failing_watch_backs_off() -> None:
    """A successful list between two broken watches leaves the first delay."""
    copy = Copy()
    copy.cluster.fail("watch", UNAVAILABLE, times=1000)
    async with running(copy):
        await asyncio.sleep(10)

    assert copy.cluster.count("watch") <= 10 / 0.1 + 1


@pytest.mark.parametrize("ending", ["closed", "gone"])
async def test_server_that_ends_every_watch_is_asked_rarely(ending) -> None:
    async with running(Copy()) as copy:

        async def watch(*_: object) -> AsyncIterator[WatchEvent]:
            copy.cluster.calls.append(("watch", MAPS.path))
            if ending == "gone":
                raise Gone("410")
            return
            yield

        copy.cluster.watch = watch
        copy.cluster.end_watches()
        await asyncio.sleep(60)

        assert 5 < copy.cluster.count("watch") < 60 / FIRST_BACKOFF * 3
