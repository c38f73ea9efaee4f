"""Local receiver of audit events that can reject requests, hang and disappear."""

import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Answer = int | bytes | Callable[[], int]


class Receiver:
    """Records the events that are posted to it, inside its ``with`` block.

    Args:
        certificate: File with certificate and key; None serves plain HTTP.
        port: Port of the server; 0 takes a free one.
    """

    def __init__(self, certificate: Path | None = None, port: int = 0) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[Answer] = []
        """Answers to the next requests, one each; then ``otherwise``."""
        self.otherwise: Answer = 204
        self.requests = 0
        self._certificate = certificate
        self._port = port
        self._server: ThreadingHTTPServer | None = None
        self._hung = threading.Event()

    @property
    def url(self) -> str:
        assert self._server is not None
        scheme = "http" if self._certificate is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}/events"

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.server_address[1]
        return port

    @property
    def events(self) -> list[dict[str, Any]]:
        """All accepted events, in order."""
        return [event for batch in self.batches for event in batch]

    def hang(self) -> int:
        """Leave a request without an answer until the receiver stops."""
        self._hung.wait(60)
        return 503

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", self._port), _handler(self), bind_and_activate=False
        )
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.allow_reuse_address = True
        if self._certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._server.server_bind()
        self._server.server_activate()
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._hung.set()
        self._server.shutdown()
        self._server.server_close()

    def take(self, headers: dict[str, str], body: bytes) -> int | bytes:
        """Answer a request, and record its events if it is accepted.

        Returns:
            The status of the answer, or bytes to send instead.
        """
        self.requests += 1
        answer = self.answers.pop(0) if self.answers else self.otherwise
        if isinstance(answer, bytes):
            return answer
        status = answer if isinstance(answer, int) else answer()
        self.headers.append(headers)
        if status < 300:
            self.batches.append(json.loads(body))
        return status


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.take(dict(self.headers), body)
            if isinstance(status, bytes):
                self.wfile.write(status)
                return
            self.send_response(status)
            if status in {301, 302, 307}:
                self.send_header("Location", f"{receiver.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    return Handler
