"""HTTPS servers that repeat the credential that they receive, in one way each.

They stand for API servers, proxies and receivers of audit events that somebody else
runs: what they answer must not bring a credential into a status, an Event or a log.
"""

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, NamedTuple


class Answer(NamedTuple):
    """Answer of a server."""

    status: int
    body: str
    location: str = ""


def _status(code: int, message: str) -> Answer:
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "code": code,
    }
    return Answer(code, json.dumps(body))


def _sentence(credential: str) -> str:
    """Repeat a credential as it is, in parts, and in and out of base64."""
    secret = credential.partition(" ")[2]
    encoded = base64.b64encode(secret.encode()).decode()
    half = len(secret) // 2
    if credential.startswith("Basic "):
        encoded += f", {base64.b64decode(secret).decode()}"
    return (
        f'the header "Authorization: {credential}" with {secret} is refused;'
        f" {secret[:half]} and {secret[half:]}, {encoded}"
    )


ANSWERS: Final[dict[str, Callable[[str], Answer]]] = {
    "401": lambda credential: _status(401, _sentence(credential)),
    "403": lambda credential: _status(403, _sentence(credential)),
    "500": lambda credential: _status(500, _sentence(credential)),
    "page": lambda credential: Answer(502, f"<html>{_sentence(credential)}</html>"),
    "broken": lambda credential: Answer(200, f'{{"kind": "{_sentence(credential)}'),
    "text": lambda credential: Answer(200, json.dumps(_sentence(credential))),
    "redirect": lambda credential: Answer(
        302,
        _sentence(credential),
        "https://127.0.0.1:1/?token=" + credential.rpartition(" ")[2],
    ),
    "proxy": lambda credential: Answer(407, _sentence(credential)),
}
"""What the servers answer, by their names."""


class Echo:
    """One of the servers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.received: list[str] = []
        """Credentials of the requests."""
        self.port = 0

    def answer(self, credential: str) -> Answer:
        """Answer a request."""
        self.received.append(credential)
        return ANSWERS[self.name](credential)


class _Server(ThreadingHTTPServer):
    """Server of clients that may be gone before their answer."""

    daemon_threads, block_on_close = True, False

    def handle_error(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def echoing(name: str, certificates: Path | None) -> Iterator[Echo]:
    """Serve for the length of a block.

    Args:
        name: A key of ``ANSWERS``.
        certificates: Folder with ``apiserver.crt`` and ``apiserver.key``; None for a
            server without TLS.
    """
    echo = Echo(name)
    server = _Server(("127.0.0.1", 0), _handler(echo))
    echo.port = server.server_address[1]
    if certificates is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(
            certificates / "apiserver.crt", certificates / "apiserver.key"
        )
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield echo
    finally:
        server.shutdown()
        server.server_close()


def _handler(echo: Echo) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sent = self.headers.get("Proxy-Authorization") or ""
            status, body, location = echo.answer(
                self.headers.get("Authorization") or sent
            )
            self.send_response(status, body.replace("\n", " ")[:200])
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_PATCH = do_CONNECT = do_GET  # noqa: N815 - names of methods

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    return Handler
