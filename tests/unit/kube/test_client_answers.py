"""Answers of an API server that belongs to somebody else, over real connections."""

import asyncio
import gc
import gzip
import json
from asyncio.sslproto import SSLProtocol
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from aiohttp import web

from argogrant.kube import client
from argogrant.kube.api_server import api_server_with_token
from argogrant.kube.client import (
    HOME_LIMITS,
    PAGE_SIZE,
    REMOTE_LIMITS,
    KubernetesCluster,
    Timeouts,
)
from argogrant.kube.errors import (
    AnswerLost,
    ClusterError,
    Forbidden,
    TooLarge,
    Unavailable,
)
from argogrant.kube.resources import CONFIG_MAPS, Collection
from support.hostile_api_server import TOKEN, ask, client_of, serving

MAPS = Collection(CONFIG_MAPS, "argocd")
PATH = CONFIG_MAPS.path("argocd", "argocd-rbac-cm")
MIB = 2**20


def an_object(name: str = "one", text: str = "") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "resourceVersion": "7"},
        "data": {"policy.csv": text},
    }


def a_list(*items: Any, **metadata: str) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": "7", **metadata}, "items": list(items)}


async def get(cluster: KubernetesCluster) -> Any:
    return await cluster.get(PATH)


async def list_maps(cluster: KubernetesCluster) -> Any:
    return await cluster.list(MAPS)


async def watch(cluster: KubernetesCluster) -> Any:
    return [event async for event in cluster.watch(MAPS, "1")]


def json_of(body: object):
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.json_response(body)

    return answer


async def endless(request: web.BaseRequest) -> web.StreamResponse:
    """Answer with a JSON string that never ends."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b'"' + b"x" * 65_536)


async def dripping(request: web.BaseRequest) -> web.StreamResponse:
    """Answer with one byte at a time, for ever."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("path", ["/version", "/apis/argogrant.dev/v1alpha1"])
def test_document_that_is_no_object_is_read(path) -> None:
    """It has neither a name nor a version."""
    body, _ = ask(json_of({"gitVersion": "v1.37.0"}), lambda one: one.get(path))

    assert body == {"gitVersion": "v1.37.0"}


@pytest.mark.parametrize("request_of", [get, list_maps, watch])
def test_endless_answer_is_read_up_to_a_limit(request_of) -> None:
    error, server = ask(endless, request_of, REMOTE_LIMITS)

    assert isinstance(error, Unavailable)
    assert len(server.requests) <= 3


@pytest.mark.parametrize("request_of", [get, list_maps])
def test_answer_that_drips_ends_with_its_timeout(request_of, monkeypatch) -> None:
    soon = client.aiohttp.ClientTimeout(total=0.2)
    timeouts = client.Timeouts(request=soon, lists=soon)
    monkeypatch.setattr(client, "Timeouts", lambda: timeouts)
    error, _ = ask(dripping, request_of)

    assert isinstance(error, Unavailable)


def test_watch_that_drips_ends_with_its_timeout(monkeypatch) -> None:
    soon = client.aiohttp.ClientTimeout(total=0.2)
    monkeypatch.setattr(client, "WATCH_TIMEOUT", soon)
    error, _ = ask(dripping, watch)

    assert isinstance(error, Unavailable)


@pytest.mark.parametrize("request_of", [get, list_maps, watch])
def test_compressed_answer_is_refused_unread(request_of) -> None:
    """Some kilobytes could become gigabytes."""
    bomb = gzip.compress(json.dumps(a_list()).encode() + b" " * 50 * MIB)

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    error, server = ask(answer, request_of)

    assert isinstance(error, Unavailable)
    assert "compressed" in str(error)
    assert server.headers[0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("request_of", [get, list_maps, watch])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(request_of, status) -> None:
    async def story() -> None:
        async with serving(json_of({"message": "internal"})) as inner:

            async def answer(_: web.BaseRequest) -> web.Response:
                headers = {"Location": f"{inner.url}/latest/meta-data"}
                return web.Response(status=status, headers=headers, text="moved away")

            async with serving(answer) as outer, client_of(outer.url) as cluster:
                with pytest.raises(Unavailable) as got:
                    await request_of(cluster)

            assert f"a redirect ({status})" in str(got.value)
            assert "moved" not in str(got.value)
            assert inner.requests == []

    asyncio.run(story())


def test_message_is_one_short_line_without_the_token() -> None:
    line = '{"specversion":"1.0","id":"1"}'
    message = f"no\n{line}\r{line}\u2028\x1b[2J {TOKEN} {TOKEN[5:30]} " + "x" * 1_000

    async def answer(request: web.BaseRequest) -> web.Response:
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        return web.json_response({"message": message}, status=403)

    error, _ = ask(answer, get, REMOTE_LIMITS)

    assert isinstance(error, Forbidden)
    assert str(error).isprintable()
    assert len(str(error)) < 400
    assert not any(TOKEN[i : i + 8] in str(error) for i in range(len(TOKEN) - 7))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[1]", id="JSON of another type"),
        pytest.param(b'{"metadata"', id="half of a JSON"),
        pytest.param(b"\xff\xfe{}", id="another encoding"),
        pytest.param(b"[" * 100_000, id="JSON that is nested too deeply"),
        pytest.param(b"{}", id="no metadata"),
        pytest.param(b'{"metadata": []}', id="metadata of another type"),
        pytest.param(b'{"metadata": {"name": "x"}}', id="no version"),
        pytest.param(
            b'{"metadata": {"name": "x", "resourceVersion": "v1"}}', id="odd version"
        ),
        pytest.param(
            b'{"metadata": {"name": 1, "resourceVersion": "1"}, "items": [1]}',
            id="no name",
        ),
        pytest.param(
            b'{"metadata": {"resourceVersion": "1"}, "items": {"a": 1}}',
            id="items of another type",
        ),
    ],
)
@pytest.mark.parametrize("request_of", [get, list_maps, watch])
def test_answer_that_is_no_object_is_a_failed_request(body, request_of) -> None:
    """Any other exception would end the informer, and with it its namespace."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(body=body)

    result, _ = ask(answer, request_of)

    if body or request_of is not watch:  # A watch may end without an event.
        assert isinstance(result, Unavailable)


def test_watch_event_that_is_no_object_is_a_failed_request() -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(text='{"type": "ADDED", "object": 7}\n')

    error, _ = ask(answer, watch)

    assert isinstance(error, Unavailable)


def test_headers_that_are_too_long_are_a_failed_request() -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.json_response(an_object(), headers={"X-Long": "x" * 100_000})

    error, _ = ask(answer, get)

    assert isinstance(error, Unavailable)


class Shop:
    """A collection of objects of one size, in pages as the API server makes them."""

    def __init__(self, count: int, size: int) -> None:
        self.items = [an_object(f"o{i}", "x" * size) for i in range(count)]
        self.limits: list[int] = []

    async def answer(self, request: web.BaseRequest) -> web.Response:
        limit, begin = (
            int(request.query["limit"]),
            int(request.query.get("continue", 0)),
        )
        self.limits.append(limit)
        end = begin + limit
        more = {"continue": str(end)} if end < len(self.items) else {}
        return web.json_response(a_list(*self.items[begin:end], **more))


async def list_all(cluster: KubernetesCluster) -> list[str]:
    names, token = [], ""
    while True:
        page = await cluster.list(MAPS, token)
        assert page.size <= HOME_LIMITS.object_bytes
        names += [item["metadata"]["name"] for item in page.items]
        token = page.next_page
        if not token:
            return names


def test_page_that_is_too_long_is_read_with_fewer_objects() -> None:
    """A page of 85 grants of 1.2 MB would not fit into the memory of the operator."""
    shop = Shop(25, 1_200_000)
    names, _ = ask(shop.answer, list_all)

    assert names == [f"o{i}" for i in range(25)]
    assert shop.limits == [100, 10, 1, *[1] * 24]


def test_pages_become_long_again_after_a_large_object() -> None:
    shop = Shop(1_000, 10)
    shop.items[0] = an_object("o0", "x" * 3 * MIB)
    names, _ = ask(shop.answer, list_all)

    assert len(names) == 1_000
    assert shop.limits[:5] == [100, 10, 1, 1, 10]
    assert shop.limits[-1] == PAGE_SIZE


def test_object_that_is_too_long_is_reported() -> None:
    shop = Shop(1, HOME_LIMITS.object_bytes)
    error, _ = ask(shop.answer, list_all)

    assert isinstance(error, TooLarge)
    assert f"more than {HOME_LIMITS.object_bytes:,} bytes" in str(error)


def test_flood_of_events_lets_other_tasks_run() -> None:
    """All events are in the buffer, so no read waits for the network."""
    line = json.dumps({"type": "MODIFIED", "object": an_object()}) + "\n"

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(text=line * 500)

    async def counted(cluster: KubernetesCluster) -> tuple[int, int]:
        turns = events = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(others())
        async for _ in cluster.watch(MAPS, "1"):
            events += 1
        task.cancel()
        return events, turns

    (events, turns), _ = ask(answer, counted)

    assert events == 500
    assert turns >= events


@pytest.mark.parametrize(
    ("of_collection", "limits", "expected"),
    [
        pytest.param(0.0, HOME_LIMITS, 0.0, id="by the own cluster, not at all"),
        pytest.param(9.0, HOME_LIMITS, 9.0, id="of a collection that asks for it"),
        pytest.param(0.0, REMOTE_LIMITS, 9.0, id="by another cluster, always"),
    ],
)
def test_watch_pauses_after_the_work_of_an_event(
    monkeypatch, of_collection, limits, expected
) -> None:
    line = json.dumps({"type": "MODIFIED", "object": an_object()}) + "\n"
    collection = replace(MAPS, pause=of_collection)
    now, pauses, sleep = count(), [], asyncio.sleep

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(text=line * 5)

    async def record(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    async def paused(cluster: KubernetesCluster) -> None:
        monkeypatch.setattr(client.time, "perf_counter", lambda: float(next(now)))
        monkeypatch.setattr(client.asyncio, "sleep", record)
        async for _ in cluster.watch(collection, "1"):
            pass

    ask(answer, paused, limits)

    assert pauses.count(expected) >= 5
    assert all(one <= expected for one in pauses)


def test_largest_event_of_a_watch_is_read() -> None:
    event = {"type": "ADDED", "object": an_object(text="x" * 6 * MIB)}

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(text=json.dumps(event) + "\n")

    (read,), _ = ask(answer, watch)

    assert read.body == event["object"]


def test_lone_surrogate_is_no_text() -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        text = json.dumps(an_object(text="a\ud800b\U0001f600"))
        return web.Response(text=text)

    body, _ = ask(answer, get)

    assert body["data"]["policy.csv"] == "a\ufffdb\U0001f600"


def test_watches_and_lists_that_hang_leave_a_connection_for_a_write() -> None:
    """Neither does one namespace wait for another, nor a write for anything else."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.method != "PATCH":
            await asyncio.sleep(60)
        return web.json_response(an_object())

    async def write(cluster: KubernetesCluster) -> Any:
        waiting = [
            *(asyncio.create_task(watch(cluster)) for _ in range(100)),
            *(asyncio.create_task(list_maps(cluster)) for _ in range(100)),
        ]
        await asyncio.sleep(0.1)
        another = cluster.partition()
        async with asyncio.timeout(2):
            written = await cluster.merge_patch(PATH, {})
            await another.merge_patch(f"{PATH}/status", {})
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await another.close()
        return written

    written, server = ask(answer, write)

    assert written == an_object()
    assert len(server.requests) > 100


def busy_at_first(*answers: tuple[int, str]):
    """Answer with these statuses and values of Retry-After, then with an object."""
    left = list(answers)

    async def answer(_: web.BaseRequest) -> web.Response:
        if not left:
            return web.json_response(an_object())
        status, seconds = left.pop(0)
        return web.json_response({}, status=status, headers={"Retry-After": seconds})

    return answer


async def patched_as_by_a_command(answer) -> tuple[Any, int]:
    """Patch an object with the time-outs of a command; count the requests."""
    async with serving(answer) as server:
        api_server = api_server_with_token(server.url, TOKEN, "", {})
        cluster = KubernetesCluster(
            api_server, lambda: datetime.now(UTC), timeouts=Timeouts.of(30)
        )
        try:
            return await cluster.merge_patch(PATH, {}), len(server.requests)
        finally:
            await cluster.close()


def test_command_repeats_a_request_as_a_busy_api_server_asks() -> None:
    """As kubectl: neither of the answers means that the request was carried out."""
    answer = busy_at_first((429, "0"), (503, "0"))

    found, requests = asyncio.run(patched_as_by_a_command(answer))

    assert found["metadata"]["name"] == "one"
    assert requests == 3


@pytest.mark.parametrize(
    "busy",
    [
        pytest.param([(429, "0")] * 11, id="busy for longer than kubectl waits"),
        pytest.param([(429, "soon")], id="no number of seconds"),
        pytest.param([(404, "0")], id="not busy"),
    ],
)
def test_command_gives_up_as_kubectl_does(busy) -> None:
    with pytest.raises(ClusterError):
        asyncio.run(patched_as_by_a_command(busy_at_first(*busy)))


@pytest.mark.parametrize("message", ["etcdserver: request timed out", "etcdserver: x"])
def test_error_of_etcd_may_hide_a_write(message: str) -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.json_response({"message": message}, status=500)

    with pytest.raises(AnswerLost):
        asyncio.run(patched_as_by_a_command(answer))


@asynccontextmanager
async def serving_no_tls(*, hangs: bool) -> AsyncIterator[str]:
    """Accept connections, and close each one in its handshake or never."""

    async def accept(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read(1)
        if hangs:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"https://{host}:{port}"


def tls_connections() -> int:
    return sum(isinstance(one, SSLProtocol) for one in gc.get_objects())


@pytest.fixture
def _no_gc() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    ("send", "hangs"),
    [
        pytest.param(get, False, id="get, closed in the handshake"),
        pytest.param(list_maps, False, id="list, closed in the handshake"),
        pytest.param(watch, False, id="watch, closed in the handshake"),
        pytest.param(get, True, id="get, timed out in the handshake"),
        pytest.param(list_maps, True, id="list, timed out in the handshake"),
    ],
)
@pytest.mark.usefixtures("_no_gc")
async def test_failed_connections_are_freed_at_once(send, hangs) -> None:
    """Each has some hundred kilobytes, and the collector of cycles runs seldom.

    The exception is kept, as an informer does until its next attempt.
    """
    before = tls_connections()
    async with serving_no_tls(hangs=hangs) as url:
        api_server = api_server_with_token(url, TOKEN, "", {})
        cluster = KubernetesCluster(
            api_server, lambda: datetime.now(UTC), timeouts=Timeouts.of(0.1)
        )
        kept = []
        for _ in range(5):
            with pytest.raises(Unavailable) as failure:
                await send(cluster)
            kept.append(failure.value)
        await cluster.close()
        await asyncio.sleep(0)

        assert tls_connections() - before == 0
