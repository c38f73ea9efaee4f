"""Timing of reconciliations and writes."""

import asyncio
from datetime import timedelta

import pytest

from support.builders import HOUR, MINUTE, SECOND
from support.in_memory_operator import SETTLED, SOON, an_operator, until


async def test_grant_expires_at_its_end_and_not_before() -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="1h")
        end = operator.clock() + HOUR
        await asyncio.sleep(3600 - 0.1)
        assert operator.bound == {"alice"}
        await until(lambda: not operator.bound, within=1)
        late = operator.clock() - end
        await asyncio.sleep(SOON)

        assert late < timedelta(seconds=0.02)
        assert operator.ready("g1") == "-Expired"


async def test_scheduled_grant_is_bound_at_its_start() -> None:
    async with an_operator() as operator:
        start = operator.clock() + MINUTE
        operator.grant("g1", notBefore=start.isoformat())
        await asyncio.sleep(SOON)
        assert operator.ready("g1") == "-Scheduled"
        assert not operator.bound
        await until(lambda: operator.bound, within=61)

        assert timedelta() <= operator.clock() - start <= 1.1 * SECOND


async def test_burst_of_grants_shares_a_write() -> None:
    async with an_operator() as operator:
        before = operator.writes
        for number in range(50):
            operator.grant(f"g{number}", f"user-{number}")
            await asyncio.sleep(0.01)
        await until(lambda: len(operator.bound) == 50, within=3)

        assert operator.writes - before <= 2


async def test_burst_of_expired_grants_shares_a_write() -> None:
    async with an_operator() as operator:
        for number in range(50):
            operator.grant(f"g{number}", f"user-{number}", duration="1m")
        await until(lambda: len(operator.bound) == 50, within=3)
        before = operator.writes
        await asyncio.sleep(55)
        await until(lambda: not operator.bound, within=6)

        assert operator.writes - before == 1


async def test_addition_is_delayed_after_a_write() -> None:
    """After each write Argo CD loads its whole policy again."""
    async with an_operator() as operator:
        operator.grant("g1", "alice")
        await until(lambda: operator.bound == {"alice"}, within=SOON)
        operator.grant("g2", "bob")
        await asyncio.sleep(0.8)
        assert operator.bound == {"alice"}
        assert operator.ready("g2") == "-Binding"

        await until(lambda: operator.bound == {"alice", "bob"}, within=0.4)


async def test_removal_is_never_delayed_and_includes_waiting_additions() -> None:
    async with an_operator() as operator:
        operator.grant("g1", "alice")
        await until(lambda: operator.bound == {"alice"}, within=SOON)
        operator.grant("g2", "bob")
        await asyncio.sleep(SOON)
        operator.revoke("g1")

        await until(lambda: operator.bound == {"bob"}, within=SOON)


async def test_nothing_is_written_without_a_change() -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="10h")
        await asyncio.sleep(SETTLED)
        before = operator.cluster.count("merge_patch")
        await asyncio.sleep(1800)

        assert operator.cluster.count("merge_patch") == before


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(2 * HOUR, id="a clock set forward by two hours"),
        pytest.param(HOUR + SECOND, id="a clock set to just after the end"),
    ],
)
async def test_grants_expire_within_a_second_after_a_clock_is_set_forward(step) -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="1h")
        await asyncio.sleep(SETTLED)
        operator.clock.step(step)

        await until(lambda: not operator.bound, within=1.1)


async def test_clock_that_is_set_back_is_detected_within_a_second() -> None:
    """A grant that has not started by the new time is not in force."""
    async with an_operator() as operator:
        start = operator.clock() + MINUTE
        operator.grant("g1", notBefore=start.isoformat(), duration="1h")
        await asyncio.sleep(62)
        assert operator.bound == {"alice"}
        operator.clock.step(-10 * MINUTE)

        await until(lambda: not operator.bound, within=1.1)
        await until(lambda: operator.ready("g1") == "-Scheduled", within=1.1)


async def test_reported_expiry_stays_after_a_clock_was_set_back() -> None:
    """The expiry is a point in time: a stepped clock adds no access to it."""
    async with an_operator() as operator:
        operator.grant("g1", duration="1h")
        end = operator.clock() + HOUR
        await asyncio.sleep(60)
        operator.clock.step(-30 * SECOND)
        await asyncio.sleep(3600 - 60 + 29)
        assert operator.bound == {"alice"}
        await until(lambda: not operator.bound, within=2)

        assert operator.clock() - end < SECOND
