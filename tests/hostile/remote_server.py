"""A remote API server that somebody hostile runs: HTTPS with a valid certificate."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

Connection = socket.socket
Behaviour = Callable[[Connection, str, threading.Event], None]
"""Answers a request: its connection, its path, and whether the attack is over."""
REFUSED: Final = {
    "kind": "Status",
    "apiVersion": "v1",
    "status": "Failure",
    "reason": "Unauthorized",
    "message": "Unauthorized",
    "code": 401,
}


def answer(
    connection: Connection, body: bytes, *, status: int = 200, headers: str = ""
) -> None:
    """Send one answer; the connection is closed after it."""
    head = (
        f"HTTP/1.1 {status} Whatever\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
    )
    connection.sendall(head.encode("latin-1") + body)


def refuse(connection: Connection, _path: str, _over: threading.Event) -> None:
    """Accept no token, as a server does that is only out of order."""
    answer(connection, json.dumps(REFUSED).encode(), status=401)


class RemoteServer:
    """Server that answers as its ``behaviour`` does, one thread a connection.

    Args:
        certificate: PEM of its certificate and of the authority.
        key: PEM of its key.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self.certificate = certificate
        self.behaviour: Behaviour = refuse
        self.handshakes = True
        """False: it accepts connections and never answers a TLS handshake."""
        self.requests = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._over = threading.Event()
        self._open: set[Connection] = set()

    @property
    def url(self) -> str:
        """URL for ``spec.cluster.server``."""
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        """Serve in the background."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections."""
        self._listener.close()
        self.calm()

    def calm(self) -> None:
        """End what goes on, and behave like a server that is only out of order."""
        self.behaviour, self.handshakes = refuse, True
        self._over.set()
        self._over = threading.Event()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            arguments = (connection, self._over)
            threading.Thread(target=self._serve, args=arguments, daemon=True).start()

    def _serve(self, raw: Connection, over: threading.Event) -> None:
        self._open.add(raw)
        try:
            if not self.handshakes:
                over.wait()
                return
            raw.settimeout(60)
            with self._context.wrap_socket(raw, server_side=True) as connection:
                path = _read_request(connection)
                self.requests += 1
                self.behaviour(connection, path, over)
        except (OSError, ValueError):
            return  # The client has had enough.
        finally:
            self._open.discard(raw)
            raw.close()


def _read_request(connection: Connection) -> str:
    """Read the head of a request; return the path with its query."""
    head = b""
    while b"\r\n\r\n" not in head:
        part = connection.recv(65536)
        if not part:
            raise ValueError
        head += part
    return head.split(b" ", 2)[1].decode("latin-1")


def listing(kind: str, items: list[Any]) -> bytes:
    """Return the body of a list of Argo CD's objects."""
    return json.dumps(
        {
            "apiVersion": "argoproj.io/v1alpha1" if kind != "ConfigMap" else "v1",
            "kind": f"{kind}List",
            "metadata": {"resourceVersion": "1"},
            "items": items,
        }
    ).encode()
