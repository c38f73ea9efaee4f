"""Somebody who keeps changing our key is put right, then slowly, and by name."""

import asyncio

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.argocd_state import ObservedConfigMap
from argogrant.controller.contention import CONTESTED_FROM, LONGEST_DELAY, Contention
from support.in_memory_operator import INSTANCES, SETTLED, SOON, a_room


def seen(text: str, by: str = "") -> ObservedConfigMap:
    return ObservedConfigMap("7", {OVERLAY_KEY: text}, by)


def disturbed(times: int, *, every: float = 1.0, by: str = "sync") -> Contention:
    """Our text, changed by somebody and put back, so many times."""
    contention = Contention()
    contention.record_write("ours")
    for number in range(times):
        contention.observe(seen("theirs", by), is_wrong=True, at=number * every)
        contention.record_write("ours")
    return contention


def test_a_few_disturbances_are_put_back_at_once() -> None:
    contention = disturbed(CONTESTED_FROM - 1)

    assert contention.finding() is None
    assert contention.next_write_at() is None


def test_many_disturbances_are_a_contest_with_a_name() -> None:
    finding = disturbed(CONTESTED_FROM).finding()

    assert finding is not None
    assert 'by the record "sync"' in finding.message
    assert f"{CONTESTED_FROM} times" in finding.message


def test_a_contest_without_a_record_names_nobody() -> None:
    finding = disturbed(CONTESTED_FROM, by="").finding()

    assert finding is not None
    assert finding.message.startswith("Somebody changed")


def test_pauses_grow_to_a_bound() -> None:
    pauses = []
    for times in range(CONTESTED_FROM, CONTESTED_FROM + 9):
        until = disturbed(times).next_write_at()
        assert until is not None
        pauses.append(until - (times - 1))

    assert pauses == sorted(pauses)
    assert pauses[0] < 5
    assert pauses[-1] == LONGEST_DELAY


def test_a_contest_that_is_over_is_forgotten() -> None:
    contention = disturbed(CONTESTED_FROM)
    contention.observe(seen("ours"), is_wrong=False, at=10_000)

    assert contention.finding() is None


def test_one_disturbance_counts_once_until_it_was_put_back() -> None:
    contention = Contention()
    contention.record_write("ours")
    for second in range(10):
        contention.observe(seen("theirs"), is_wrong=True, at=second)

    assert contention.finding() is None


def test_another_replica_that_writes_the_same_disturbs_nobody() -> None:
    contention = Contention()
    for number in range(10):
        contention.record_write("ours")
        contention.observe(seen(f"right {number}"), is_wrong=False, at=number)

    assert contention.finding() is None


async def test_a_contest_is_told_and_takes_no_access_longer_than_it_must() -> None:
    """Removals go out at once; only what is missing waits."""
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        for _ in range(6):
            room.edit_rbac(policy_argogrant_csv="")
            await asyncio.sleep(3)
        contested = room.condition(f"{INSTANCES}/default", "Contested")
        assert (contested["status"], contested["reason"]) == ("True", "Contested")
        for line in ("g, eve, role:admin", "p, eve, x, *, *, allow", "broken"):
            room.edit_rbac(policy_argogrant_csv=f"{line}\n")
            await asyncio.sleep(SOON)
            assert line not in room.data[OVERLAY_KEY]
        room.edit_rbac(policy_argogrant_csv="")
        await asyncio.sleep(SOON)
        assert not room.bound
        await asyncio.sleep(LONGEST_DELAY)

        assert room.bound == {"alice"}


async def test_a_contest_that_ended_is_forgotten() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        for _ in range(CONTESTED_FROM):
            room.edit_rbac(policy_argogrant_csv="")
            await asyncio.sleep(SETTLED)
        await asyncio.sleep(660)
        room.edit_rbac(policy_csv="# a change that wakes\n")
        await asyncio.sleep(SETTLED)
        contested = room.condition(f"{INSTANCES}/default", "Contested")

        assert contested["status"] == "False"
