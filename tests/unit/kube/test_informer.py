"""A local copy that keeps itself fresh, whatever the watch goes through."""

import asyncio

import pytest

from argogrant.kube.errors import Forbidden, Gone, NotFound, Unavailable
from argogrant.kube.informer import LONGEST_BACKOFF
from argogrant.kube.resources import CONFIG_MAPS, Collection
from support.informer_copies import Copy, following, soon

AWAY = Unavailable("the API server is away")


async def test_what_is_there_is_known_after_one_list() -> None:
    copy = Copy()
    copy.create("one")
    async with following(copy):
        assert copy.reflector.synced.is_set()
        assert copy.known == {"one": "a"}
        assert copy.changes == [(None, "a")]


async def test_in_all_namespaces_two_of_one_name_are_two() -> None:
    copy = Copy(Collection(CONFIG_MAPS, ""))
    copy.create("one", "a")
    copy.create("one", "b", namespace="elsewhere")
    async with following(copy):
        copy.delete("one")
        await soon()

    assert copy.known == {"elsewhere/one": "b"}
    assert copy.changes == [(None, "a"), (None, "b"), ("a", None)]


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
        assert copy.reflector.error is None
        assert copy.changes == [(None, "a"), (None, "a")]
        assert (copy.cluster.count("list"), copy.cluster.count("watch")) == (1, 2)


async def test_a_bookmark_moves_a_quiet_watch_along() -> None:
    """Where nothing happens, the next watch begins where the bookmark was."""
    async with following(Copy()) as copy:
        copy.cluster.add(
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
        assert copy.reflector.error is None


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
        assert copy.reflector.error is error
        assert copy.known == {"one": "a"}
        copy.cluster.stop_failing()
        await asyncio.sleep(LONGEST_BACKOFF)

        assert copy.reflector.error is None
        assert copy.changes == [(None, "a"), (None, None), (None, None)]


async def test_another_failure_is_news() -> None:
    copy = Copy()
    copy.cluster.fail("list", Unavailable("503"))
    copy.cluster.fail("list", Forbidden("403"), times=1000)
    async with following(copy):
        await asyncio.sleep(1)

        assert isinstance(copy.reflector.error, Forbidden)
        assert copy.changes == [(None, None), (None, None)]


async def test_the_first_failure_is_a_look_but_no_view() -> None:
    """Whoever waits for the first look goes on; whoever needs a view waits."""
    copy = Copy()
    copy.cluster.fail("list", AWAY, times=1000)
    async with following(copy):
        assert copy.reflector.attempted.is_set()
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
    assert 60 / LONGEST_BACKOFF <= second_minute <= 2 * 60 / LONGEST_BACKOFF + 1


async def test_a_failing_watch_pauses_as_well() -> None:
    """A list that works between two broken watches is no reason to hurry."""
    copy = Copy()
    copy.cluster.fail("watch", AWAY, times=1000)
    async with following(copy):
        await asyncio.sleep(10)

    assert copy.cluster.count("watch") <= 10 / 0.1 + 1
