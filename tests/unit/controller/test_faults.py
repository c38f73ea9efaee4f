"""Unforeseen exceptions are contained, counted and logged in one line each."""

import asyncio
from itertools import pairwise

import pytest

from argogrant.controller.faults import MAX_LOGGED, STABLE_SECONDS, Faults
from argogrant.grants.model.reasons import Reason
from argogrant.kube.errors import LONGEST_BACKOFF, Unavailable

HOSTILE = 'x\n{"type":"dev.argogrant.grant.bound"}\u2028\ud800' + "y" * 10_000


def test_exception_is_contained_and_reported() -> None:
    counted: list[None] = []
    faults = Faults("ns/default", lambda: counted.append(None))
    assert faults.finding is None
    with faults.contain('AppProject "a"'):
        raise KeyError(HOSTILE)

    assert faults.finding is not None
    assert faults.finding.reason is Reason.INTERNAL_ERROR
    assert faults.finding.message.startswith(
        'The operator failed unexpectedly at AppProject "a" (KeyError).'
    )
    assert (len(counted), faults.count) == (1, 1)


def test_foreseen_error_is_left_to_the_caller() -> None:
    faults = Faults()

    with pytest.raises(Unavailable), faults.contain("a request"):
        raise Unavailable("503")
    assert faults.finding is None


def test_log_has_one_short_line_of_ascii(caplog: pytest.LogCaptureFixture) -> None:
    with Faults("ns/default").contain("a plan"):
        raise ValueError(HOSTILE)
    (record,) = caplog.records
    line = record.getMessage()

    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 1000
    assert line.startswith("ns/default: a plan: unexpected failure: ValueError")
    assert "test_faults.py" in line


def test_many_failures_are_counted_and_not_all_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    faults = Faults()
    for number in range(10_000):
        faults.record(f"AccessGrant g{number}", ValueError())

    assert len(caplog.records) == MAX_LOGGED
    assert faults.finding is not None
    assert "AccessGrant g0 (ValueError), and 9999 more." in faults.finding.message


def test_failures_of_the_last_reconciliation_are_forgotten() -> None:
    faults = Faults()
    faults.record("a plan", ValueError())
    faults.begin()

    assert faults.finding is None


def test_finding_of_one_object_keeps_its_binding() -> None:
    finding = Faults().record("AccessGrant g1", ValueError())

    assert finding.is_unknown
    assert not finding.is_final


async def test_failing_task_is_started_again_with_growing_delays() -> None:
    starts: list[float] = []

    async def fail() -> None:
        starts.append(asyncio.get_running_loop().time())
        raise ValueError

    task = asyncio.create_task(Faults().keep_running("a task", fail))
    await asyncio.sleep(120)
    task.cancel()
    pauses = [after - before for before, after in pairwise(starts)]

    assert pauses[0] < 1
    assert LONGEST_BACKOFF / 2 <= pauses[-1] <= LONGEST_BACKOFF


async def test_task_that_was_stable_is_started_again_soon() -> None:
    starts: list[float] = []

    async def run_for_long() -> None:
        starts.append(asyncio.get_running_loop().time())
        await asyncio.sleep(STABLE_SECONDS + 1)
        raise ValueError

    task = asyncio.create_task(Faults().keep_running("a task", run_for_long))
    await asyncio.sleep(20 * STABLE_SECONDS)
    task.cancel()
    pauses = [b - a - STABLE_SECONDS - 1 for a, b in pairwise(starts)]

    assert max(pauses) < 1


async def test_task_that_ends_is_not_started_again() -> None:
    starts: list[None] = []

    async def end() -> None:
        starts.append(None)

    await Faults().keep_running("a task", end)

    assert len(starts) == 1
