"""Lanes of requests, and bodies that arrive in pieces of any size.

``test_client_answers.py`` has them over real connections.
"""

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.kube import connections
from argogrant.kube.connections import (
    LONGEST_PAUSE,
    Lane,
    OwnThreadResolver,
    lane_of,
    read_body,
    read_lines,
)
from argogrant.kube.errors import TooLarge
from support import fake_clock


class Arriving:
    """A response whose body arrives in these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.content = self
        self.is_closed = False
        self._pieces = list(pieces)

    async def readany(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def at_eof(self) -> bool:
        return not self._pieces

    def close(self) -> None:
        self.is_closed = True


async def lines_of(response: Any, limit: int) -> list[bytes]:
    return [line async for line in read_lines(response, limit)]


@pytest.mark.parametrize(
    ("method", "path", "lane"),
    [
        pytest.param(
            "PATCH", "/a/configmaps/b", Lane.OBJECTS, id="removal of a binding"
        ),
        pytest.param(
            "GET", "/a/configmaps/b", Lane.OBJECTS, id="read after a conflict"
        ),
        pytest.param("PATCH", "/a/accessgrants/b", Lane.OBJECTS, id="finalizer"),
        pytest.param("PATCH", "/a/accessgrants/b/status", Lane.OTHERS, id="status"),
        pytest.param("POST", "/a/events", Lane.OTHERS, id="Event"),
        pytest.param("DELETE", "/a/accessgrants/b", Lane.OTHERS, id="retention"),
    ],
)
def test_urgent_requests_have_a_lane_of_their_own(method, path, lane) -> None:
    assert lane_of(method, path) is lane


@given(st.lists(st.binary(min_size=1, max_size=8)))
def test_body_is_joined(pieces) -> None:
    whole = b"".join(pieces)

    assert fake_clock.run(read_body(Arriving(*pieces), len(whole))) == whole


@given(st.lists(st.text("ab\n", min_size=1, max_size=8).map(str.encode)))
def test_lines_do_not_depend_on_the_pieces(pieces) -> None:
    lines = fake_clock.run(lines_of(Arriving(*pieces), 1_000))

    assert b"\n".join(lines) == b"".join(pieces).removesuffix(b"\n")


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"x" * 11, b"\n"], id="line without an end"),
        pytest.param([b"x" * 6, b"x" * 6 + b"\n"], id="line in two pieces"),
        pytest.param([b"a\n" + b"x" * 11 + b"\nb\n"], id="line among others"),
    ],
)
async def test_line_that_is_too_long_closes_the_connection(pieces) -> None:
    response = Arriving(*pieces)
    with pytest.raises(TooLarge, match="more than 10 bytes"):
        await lines_of(response, 10)

    assert response.is_closed


async def test_body_that_is_too_long_closes_the_connection() -> None:
    response = Arriving(b"x" * 6, b"x" * 6, b"x")
    with pytest.raises(TooLarge, match="more than 10 bytes"):
        await read_body(response, 10)

    assert response.is_closed
    assert not response.at_eof()


@pytest.mark.parametrize(
    ("pause", "expected"),
    [
        pytest.param(0.0, 0, id="of the own cluster without pauses"),
        pytest.param(9.0, 3, id="of another cluster with a pause after each"),
    ],
)
async def test_pieces_are_read(pause, expected, monkeypatch) -> None:
    """A body in chunks of one byte once held the event loop for 1.5 s at a time."""
    ticks = iter(range(100))
    monkeypatch.setattr(connections.time, "thread_time", lambda: float(next(ticks)))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await read_body(Arriving(b"a", b"b", b"c", b"d"), 10, pause)

    assert loop.time() - began == pytest.approx(expected * LONGEST_PAUSE)


def test_lookups_that_hang_delay_no_other_client(monkeypatch) -> None:
    """The name server of one host does not answer; three clients ask it at once."""
    answered = threading.Event()
    lookup = socket.getaddrinfo

    def hanging(host: str, *others: Any, **flags: Any) -> Any:
        if host == "hangs.example":
            answered.wait(10)
        return lookup("127.0.0.1", *others, **flags)

    monkeypatch.setattr(connections.socket, "getaddrinfo", hanging)

    async def story() -> list[Any]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        resolvers = [OwnThreadResolver() for _ in range(4)]
        waiting = [
            asyncio.create_task(one.resolve("hangs.example", 443))
            for one in resolvers[:3]
        ]
        await asyncio.sleep(0.01)
        found = await resolvers[3].resolve("works.example", 443)
        hanging_still = [not task.done() for task in waiting]
        answered.set()
        await asyncio.gather(*waiting)
        for one in resolvers:
            await one.close()
        return [found, hanging_still]

    (found, hanging_still) = asyncio.run(story())

    assert [(one["host"], one["port"]) for one in found] == [("127.0.0.1", 443)]
    assert hanging_still == [True, True, True]
