"""HTTP server of /metrics for Prometheus, and of /livez and /readyz for the kubelet.

The server has a thread of its own. It therefore answers while the event loop hangs, and
reports that it hangs.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

MAX_HEARTBEAT_AGE: Final = 30.0
"""Seconds without a heartbeat after which the event loop counts as hung."""

StartResponse = Callable[[str, list[tuple[str, str]]], object]


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
        self._metrics = make_wsgi_app(registry)
        self._server: Any = None

    def start(self, port: int) -> None:
        """Serve on all addresses until ``stop``."""
        self._server = make_server(
            "", port, self._answer, ThreadingWSGIServer, handler_class=_Quiet
        )
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop the server if it runs."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _answer(
        self, environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        match environ.get("PATH_INFO"):
            case "/metrics":
                answer: Iterable[bytes] = self._metrics(environ, start_response)
                return answer
            case "/livez":
                is_ok, text = self._heartbeat.live()
            case "/readyz":
                is_ok, text = self._heartbeat.ready()
            case _:
                start_response("404 Not Found", [("Content-Type", "text/plain")])
                return [b"not found; try /metrics, /livez or /readyz\n"]
        status = "200 OK" if is_ok else "503 Service Unavailable"
        start_response(status, [("Content-Type", "text/plain")])
        return [f"{text}\n".encode()]


class _Quiet(WSGIRequestHandler):
    """Request handler that does not log: probes come every few seconds."""

    def log_message(self, *_: object) -> None:
        """Log nothing."""
