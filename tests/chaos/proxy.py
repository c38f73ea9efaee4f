"""Proxy of the API server: plain HTTP for the operator, TLS to the server.

It runs an event loop in an own thread. The active fault of ``faults`` is applied to the
requests; watches are streamed.
"""

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
from aiohttp import web

from chaos.faults import STATUS_FAULTS, Fault, Faults

T = TypeVar("T")
HOST = "127.0.0.1"
HELD_SECONDS = 120.0
_OF_ONE_HOP = frozenset(
    {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}
)


class Proxy:
    """Forwards requests to an API server, or applies a fault to them."""

    def __init__(self, upstream: str, *, trusted: str, faults: Faults) -> None:
        """Prepare a proxy; it listens inside its ``with`` block.

        Args:
            upstream: URL of the API server.
            trusted: Its certificates (PEM).
            faults: Faults of the requests.
        """
        self.faults = faults
        self.token = ""
        """Bearer token of requests that have no credential."""
        self._upstream = upstream.rstrip("/")
        self._trusted = trusted
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._port = 0
        self._runner: web.AppRunner
        self._session: aiohttp.ClientSession
        self._site: web.TCPSite | None = None

    @property
    def url(self) -> str:
        """URL of the proxy."""
        return f"http://{HOST}:{self._port}"

    def __enter__(self) -> Self:
        """Listen on a free port."""
        self._thread.start()
        self._await(self._start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close every connection."""
        self._await(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def begin(self, fault: Fault, share: float = 1.0) -> None:
        """Start a fault; an outage closes the port and all connections."""
        self.faults.begin(fault, share)
        if fault is Fault.CUT_OFF:
            self._await(self._cut_off())

    def calm(self) -> None:
        """End all faults; a watch that missed an event stays silent."""
        self.faults.calm()
        self._await(self._listen())

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _start(self) -> None:
        context = ssl.create_default_context(cadata=self._trusted)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
        )
        app = web.Application(client_max_size=16 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await self._listen()

    async def _stop(self) -> None:
        await self._cut_off()
        await self._runner.cleanup()
        await self._session.close()

    async def _listen(self) -> None:
        if self._site is not None:
            return
        self._site = web.TCPSite(self._runner, HOST, self._port, reuse_address=True)
        await self._site.start()
        self._port = self._runner.addresses[0][1]

    async def _cut_off(self) -> None:
        if self._site is not None:
            await self._site.stop()
            self._site = None
        assert self._runner.server is not None
        for connection in list(self._runner.server.connections):
            if connection.transport is not None:
                self.faults.count(Fault.CUT_OFF)
                _abort(connection.transport)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        fault = self.faults.strike(request.method)
        if fault in STATUS_FAULTS:
            assert fault is not None
            return _refusal(fault)
        if fault is Fault.HOLD:
            await asyncio.sleep(HELD_SECONDS)
        if fault is Fault.SLOW:
            await asyncio.sleep(self.faults.between(0.2, 1.2))
        try:
            return await self._forward(request, fault)
        except (aiohttp.ClientError, OSError):
            return _hung_up(request)

    async def _forward(
        self, request: web.Request, fault: Fault | None
    ) -> web.StreamResponse:
        headers = _passed_on(request.headers)
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        async with self._session.request(
            request.method,
            f"{self._upstream}{request.raw_path}",
            headers=headers,
            data=await request.read() or None,
            allow_redirects=False,
        ) as answer:
            headers = _passed_on(answer.headers)
            if request.query.get("watch") in {"true", "1"} and answer.status == 200:
                response = web.StreamResponse(status=answer.status, headers=headers)
                await self._stream(
                    request, answer, response, is_short=fault is not None
                )
                return response
            body = await answer.read()
            if fault is Fault.LOST:
                return _hung_up(request)
            if fault is Fault.BROKEN:
                return await _half(request, answer.status, headers, body)
            return web.Response(status=answer.status, headers=headers, body=body)

    async def _stream(
        self,
        request: web.Request,
        answer: aiohttp.ClientResponse,
        response: web.StreamResponse,
        *,
        is_short: bool,
    ) -> None:
        """Stream a watch; one that missed an event stays silent."""
        await response.prepare(request)
        is_silent = False
        async for chunk in answer.content.iter_any():
            if is_silent or self.faults.is_on(Fault.SILENT):
                is_silent = True
                self.faults.count(Fault.SILENT)
                continue
            if is_short and self.faults.is_on(Fault.BROKEN):
                await response.write(chunk[: len(chunk) // 2])
                _hung_up(request)
                return
            await response.write(chunk)
        await response.write_eof()


def _passed_on(headers: Any) -> dict[str, str]:
    return {k: v for k, v in headers.items() if k.lower() not in _OF_ONE_HOP}


def _refusal(fault: Fault) -> web.Response:
    """Answer as the API server does, with a ``metav1.Status``."""
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"injected: {fault}",
        "reason": {"409": "Conflict", "429": "TooManyRequests"}.get(fault, "Injected"),
        "code": int(fault),
    }
    headers = {"Content-Type": "application/json"}
    if fault is Fault.TOO_MANY:
        headers["Retry-After"] = "1"
    return web.Response(status=int(fault), headers=headers, text=json.dumps(status))


async def _half(
    request: web.Request, status: int, headers: dict[str, str], body: bytes
) -> web.StreamResponse:
    """Announce the whole body, send half of it, and reset the connection."""
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(body)
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        await asyncio.sleep(0.01)
    return _hung_up(request, response)


def _hung_up(
    request: web.Request, response: web.StreamResponse | None = None
) -> web.StreamResponse:
    if request.transport is not None:
        _abort(request.transport)
    return response or web.Response(status=502)


def _abort(transport: asyncio.BaseTransport) -> None:
    assert isinstance(transport, asyncio.Transport)
    transport.abort()
