"""Another program overwrites the managed key: corrected, then delayed, and reported."""

import asyncio
from collections.abc import Sequence

import pytest

from argogrant.argocd.field_owner import FieldOwner
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.apply import (
    CONTESTED_FROM,
    LONGEST_DELAY,
    MAX_NAMED,
    Contention,
    Part,
    contested_finding,
)
from argogrant.kube.client import FIELD_MANAGER
from support.in_memory_operator import INSTANCES, SETTLED, SOON, an_operator

OWN = FieldOwner("2026-01-01T12:00:05Z", FIELD_MANAGER)
EARLIER, LATER = "2026-01-01T12:00:04Z", "2026-01-01T12:00:06Z"


def overwritten(
    times: int,
    *,
    every: float = 1.0,
    owners: Sequence[FieldOwner | None] = (FieldOwner(LATER, "sync"),),
) -> Contention:
    """Return the state after so many overwrites, each of them corrected."""
    contention = Contention()
    contention.record_write(Part("managed", OWN))
    for number in range(times):
        part = Part("foreign", owners[number % len(owners)])
        contention.record_overwrite(part, is_wrong=True, at=number * every)
        contention.record_write(Part("managed", OWN))
    return contention


def message(contention: Contention) -> str:
    finding = contention.finding()
    assert finding is not None
    return finding.message


def test_few_overwrites_are_corrected_at_once() -> None:
    contention = overwritten(CONTESTED_FROM - 1)

    assert contention.finding() is None
    assert contention.next_write_at() is None


def test_many_overwrites_are_reported_with_the_field_manager() -> None:
    text = message(overwritten(CONTESTED_FROM))

    assert text.startswith('Another program (field manager "sync") changed')
    assert f"{CONTESTED_FROM} times" in text
    assert "managedFields" not in text


UNNAMED = [
    pytest.param(None, id="removed the text, which leaves no record"),
    pytest.param(FieldOwner(EARLIER, "bystander"), id="wrote before the operator"),
    pytest.param(FieldOwner("", "bystander"), id="has no time"),
    pytest.param(FieldOwner(LATER, ""), id="has no name"),
]


@pytest.mark.parametrize("owner", UNNAMED)
def test_program_is_not_named_if_it(owner: FieldOwner | None) -> None:
    text = message(overwritten(CONTESTED_FROM, owners=[owner]))

    assert text.startswith("Another program changed")
    assert "bystander" not in text
    assert "audit log of the API server" in text


def test_program_is_not_named_if_the_time_of_the_own_write_is_not_recorded() -> None:
    """As after a program that empties managedFields."""
    contention = Contention()
    for number in range(CONTESTED_FROM):
        contention.record_write(Part("managed"))
        part = Part("foreign", FieldOwner(EARLIER, "bystander"))
        contention.record_overwrite(part, is_wrong=True, at=float(number))

    assert "bystander" not in message(contention)
    assert "audit log of the API server" in message(contention)


def test_program_that_writes_in_the_same_second_is_named() -> None:
    owner = FieldOwner(OWN.at, "quick")

    assert '"quick"' in message(overwritten(CONTESTED_FROM, owners=[owner]))


def test_every_program_that_is_recorded_is_named() -> None:
    owners = [FieldOwner(LATER, "b"), None, FieldOwner(LATER, "a")]
    text = message(overwritten(CONTESTED_FROM, owners=owners))

    assert '(field managers "a", "b")' in text
    assert "audit log" not in text


def test_another_operator_is_reported_as_such() -> None:
    owner = FieldOwner(LATER, FIELD_MANAGER)

    assert "Another argogrant" in message(overwritten(CONTESTED_FROM, owners=[owner]))


def test_only_the_writer_of_the_part_that_changed_is_named() -> None:
    """The manager of the roles is innocent if the annotation was removed."""
    roles = Part("alice", FieldOwner(LATER, "bystander"))
    contention = Contention()
    for second in range(CONTESTED_FROM):
        contention.record_write(roles, Part("members", OWN))
        contention.record_overwrite(roles, Part(None), is_wrong=True, at=second)

    assert "bystander" not in message(contention)


def test_every_fight_that_goes_on_is_reported() -> None:
    contentions = [Contention(f"text {number}") for number in range(MAX_NAMED + 3)]
    for second in range(CONTESTED_FROM):
        for one in contentions[1:]:
            one.record_write(Part("managed", OWN))
            one.record_overwrite(Part("foreign"), is_wrong=True, at=second)
    finding = contested_finding(contentions)

    assert finding is not None
    assert "text 0" not in finding.message
    for number in range(1, MAX_NAMED + 1):
        assert f"changed text {number} 3 times" in finding.message
    assert "The same happens to 2 more." in finding.message


def test_nothing_is_reported_without_a_fight() -> None:
    assert contested_finding([Contention()]) is None


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
    contention.record_overwrite(Part("managed"), is_wrong=False, at=10_000)

    assert contention.finding() is None


def test_overwrite_counts_once_until_it_is_corrected() -> None:
    contention = Contention()
    contention.record_write(Part("managed"))
    for second in range(10):
        contention.record_overwrite(Part("foreign"), is_wrong=True, at=second)

    assert contention.finding() is None


def test_write_of_the_same_plan_by_another_replica_is_no_overwrite() -> None:
    contention = Contention()
    for number in range(10):
        contention.record_write(Part("managed"))
        contention.record_overwrite(Part(f"right {number}"), is_wrong=False, at=number)

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
