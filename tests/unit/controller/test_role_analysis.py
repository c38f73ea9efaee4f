"""The analysis of roles runs beside everything else, and always ends."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from argogrant.argocd.appproject.project import Project, ProjectRole
from argogrant.argocd.policy_csv import read_unmanaged_keys
from argogrant.argocd.roles import RoleAnalysis
from argogrant.controller import role_analysis
from argogrant.controller.faults import Faults
from argogrant.controller.role_analysis import (
    FIRST_WORK,
    MAX_WORK,
    NOT_ANALYSED,
    STEP_WORK,
    RoleAnalyzer,
    RoleSources,
)
from argogrant.grants.model.reasons import Reason
from support.fake_clock import VirtualTimeLoop

FOUND = RoleAnalysis(default_roles=frozenset({"role:found"}))


def a_source(text: str = "") -> RoleSources:
    return RoleSources(read_unmanaged_keys({"policy.csv": text}), ())


class Recorder:
    """An analyzer with its number of turns and of changes."""

    def __init__(self) -> None:
        self.changes = 0
        self.analyzer = RoleAnalyzer(
            Faults(), self.record, one_at_a_time=asyncio.Lock()
        )

    def record(self) -> None:
        self.changes += 1


@asynccontextmanager
async def an_analyzer() -> AsyncIterator[Recorder]:
    recorder = Recorder()
    task = asyncio.create_task(recorder.analyzer.run())
    await asyncio.sleep(0)
    yield recorder
    task.cancel()


def take(monkeypatch: pytest.MonkeyPatch, work: int) -> list[RoleSources]:
    """Let each analysis take this work; return the analysed texts."""
    begun: list[RoleSources] = []

    def analyse(*sources: Any) -> Iterator[int]:
        begun.append(RoleSources(*sources))
        for _ in range(work):
            yield 1
        return FOUND

    monkeypatch.setattr(role_analysis, "analyse_roles", analyse)
    return begun


async def test_small_analysis_has_ended_with_its_request() -> None:
    async with an_analyzer() as recorder:
        recorder.analyzer.request(a_source("p, role:a, exec, create, *, allow"))

        assert recorder.analyzer.result is not None
        assert "role:a" in {one.name for one in recorder.analyzer.result.analysis.roles}
        assert recorder.changes == 0


async def test_large_analysis_ends_in_the_background(monkeypatch) -> None:
    take(monkeypatch, FIRST_WORK + 10 * STEP_WORK)
    async with an_analyzer() as recorder:
        recorder.analyzer.request(a_source())
        assert recorder.analyzer.result is None
        turns = 0
        while recorder.analyzer.result is None:
            await asyncio.sleep(0)
            turns += 1

        assert turns >= 10
        assert recorder.analyzer.result.analysis is FOUND
        assert recorder.changes == 1


async def test_work_that_takes_long_is_interrupted_after_each_unit(
    monkeypatch,
) -> None:
    """To read one pattern can take as long as a thousand usual lines."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    done: list[float] = []

    def analyse(*_: Any) -> Iterator[int]:
        for _ in range(10):
            loop._jumping.now += 1.0
            done.append(loop.time())
            yield 1
        return FOUND

    monkeypatch.setattr(role_analysis, "analyse_roles", analyse)
    async with an_analyzer() as recorder:
        recorder.analyzer.request(a_source())
        assert len(done) == 1
        await asyncio.sleep(30)

        assert recorder.analyzer.result is not None
        assert recorder.analyzer.result.analysis is FOUND
        pauses = [later - one for one, later in pairwise(done[1:])]
        assert min(pauses) >= 2.0, "others have as much time as the analysis"


async def test_of_the_changes_during_an_analysis_only_the_newest_is_analysed(
    monkeypatch,
) -> None:
    begun = take(monkeypatch, FIRST_WORK + STEP_WORK)
    texts = [a_source(f"g, a, role:{number}") for number in range(100)]
    async with an_analyzer() as recorder:
        for text in texts:
            recorder.analyzer.request(text)
        await asyncio.sleep(1)

        assert begun == [texts[0], texts[-1]]
        assert recorder.changes == 2


async def test_same_texts_are_analysed_once(monkeypatch) -> None:
    begun = take(monkeypatch, 1)
    async with an_analyzer() as recorder:
        for _ in range(3):
            recorder.analyzer.request(a_source("g, a, role:b"))

        assert len(begun) == 1


async def test_analysis_with_too_much_work_is_left_out(monkeypatch) -> None:
    monkeypatch.setattr(role_analysis, "MAX_WORK", 2 * FIRST_WORK)
    take(monkeypatch, MAX_WORK)
    async with an_analyzer() as recorder:
        recorder.analyzer.request(a_source())
        await asyncio.sleep(1)
        result = recorder.analyzer.result

        assert result is not None
        assert result.omission is Reason.TOO_MANY_RULES
        assert result.condition is not None
        assert "too many rules or roles" in result.condition.message
        assert recorder.changes == 1


@pytest.mark.parametrize(("roles", "are_analysed"), [(6, True), (7, False)])
async def test_roles_that_would_take_too_much_memory_are_not_analysed(
    roles, are_analysed, monkeypatch
) -> None:
    monkeypatch.setattr(role_analysis, "MAX_ROLES", 6)
    begun = take(monkeypatch, 1)
    projects = tuple(
        Project(name=f"p{n}", roles=(ProjectRole(name="viewer"),)) for n in range(roles)
    )
    async with an_analyzer() as recorder:
        recorder.analyzer.request(RoleSources(a_source().text, projects))
        result = recorder.analyzer.result

        assert result is not None
        assert (result.omission is None) == are_analysed == bool(begun)


async def test_analysis_that_fails_is_left_out(monkeypatch) -> None:
    monkeypatch.setattr(role_analysis, "analyse_roles", lambda *_: iter([None]))
    async with an_analyzer() as recorder:
        recorder.analyzer.request(a_source())

        assert recorder.analyzer.result is not None
        assert recorder.analyzer.result.condition is not None
        assert recorder.analyzer.result.condition.reason is Reason.ANALYSIS_FAILED


async def test_unknown_texts_need_no_analysis() -> None:
    async with an_analyzer() as recorder:
        recorder.analyzer.request(None)

        assert recorder.analyzer.result is NOT_ANALYSED
        assert NOT_ANALYSED.condition is None


def test_condition_says_how_many_roles_have_inexact_risks() -> None:
    result = role_analysis.AnalysisResult(analysis=RoleAnalysis(overrated=7))

    assert result.condition is not None
    assert result.condition.status is False
    assert result.condition.message.startswith("7 roles have too many rules")
