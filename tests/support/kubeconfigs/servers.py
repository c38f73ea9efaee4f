"""API servers that answer with what they saw, and proxies that lead to them.

``SelfSubjectReview`` is answered with a user whose name is the identity of the request:
server, path, credential, impersonation, client certificate, and the proxy. So the same
kubeconfig can be given to kubectl and to argogrant, and what both sent be compared.
"""

import base64
import json
import select
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
GRANTS = "/apis/argogrant.dev/v1alpha1"
REJECTED = "Bearer rejected"


@dataclass
class Network:
    """The servers by name, and the requests that they received."""

    certificates: Path
    urls: dict[str, str] = field(default_factory=dict)
    """URLs of the API servers and of the proxies."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    tunnels: list[tuple[str, str]] = field(default_factory=list)
    """Proxy and target of each connection through a proxy."""

    def clear(self) -> None:
        """Forget all requests."""
        self.requests.clear()
        self.tunnels.clear()

    def port(self, name: str) -> int:
        """Return the port of a server."""
        return int(urlsplit(self.urls[name]).port or 0)

    def data(self, file: str) -> str:
        """Return a file of the certificates in base64."""
        return base64.b64encode((self.certificates / file).read_bytes()).decode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    network: Network
    name: str
    context: ssl.SSLContext | None = None

    def get_request(self) -> Any:
        connection, address = super().get_request()
        connection.settimeout(30)
        return connection, address

    def finish_request(self, request: Any, client_address: Any) -> None:
        with suppress(OSError):
            if self.context is not None:
                request = self.context.wrap_socket(request, server_side=True)
            with request:
                super().finish_request(request, client_address)

    def handle_error(self, *_: Any) -> None:
        """Print nothing: clients that refuse a certificate break connections."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_one_request(self) -> None:
        with suppress(OSError):
            super().handle_one_request()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        seen = self._seen()
        self.server.network.requests.append(seen)
        if seen["authorization"] == REJECTED:
            self._send(401, _status(401, "Unauthorized"))
            return
        path = seen["path"]
        if path.endswith(REVIEW):
            seen = {**seen, "path": path.removesuffix(REVIEW)}
            user = {"username": json.dumps(seen, sort_keys=True), "groups": ["seen"]}
            version = "authentication.k8s.io/v1"
            body = {"kind": "SelfSubjectReview", "apiVersion": version}
            self._send(201, {**body, "metadata": {}, "status": {"userInfo": user}})
        elif path.endswith("/accessgrants"):
            body = {"kind": "AccessGrantList", "apiVersion": "argogrant.dev/v1alpha1"}
            self._send(200, {**body, "metadata": {"resourceVersion": "1"}, "items": []})
        else:
            self._send(404, _status(404, "NotFound"))

    def _seen(self) -> dict[str, Any]:
        certificate: Any = {}
        if isinstance(self.connection, ssl.SSLSocket):
            certificate = self.connection.getpeercert() or {}
        subject = {key: value for ((key, value),) in certificate.get("subject", ())}
        names = ("Impersonate-User", "Impersonate-Uid", "Impersonate-Group")
        impersonation = {
            name: sorted(self.headers.get_all(name) or ()) for name in names
        }
        extra = {
            name.lower(): sorted(self.headers.get_all(name) or ())
            for name in self.headers
            if name.lower().startswith("impersonate-extra-")
        }
        return {
            "server": self.server.name,
            "path": urlsplit(self.path).path,
            "authorization": self.headers.get("Authorization", ""),
            "impersonation": {**impersonation, **extra},
            "certificate": subject.get("commonName", ""),
            "sni": getattr(self.connection, "asked_name", ""),
        }

    def _send(self, status: int, body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def _status(code: int, reason: str) -> dict[str, Any]:
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return {**body, "message": reason, "reason": reason, "code": code}


class _HTTPProxy(socketserver.BaseRequestHandler):
    """An HTTP proxy; every host leads to the server ``one`` on its port."""

    server: Any

    def handle(self) -> None:
        with suppress(OSError, ValueError):
            if self.server.context is not None:
                self.request = self.server.context.wrap_socket(
                    self.request, server_side=True
                )
            with self.request:
                self._lead()

    def _lead(self) -> None:
        with suppress(OSError, ValueError):
            head = b""
            while b"\r\n\r\n" not in head:
                piece = self.request.recv(65536)
                if not piece:
                    return
                head += piece
            method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
            login = [
                line.decode().partition(": ")[2]
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"proxy-authorization:")
            ]
            name = f"{self.server.name} {login[0]}" if login else self.server.name
            if method == "CONNECT":
                self.server.network.tunnels.append((name, target))
                self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                _relay(self.request, self.server.network.port("one"))
            else:
                self.server.network.tunnels.append((name, urlsplit(target).netloc))
                port = self.server.network.port("plain")
                _relay(self.request, port, head.replace(_origin(target), b"", 1))


def _origin(url: str) -> bytes:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".encode()


class _Socks5(socketserver.BaseRequestHandler):
    """A SOCKS5 proxy; every host leads to the server ``one``."""

    server: Any

    def handle(self) -> None:
        with suppress(OSError, struct.error):
            _, count = self.request.recv(2)
            methods = self.request.recv(count)
            name = self.server.name
            if 2 in methods:
                self.request.sendall(b"\x05\x02")
                _, length = self.request.recv(2)
                user = self.request.recv(length)
                (length,) = self.request.recv(1)
                password = self.request.recv(length)
                self.request.sendall(b"\x01\x00")
                name = f"{name} {user.decode()}:{password.decode()}"
            else:
                self.request.sendall(b"\x05\x00")
            _, _, _, kind = self.request.recv(4)
            if kind == 3:
                (length,) = self.request.recv(1)
                host = self.request.recv(length).decode()
            else:
                family = socket.AF_INET if kind == 1 else socket.AF_INET6
                host = socket.inet_ntop(
                    family, self.request.recv(4 if kind == 1 else 16)
                )
            (port,) = struct.unpack("!H", self.request.recv(2))
            self.server.network.tunnels.append((name, f"{host}:{port}"))
            self.request.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
            _relay(self.request, self.server.network.port("one"))


def _relay(client: Any, port: int, first: bytes = b"") -> None:
    """Copy bytes in both directions until one side closes."""
    with socket.create_connection(("127.0.0.1", port)) as server:
        server.sendall(first)
        while True:
            pending = isinstance(client, ssl.SSLSocket) and client.pending()
            ready = (
                [client] if pending else select.select([client, server], [], [], 30)[0]
            )
            if not ready:
                return
            for one in ready:
                data = one.recv(65536)
                if not data:
                    return
                (server if one is client else client).sendall(data)


class _ProxyServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    network: Network
    name: str
    context: ssl.SSLContext | None = None

    def handle_error(self, *_: Any) -> None:
        """Print nothing."""


class _IPv6Server(_Server):
    address_family = socket.AF_INET6


API_SERVERS = {
    "one": "server",
    "two": "server",
    "renamed": "renamed",
    "unnamed": "unnamed",
    "expired": "expired",
    "old": "old-server",
    "chain": "middle-server",
}
"""API servers with TLS, and their certificates."""


@contextmanager
def network(certificates: Path) -> Iterator[Network]:
    """Run all servers within a block."""
    made = Network(certificates)
    with ExitStack() as stack:
        for name, certificate in API_SERVERS.items():
            server = _Server(("127.0.0.1", 0), _Handler)
            server.context = _tls(certificates, certificate)
            _serve(stack, made, server, name, "https")
        server = _Server(("127.0.0.1", 0), _Handler)
        _serve(stack, made, server, "plain", "http")
        six = _IPv6Server(("::1", 0), _Handler)
        six.context = _tls(certificates, "server")
        _serve(stack, made, six, "six", "https")
        for name, handler, tls in (
            ("proxy", _HTTPProxy, False),
            ("tls-proxy", _HTTPProxy, True),
            ("socks", _Socks5, False),
        ):
            proxy = _ProxyServer(("127.0.0.1", 0), handler)
            if tls:
                proxy.context = _tls(certificates, "server")
            scheme = {"proxy": "http", "tls-proxy": "https"}.get(name, "socks5")
            _serve(stack, made, proxy, name, scheme)
        yield made


def _serve(
    stack: ExitStack, made: Network, server: Any, name: str, scheme: str
) -> None:
    server.network, server.name = made, name
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    host = "[::1]" if server.address_family == socket.AF_INET6 else "127.0.0.1"
    made.urls[name] = f"{scheme}://{host}:{server.server_address[1]}"


def _tls(certificates: Path, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.crt", certificates / f"{name}.key")
    context.load_verify_locations(certificates / "ca.crt")
    context.verify_mode = ssl.CERT_OPTIONAL

    def remember(connection: Any, asked: str | None, _: Any) -> None:
        connection.asked_name = asked or ""

    context.sni_callback = remember
    return context
