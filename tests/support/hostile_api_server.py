"""An API server that answers whatever a test wants, over a real connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from argogrant.kube.api_server import api_server_with_token
from argogrant.kube.client import (
    HOME_LIMITS,
    REMOTE_LIMITS,
    AnswerLimits,
    KubernetesCluster,
)

TOKEN = "eyJhbGciOiJSUzI1NiJ9.c2VjcmV0LW9mLWFyZ29ncmFudA.c2lnbmF0dXJl"
Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass
class HostileServer:
    """The server, its address, and the requests that it received."""

    answer: Answer
    url: str = ""
    requests: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request.path_qs)
        self.headers.append(dict(request.headers))
        return await self.answer(request)


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[HostileServer]:
    """Serve until the end of a block."""
    hostile = HostileServer(answer)
    runner = web.ServerRunner(
        web.Server(hostile.handle, handler_cancellation=True), shutdown_timeout=0
    )
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    hostile.url = f"http://localhost:{port}"
    try:
        yield hostile
    finally:
        await runner.cleanup()


@asynccontextmanager
async def client_of(
    url: str, limits: AnswerLimits = REMOTE_LIMITS
) -> AsyncIterator[KubernetesCluster]:
    """Connect with ``TOKEN``, by default as to another cluster."""
    api_server = api_server_with_token(url, TOKEN, "", {})
    cluster = KubernetesCluster(api_server, lambda: datetime.now(UTC), limits=limits)
    try:
        yield cluster
    finally:
        await cluster.close()


def ask(
    answer: Answer,
    request: Callable[[KubernetesCluster], Awaitable[Any]],
    limits: AnswerLimits = HOME_LIMITS,
) -> tuple[Any, HostileServer]:
    """Send one request; return its result or exception, and the server."""

    async def story() -> tuple[Any, HostileServer]:
        async with serving(answer) as server, client_of(server.url, limits) as cluster:
            try:
                return await request(cluster), server
            except Exception as error:  # noqa: BLE001 - the test judges it
                return error, server

    return asyncio.run(story())
