"""Writes whose answer is lost: looked for, and never reported as failed blindly."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import pytest

from argogrant.cli import confirmed_writes
from argogrant.cli.confirmed_writes import (
    ConfirmedWrites,
    contains,
    with_generated_name,
)
from argogrant.cli.errors import CommandError
from argogrant.kube.errors import AnswerLost, Conflict, Unavailable
from argogrant.kube.resources import ACCESS_GRANTS
from support.builders import NOON
from support.fake_cluster import FakeCluster

NOW = NOON
PATH = ACCESS_GRANTS.path("argogrant")
GRANT = {
    "apiVersion": "argogrant.dev/v1alpha1",
    "kind": "AccessGrant",
    "metadata": {"name": "x"},
    "spec": {"duration": "1h"},
}
PREFIXED = {**GRANT, "metadata": {"generateName": "alice-"}}


class Losing(FakeCluster):
    """Cluster that loses the answers to writes, before or after it carries them out."""

    def __init__(self, *, carries_out: bool, late: int = 0) -> None:
        super().__init__()
        self.carries_out = carries_out
        self.late = late
        """Reads before the write becomes visible."""
        self.pending: list[Coroutine[Any, Any, Any]] = []

    async def _lose(self, write: Coroutine[Any, Any, Any]) -> Any:
        if self.carries_out and not self.late:
            await write
        elif self.carries_out:
            self.pending.append(write)
        else:
            write.close()
        raise AnswerLost("POST /x: no answer in time")

    async def create(self, path: str, body: Any) -> Any:
        return await self._lose(super().create(path, body))

    async def merge_patch(self, path: str, body: Any) -> Any:
        return await self._lose(super().merge_patch(path, body))

    async def get(self, path: str) -> Any:
        self.late -= 1
        if self.late <= 0 and self.pending:
            await self.pending.pop()
        return await super().get(path)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirmed_writes, "PAUSE_SECONDS", 0)


def writes(cluster: FakeCluster) -> ConfirmedWrites:
    return ConfirmedWrites(cluster, lambda: NOW)


@pytest.mark.parametrize("late", [0, 2], ids=["at once", "a little later"])
def test_creation_whose_answer_is_lost_is_found(late: int) -> None:
    cluster = Losing(carries_out=True, late=late)

    created = asyncio.run(writes(cluster).create(PATH, PREFIXED))

    assert created["metadata"]["name"].startswith("alice-")
    assert created["spec"] == GRANT["spec"]


def test_creation_that_is_not_found_is_perhaps_done() -> None:
    cluster = Losing(carries_out=False)

    with pytest.raises(CommandError) as failure:
        asyncio.run(writes(cluster).create(PATH, GRANT))

    assert str(failure.value) == (
        'perhaps done: the answer of the API server about accessgrants "x" was lost.'
        " POST /x: no answer in time. To look whether it is done, run: kubectl -n"
        " argogrant get accessgrants x -o yaml."
    )


def test_older_object_of_the_same_content_is_not_taken_for_the_new_one() -> None:
    cluster = Losing(carries_out=False)
    asyncio.run(FakeCluster.create(cluster, PATH, GRANT))
    later = ConfirmedWrites(cluster, lambda: NOW + timedelta(hours=1))

    with pytest.raises(CommandError, match="perhaps done"):
        asyncio.run(later.create(PATH, GRANT))


@pytest.mark.parametrize("carries_out", [True, False])
def test_patch_whose_answer_is_lost_is_looked_for(*, carries_out: bool) -> None:
    cluster = Losing(carries_out=carries_out)
    asyncio.run(FakeCluster.create(cluster, PATH, GRANT))
    patch = {"spec": {"revoked": True}}
    change = writes(cluster).merge_patch(f"{PATH}/x", patch)

    if carries_out:
        assert asyncio.run(change)["spec"]["revoked"] is True
    else:
        with pytest.raises(CommandError, match="perhaps done"):
            asyncio.run(change)


def test_review_has_no_object_to_look_for() -> None:
    with pytest.raises(AnswerLost):
        asyncio.run(writes(Losing(carries_out=False)).create(PATH, {"spec": {}}))


def test_request_that_was_never_sent_is_not_looked_for() -> None:
    cluster = FakeCluster()
    cluster.fail("create", Unavailable("POST /x: connection refused"))

    with pytest.raises(Unavailable, match="refused"):
        asyncio.run(writes(cluster).create(PATH, GRANT))


def test_name_that_is_taken_is_generated_again() -> None:
    class Crowded(FakeCluster):
        tried: list[str] = []  # noqa: RUF012 - one test uses it

        async def create(self, path: str, body: Any) -> Any:
            self.tried.append(body["metadata"]["name"])
            if len(self.tried) == 1:
                raise Conflict("taken")
            return await super().create(path, body)

    cluster = Crowded()
    created = asyncio.run(writes(cluster).create(PATH, PREFIXED))

    assert len(set(cluster.tried)) == 2
    assert created["metadata"]["name"] == cluster.tried[1]


def test_generated_name_is_as_long_as_the_api_server_makes_it() -> None:
    body = with_generated_name({"metadata": {"generateName": "a" * 300}})

    assert len(body["metadata"]["name"]) == 63
    assert "generateName" not in body["metadata"]


@pytest.mark.parametrize(
    ("found", "wanted", "expected"),
    [
        pytest.param({"a": 1, "b": 2}, {"a": 1}, True, id="more fields"),
        pytest.param({"a": {"b": 1}}, {"a": {"b": 2}}, False, id="another value"),
        pytest.param({}, {"a": {"b": 1}}, False, id="missing"),
        pytest.param({"a": 1}, {"b": None}, True, id="a removed field"),
        pytest.param({"b": 1}, {"b": None}, False, id="a field that is still there"),
        pytest.param(
            {"metadata": {"resourceVersion": "2"}},
            {"metadata": {"resourceVersion": "1"}},
            True,
            id="the version",
        ),
    ],
)
def test_object_contains_the_fields_of_a_patch(
    found: Any, wanted: Any, *, expected: bool
) -> None:
    assert contains(found, wanted) is expected
