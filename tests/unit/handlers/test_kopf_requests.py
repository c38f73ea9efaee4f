"""Broken answers of an API server, which would end kopf and every reconcile loop."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from kopf._cogs.clients import api

from argogrant.handlers import kopf_requests
from argogrant.handlers.kopf_requests import (
    PAUSE_SECONDS,
    get,
    stream,
    survive_broken_answers,
)

LIST = "/apis/argogrant.dev/v1alpha1/namespaces/argogrant/argocdinstances"
ONE = {"metadata": {"name": "default"}}
ADDED = {"type": "ADDED", "object": ONE}


def answer_with(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> list[Any]:
    """Let kopf's client return or raise these, one for each request."""
    left = list(answers)

    async def get_one(_url: str, **_: Any) -> Any:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(kopf_requests, "_get", get_one)
    return left


def send(monkeypatch: pytest.MonkeyPatch, *events: Any) -> None:
    """Let kopf's client yield or raise these in a watch."""

    async def send_all(_url: str, **_: Any) -> AsyncIterator[Any]:
        for event in events:
            if isinstance(event, Exception):
                raise event
            yield event

    monkeypatch.setattr(kopf_requests, "_stream", send_all)


@pytest.mark.parametrize(
    ("url", "broken"),
    [
        pytest.param(LIST, ValueError("no JSON"), id="no JSON"),
        pytest.param(LIST, aiohttp.ClientPayloadError("cut"), id="half an answer"),
        pytest.param(LIST, [], id="a list instead of an object"),
        pytest.param(LIST, {"items": None}, id="no items"),
        pytest.param(LIST, {"items": [None]}, id="an item that is no object"),
        pytest.param(LIST, {"items": [{}]}, id="an item without metadata"),
        pytest.param("/apis", {"groups": None}, id="a discovery without groups"),
        pytest.param("/api", {"versions": "v1"}, id="a discovery without versions"),
    ],
)
async def test_request_is_repeated_after(
    url: str, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = {"items": [ONE], "groups": [], "versions": []}
    left = answer_with(monkeypatch, broken, broken, good)

    assert await get(url) == good
    assert not left


async def test_error_of_the_api_server_is_left_to_kopf(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer_with(monkeypatch, LookupError("404"))

    with pytest.raises(LookupError):
        await get(LIST)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(ValueError("no JSON"), id="half a line"),
        pytest.param({"type": "ERROR", "object": {"code": 500}}, id="an error"),
        pytest.param({"type": "ERROR", "object": ONE}, id="an error without a code"),
        pytest.param({"type": "ADDED"}, id="an event without an object"),
        pytest.param({"type": "ADDED", "object": {}}, id="an object without metadata"),
        pytest.param({"object": ONE}, id="an event without a type"),
        pytest.param([], id="a list"),
    ],
)
async def test_watch_is_opened_again_after(
    broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kopf opens another watch after a TimeoutError."""
    send(monkeypatch, ADDED, broken, ADDED)
    began, events = asyncio.get_running_loop().time(), stream(LIST)
    assert await anext(events) == ADDED

    with pytest.raises(TimeoutError):
        await anext(events)
    assert asyncio.get_running_loop().time() - began >= PAUSE_SECONDS


async def test_watch_passes_everything_that_kopf_can_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = {"type": "ERROR", "object": {"code": 410}}
    send(monkeypatch, ADDED, gone)

    assert [event async for event in stream(LIST)] == [ADDED, gone]


def test_functions_of_the_installed_kopf_are_wrapped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A kopf that has none of them anymore has to be looked at again."""
    monkeypatch.setattr(api, "get", api.get)
    monkeypatch.setattr(api, "stream", api.stream)
    survive_broken_answers()

    assert (api.get, api.stream) == (get, stream)
