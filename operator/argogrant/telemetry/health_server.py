"""HTTP server of /metrics for Prometheus, and of /livez and /readyz for the kubelet.

The server has a thread and an event loop of its own. It therefore answers while the
main event loop hangs, and reports that it hangs.

Any client that reaches the port can open connections, so these are limited. When there
are too many, the oldest one of the address with the most connections is closed: a
client displaces itself and not the kubelet. A connection serves one request, within
seconds, of which only some kilobytes are parsed.
"""

import asyncio
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

MAX_HEARTBEAT_AGE: Final = 30.0
"""Seconds without a heartbeat after which the event loop counts as hung."""
MAX_CONNECTIONS: Final = 64
MAX_PER_ADDRESS: Final = 16
CONNECTION_SECONDS: Final = 10.0
"""Life of a connection, from its opening until the answer is sent."""
MAX_REQUEST_BYTES: Final = 8_192
"""Bytes of a connection that are parsed. A request of Prometheus or of the kubelet has
far fewer, and aiohttp keeps and repeats what it cannot parse."""
BACKLOG: Final = 256
"""Connections that wait to be accepted; all of them may be accepted at once."""
MAX_PAGES: Final = 4
"""Formats of the metrics that are kept; Prometheus asks for one."""
BUSY_PART: Final = 0.1
"""Part of its time in which the server may write metrics. A flood of requests gets the
same text again."""

_SILENT: Final = logging.getLogger(f"{__name__}.requests")
_SILENT.setLevel(logging.CRITICAL + 1)
"""Probes come every few seconds, and anybody may send requests that are wrong."""


class Heartbeat:
    """State of the process, as the probes report it."""

    def __init__(self) -> None:
        self.leading = False
        self.synced: Callable[[], bool] = lambda: False
        """Returns True once all caches are filled, so a standby can lead at once."""
        self._beat_at = time.monotonic()

    def beat(self) -> None:
        """Record that the event loop runs."""
        self._beat_at = time.monotonic()

    def age(self) -> float:
        """Return the seconds since the last heartbeat."""
        return time.monotonic() - self._beat_at

    def live(self) -> tuple[bool, str]:
        """Return whether the process is healthy, and its role or the problem."""
        age = self.age()
        if age > MAX_HEARTBEAT_AGE:
            return False, f"the event loop has not run for {age:.0f} s"
        return True, "leader" if self.leading else "standby"

    def ready(self) -> tuple[bool, str]:
        """Return whether the process leads or could lead at once, and its role."""
        is_live, text = self.live()
        if is_live and not self.synced():
            return False, f"{text}, caches are not synced yet"
        return is_live, text


class HealthServer:
    """Server of the probes and the metrics of a process."""

    def __init__(self, heartbeat: Heartbeat, registry: CollectorRegistry) -> None:
        self._heartbeat = heartbeat
        self._metrics = MetricsPage(registry)
        self._stopped = asyncio.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.port = 0
        """The port, once ``start`` has returned."""

    def start(self, port: int) -> None:
        """Serve on all addresses until ``stop``; port 0 stands for any free one.

        Raises:
            OSError: The port is in use.
        """
        listener = socket.create_server(("", port), backlog=BACKLOG)
        self.port = listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._run, args=(self._loop, listener), name="health", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop the server if it runs."""
        if self._thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()
            self._thread = None

    def _run(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        connections = BoundedServer(self._answer)
        server = await asyncio.get_running_loop().create_server(
            connections, sock=listener, backlog=BACKLOG
        )
        async with server:
            await self._stopped.wait()
            connections.abort()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        response = self._response(request)
        response.force_close()
        return response

    def _response(self, request: web.BaseRequest) -> web.Response:
        match request.path:
            case "/metrics":
                content_type, page = self._metrics.read(request.headers.get("Accept"))
                return web.Response(body=page, headers={"Content-Type": content_type})
            case "/livez":
                is_ok, text = self._heartbeat.live()
            case "/readyz":
                is_ok, text = self._heartbeat.ready()
            case _:
                text = "not found; try /metrics, /livez or /readyz\n"
                return web.Response(status=404, text=text)
        return web.Response(status=200 if is_ok else 503, text=f"{text}\n")


class MetricsPage:
    """Text of /metrics, which is written only as often as ``BUSY_PART`` permits."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._pages: dict[str, tuple[float, bytes]] = {}
        """By content type: until when the text is fresh enough, and the text."""

    def read(self, accept: str | None) -> tuple[str, bytes]:
        """Return the content type and the text, possibly of a moment ago."""
        try:
            encode, content_type = choose_encoder(accept or "")
        except (ValueError, TypeError):  # It has a version that is none.
            encode, content_type = choose_encoder("")
        began = time.monotonic()
        fresh_until, page = self._pages.get(content_type, (0.0, b""))
        if began >= fresh_until:
            page = encode(self._registry)
            took = time.monotonic() - began
            if len(self._pages) >= MAX_PAGES:
                self._pages.clear()
            self._pages[content_type] = began + took / BUSY_PART, page
        return content_type, page


class BoundedServer(web.Server):
    """HTTP server that closes a connection when there are too many or it is too old."""

    def __init__(
        self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
    ) -> None:
        super().__init__(
            handler,
            logger=_SILENT,
            access_log=None,
            lingering_time=0.0,
            max_field_size=4_096,
            max_headers=64,
        )
        self._open: dict[web.RequestHandler, _Connection] = {}
        """The connections, from the oldest to the newest."""

    def __call__(self) -> web.RequestHandler:
        """Return the handler of a new connection."""
        return _BoundedHandler(self, loop=self._loop, **self._kwargs)

    def connection_made(
        self, handler: web.RequestHandler, transport: asyncio.Transport
    ) -> None:
        """Close the oldest connection of the busiest address, if there are too many."""
        super().connection_made(handler, transport)
        loop = asyncio.get_running_loop()
        address, *_ = transport.get_extra_info("peername") or ("",)
        expiry = loop.call_later(CONNECTION_SECONDS, transport.abort)
        self._open[handler] = _Connection(str(address), transport, expiry)
        counts = Counter(one.address for one in self._open.values())
        if counts[address] <= MAX_PER_ADDRESS:
            if len(self._open) <= MAX_CONNECTIONS:
                return
            ((address, _),) = counts.most_common(1)
        oldest = next(h for h, one in self._open.items() if one.address == address)
        self._forget(oldest).abort()

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        """Forget a connection."""
        super().connection_lost(handler, exc)
        if handler in self._open:
            self._forget(handler)

    def abort(self) -> None:
        """Close all connections."""
        for handler in list(self._open):
            self._forget(handler).abort()

    def _forget(self, handler: web.RequestHandler) -> asyncio.Transport:
        connection = self._open.pop(handler)
        connection.expiry.cancel()
        return connection.transport


class _BoundedHandler(web.RequestHandler):
    """Handler of a connection that parses no more than ``MAX_REQUEST_BYTES``."""

    _unparsed = MAX_REQUEST_BYTES
    """Bytes that may still be parsed."""

    def data_received(self, data: bytes) -> None:
        """Parse the first bytes, and read no more than these."""
        parsed = data[: self._unparsed]
        self._unparsed -= len(parsed)
        if parsed:
            super().data_received(parsed)
        if len(parsed) < len(data) and self.transport is not None:
            # The answer to the first bytes is still sent.
            self.transport.pause_reading()


class _Connection(NamedTuple):
    """An open connection."""

    address: str
    """Of the client."""
    transport: asyncio.Transport
    expiry: asyncio.TimerHandle
