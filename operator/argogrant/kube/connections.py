"""HTTP connections to one API server, and limits of what it answers.

Requests wait for a free connection of their lane. Watches stay open for minutes and a
slow list for seconds, so each kind of request has a lane: whatever fills one of them,
the write that removes a binding finds a connection::

    lane       requests                                            connections
    WATCHES    watches, of which every informer has one            1,000
    OBJECTS    reads of one object, and patches except of a status  128
    OTHERS     lists, statuses, Events, reviews                     32

The owner of the API server, or of a proxy, writes the answers. Redirects are
not followed, and answers are asked for and read without compression: a few kilobytes
could become gigabytes. Host names are looked up in a thread of each client: a name
server that does not answer keeps no threads of others.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from functools import partial
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from argogrant.kube.answers import InvalidAnswer
from argogrant.kube.api_server import ApiServer
from argogrant.kube.errors import CredentialUnavailable, TooLarge
from argogrant.kube.tls import ClientCertificate, InvalidCertificate

OBJECT_BYTES: Final = 8 * 2**20
"""Longest answer with one object, and longest event of a watch.

etcd accepts requests of 1.5 MiB. The JSON of a ConfigMap is up to six times as long,
if it consists of control characters. Source: etcd, ``--max-request-bytes``.
"""
LONGEST_PAUSE: Final = 0.25
"""Seconds of one pause at most, because the work of other tasks is counted too."""
_IDENTITY: Final = "identity"


class Lane(Enum):
    """Kinds of requests with connections of their own; the value is their number."""

    WATCHES = "watches", 1_000
    OBJECTS = "objects", 128
    OTHERS = "others", 32


def lane_of(method: str, path: str) -> Lane:
    """Return the lane of a request that is neither a list nor a watch."""
    is_urgent = method in ("GET", "PATCH") and not path.endswith("/status")
    return Lane.OBJECTS if is_urgent else Lane.OTHERS


class Connections:
    """Pools of connections, opened at the first request of each lane.

    A client certificate that was renewed replaces the connections of all lanes.

    Args:
        api_server: The API server, with the credential for it.
    """

    def __init__(self, api_server: ApiServer) -> None:
        self._api_server = api_server
        self._certificate: ClientCertificate | None = None
        self._sessions: dict[Lane, aiohttp.ClientSession] = {}
        self._resolver = OwnThreadResolver()
        self.secrets: tuple[str, ...] = ()
        """The secrets of the latest credential, which no message may repeat."""

    async def send(  # noqa: PLR0913
        self,
        lane: Lane,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: str | None,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
    ) -> aiohttp.ClientResponse:
        """Send a request and return the response with its body unread.

        Raises:
            InvalidAnswer: The response is compressed.
        """
        session = await self._session(lane)
        response = await session.request(
            method,
            url,
            headers={**headers, "Accept-Encoding": _IDENTITY},
            data=body,
            timeout=timeout,
            allow_redirects=False,
        )
        if response.headers.get("Content-Encoding", _IDENTITY).lower() != _IDENTITY:
            response.close()
            raise InvalidAnswer("the response is compressed")
        return response

    async def close(self) -> None:
        """Close all connections."""
        await self._close_sessions()
        await self._resolver.close()

    async def _close_sessions(self) -> None:
        sessions = list(self._sessions.values())
        self._sessions.clear()
        for session in sessions:
            await session.close()

    async def _session(self, lane: Lane) -> aiohttp.ClientSession:
        credential = await self._api_server.credentials.current()
        certificate, self.secrets = credential.certificate, credential.secrets
        if certificate != self._certificate:
            self._certificate = certificate
            await self._close_sessions()
        if lane not in self._sessions:
            _, limit = lane.value
            try:
                self._sessions[lane] = self._api_server.open_session(
                    certificate, self._resolver, limit=limit, auto_decompress=False
                )
            except InvalidCertificate as error:
                raise CredentialUnavailable(
                    f"the client certificate {error}. Replace its files."
                ) from error
        return self._sessions[lane]


class OwnThreadResolver(AbstractResolver):
    """Looks up host names, one at a time, in a thread of its own."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lookup")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            OSError: The name has none, or no name server answers.
        """
        look_up = partial(
            socket.getaddrinfo,
            *(host, port, family, socket.SOCK_STREAM),
            flags=socket.AI_ADDRCONFIG,
        )
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._thread, look_up)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=address_family,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address_family, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Drop the lookups that have not begun."""
        self._thread.shutdown(wait=False, cancel_futures=True)


async def read_body(
    response: aiohttp.ClientResponse, limit: int, pause: float = 0.0
) -> bytes:
    """Read the body of a response.

    Args:
        response: The response.
        limit: Bytes that it may have.
        pause: Seconds of pause for each second of work that reading it takes.

    Raises:
        TooLarge: It has more bytes; its connection is closed.
    """
    body = bytearray()
    async for piece in _pieces(response, pause):
        body += piece
        _check_size(response, len(body), limit)
    return bytes(body)


async def read_lines(
    response: aiohttp.ClientResponse, limit: int, pause: float = 0.0
) -> AsyncIterator[bytes]:
    """Yield the lines of a body as they arrive.

    Raises:
        TooLarge: A line has more bytes than the limit; the connection is closed.
    """
    line = bytearray()
    async for piece in _pieces(response, pause):
        first, *others = piece.split(b"\n")
        line += first
        for following in others:
            _check_size(response, len(line), limit)
            yield bytes(line)
            line = bytearray(following)
        _check_size(response, len(line), limit)
    if line:
        yield bytes(line)


async def _pieces(
    response: aiohttp.ClientResponse, pause: float
) -> AsyncIterator[bytes]:
    """Yield a body as it arrives.

    A body in chunks of one byte takes a hundred times the work of another one, and the
    work is done when the bytes arrive. While this function pauses, no more are read.
    """
    content, began = response.content, time.thread_time()
    while piece := await content.readany():
        yield piece
        if pause and not content.at_eof():
            work = time.thread_time() - began
            await asyncio.sleep(min(work * pause, LONGEST_PAUSE))
        began = time.thread_time()


def _check_size(response: aiohttp.ClientResponse, size: int, limit: int) -> None:
    if size > limit:
        response.close()
        raise TooLarge(f"the response has more than {limit:,} bytes")
