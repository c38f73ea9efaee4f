"""One port for Prometheus and for the kubelet: /metrics, /livez and /readyz.

The server has a thread of its own, so that it answers, and says no, also while the
event loop hangs.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

MAX_HEARTBEAT_AGE: Final = 30.0
"""Seconds without a heartbeat from which the process counts as hung."""

StartResponse = Callable[[str, list[tuple[str, str]]], object]


class Heartbeat:
    """What the probes tell of the process."""

    def __init__(self) -> None:
        self.leading = False
        self.synced: Callable[[], bool] = lambda: False
        """Whether everything was listed, so that the process can lead at once."""
        self._heard_at = time.monotonic()

    def beat(self) -> None:
        """Say that the event loop runs."""
        self._heard_at = time.monotonic()

    def age(self) -> float:
        """Seconds since the event loop was last heard of."""
        return time.monotonic() - self._heard_at

    def live(self) -> tuple[bool, str]:
        """Tell whether the process should go on, and what it is."""
        silence = self.age()
        if silence > MAX_HEARTBEAT_AGE:
            return False, f"the event loop has hung for {silence:.0f} s"
        return True, "leader" if self.leading else "standby"

    def ready(self) -> tuple[bool, str]:
        """Tell whether the process does, or could at once do, its work."""
        alive, what = self.live()
        if alive and not self.synced():
            return False, f"{what}, not everything was listed yet"
        return alive, what


class HealthServer:
    """The server of a process's vitals and metrics.

    Args:
        vitals: Asked at each probe.
        registry: Shown at /metrics.
    """

    def __init__(self, vitals: Heartbeat, registry: CollectorRegistry) -> None:
        self._vitals = vitals
        self._metrics = make_wsgi_app(registry)
        self._server: Any = None

    def start(self, port: int) -> None:
        """Serve on all addresses until stopped."""
        self._server = make_server(
            "", port, self._answer, ThreadingWSGIServer, handler_class=_Quiet
        )
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop serving, if it was begun."""
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
                good, text = self._vitals.live()
            case "/readyz":
                good, text = self._vitals.ready()
            case _:
                start_response("404 Not Found", [("Content-Type", "text/plain")])
                return [b"/metrics, /livez and /readyz are here\n"]
        status = "200 OK" if good else "503 Service Unavailable"
        start_response(status, [("Content-Type", "text/plain")])
        return [f"{text}\n".encode()]


class _Quiet(WSGIRequestHandler):
    """Probes come every few seconds; they are not logged."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""
