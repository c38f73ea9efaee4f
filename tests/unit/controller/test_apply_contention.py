"""Another program overwrites the managed key: corrected, then delayed, and reported."""

import asyncio

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.apply import CONTESTED_FROM, LONGEST_DELAY, Contention
from support.in_memory_operator import INSTANCES, SETTLED, SOON, an_operator


def overwritten(times: int, *, every: float = 1.0, manager: str = "sync") -> Contention:
    """Return the state after so many overwrites, each of them corrected."""
    contention = Contention()
    contention.record_write("managed")
    for number in range(times):
        contention.record_overwrite(
            "foreign", manager, is_wrong=True, at=number * every
        )
        contention.record_write("managed")
    return contention


def test_few_overwrites_are_corrected_at_once() -> None:
    contention = overwritten(CONTESTED_FROM - 1)

    assert contention.finding() is None
    assert contention.next_write_at() is None


def test_many_overwrites_are_reported_with_the_field_manager() -> None:
    finding = overwritten(CONTESTED_FROM).finding()

    assert finding is not None
    assert 'field manager "sync"' in finding.message
    assert f"{CONTESTED_FROM} times" in finding.message


def test_overwrites_without_a_field_manager_are_reported() -> None:
    finding = overwritten(CONTESTED_FROM, manager="").finding()

    assert finding is not None
    assert finding.message.startswith("Another program changed")


def test_delays_grow_up_to_a_maximum() -> None:
    delays = []
    for times in range(CONTESTED_FROM, CONTESTED_FROM + 9):
        due = overwritten(times).next_write_at()
        assert due is not None
        delays.append(due - (times - 1))

    assert delays == sorted(delays)
    assert delays[0] < 5
    assert delays[-1] == LONGEST_DELAY


def test_old_overwrites_no_longer_count() -> None:
    contention = overwritten(CONTESTED_FROM)
    contention.record_overwrite("managed", "", is_wrong=False, at=10_000)

    assert contention.finding() is None


def test_overwrite_counts_once_until_it_is_corrected() -> None:
    contention = Contention()
    contention.record_write("managed")
    for second in range(10):
        contention.record_overwrite("foreign", "", is_wrong=True, at=second)

    assert contention.finding() is None


def test_write_of_the_same_plan_by_another_replica_is_no_overwrite() -> None:
    contention = Contention()
    for number in range(10):
        contention.record_write("managed")
        contention.record_overwrite(f"right {number}", "", is_wrong=False, at=number)

    assert contention.finding() is None


async def test_contention_is_reported_and_delays_only_what_adds_access() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        for _ in range(6):
            operator.edit_rbac(policy_argogrant_csv="")
            await asyncio.sleep(3)
        contested = operator.condition(f"{INSTANCES}/default", "Contested")
        assert (contested["status"], contested["reason"]) == ("True", "Contested")
        for line in ("g, eve, role:admin", "p, eve, x, *, *, allow", "broken"):
            operator.edit_rbac(policy_argogrant_csv=f"{line}\n")
            await asyncio.sleep(SOON)
            assert line not in operator.data[OVERLAY_KEY]
        operator.edit_rbac(policy_argogrant_csv="")
        await asyncio.sleep(SOON)
        assert not operator.bound
        await asyncio.sleep(LONGEST_DELAY)

        assert operator.bound == {"alice"}


async def test_condition_contested_ends_after_a_period_without_overwrites() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        for _ in range(CONTESTED_FROM):
            operator.edit_rbac(policy_argogrant_csv="")
            await asyncio.sleep(SETTLED)
        await asyncio.sleep(660)
        operator.edit_rbac(policy_csv="# a change that triggers a reconciliation\n")
        await asyncio.sleep(SETTLED)
        contested = operator.condition(f"{INSTANCES}/default", "Contested")

        assert contested["status"] == "False"
