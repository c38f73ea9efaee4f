"""The owner of a remote API server, and anyone who reaches the metrics port."""

import contextlib
import itertools
import json
import resource
import socket
import threading
import zlib
from functools import cache
from typing import Final

from hostile.attack import Attacker, attack
from hostile.remote_server import Behaviour, Connection, answer, listing

CHUNK: Final = b"x" * 1_000_000
JSON_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED: Final = JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def behave(me: Attacker, behaviour: Behaviour) -> None:
    """Let the remote server behave that way from now on."""
    me.scene.remote.behaviour = behaviour


def _send_chunk(connection: Connection, data: bytes) -> None:
    connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))


def _stored(kind: str) -> bytes:
    body = {"kind": kind, "apiVersion": "v1", "metadata": {"name": "x"}}
    return json.dumps(body).encode()


def _project(number: int, **metadata: object) -> dict[str, object]:
    named = {"name": f"p{number}", "namespace": "argocd", "resourceVersion": "1"}
    roles = [{"name": "r", "policies": ["p, a, b, c, d, allow"], "groups": ["g"]}]
    return {"metadata": {**named, **metadata}, "spec": {"roles": roles}}


def _endless(connection: Connection, _path: str, over: threading.Event) -> None:
    connection.sendall(CHUNKED)
    _send_chunk(connection, b'{"kind": "Status", "message": "')
    while not over.is_set():
        _send_chunk(connection, CHUNK)


@attack("remote-owner", pause=1.0, least=3)
def endless(me: Attacker, _: int) -> None:
    """Answers every request without an end."""
    behave(me, _endless)


@cache
def _packed() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(CHUNK) for _ in range(1000)) + packer.flush()


def _compressed(connection: Connection, _path: str, _over: threading.Event) -> None:
    answer(connection, _packed(), headers="Content-Encoding: gzip\r\n")


@attack("remote-owner", pause=1.0, least=3)
def compressed(me: Attacker, _: int) -> None:
    """Answers with 1 MB that unpacks to 1 GB."""
    _packed()
    behave(me, _compressed)


def _slow(connection: Connection, _path: str, over: threading.Event) -> None:
    connection.sendall(JSON_HEAD + b"Content-Length: 1000000\r\n\r\n")
    while not over.wait(1):
        connection.sendall(b" ")


@attack("remote-owner", pause=1.0, least=3)
def slow(me: Attacker, _: int) -> None:
    """Answers with one byte a second."""
    behave(me, _slow)


def _silent(_connection: Connection, _path: str, over: threading.Event) -> None:
    over.wait()


@attack("remote-owner", pause=1.0, least=3)
def silent(me: Attacker, _: int) -> None:
    """Reads every request and never answers."""
    behave(me, _silent)


@attack("remote-owner", pause=1.0, least=3)
def handshakes(me: Attacker, _: int) -> None:
    """Accepts connections and leaves the TLS handshake without an answer."""
    me.scene.remote.handshakes = False


@cache
def _hundred_thousand() -> bytes:
    return listing("AppProject", [_project(one) for one in range(100_000)])


def _many_projects(connection: Connection, path: str, over: threading.Event) -> None:
    if "watch=" in path:
        over.wait()
        return
    projects = "appprojects" in path
    answer(connection, _hundred_thousand() if projects else listing("ConfigMap", []))


@attack("remote-owner", pause=1.0, least=3)
def many_projects(me: Attacker, _: int) -> None:
    """Lists 100,000 AppProjects in one page."""
    _hundred_thousand()
    behave(me, _many_projects)


def _pages(connection: Connection, path: str, _over: threading.Event) -> None:
    kind = "AppProject" if "appprojects" in path else "ConfigMap"
    items = [_project(one) for one in range(100)]
    body = json.loads(listing(kind, items))
    body["metadata"]["continue"] = "again"
    answer(connection, json.dumps(body).encode())


@attack("remote-owner", pause=1.0, least=3)
def pages(me: Attacker, _: int) -> None:
    """Lists page after page without a last one."""
    behave(me, _pages)


def _tiny_events(connection: Connection, path: str, over: threading.Event) -> None:
    kind = "AppProject" if "appprojects" in path else "ConfigMap"
    if "watch=" not in path:
        answer(connection, listing(kind, []))
        return
    objects = ({"kind": kind, **_project(number % 9)} for number in range(5000))
    events = (json.dumps({"type": "MODIFIED", "object": one}) for one in objects)
    lines = "".join(f"{event}\n" for event in events).encode()
    connection.sendall(CHUNKED)
    while not over.is_set():
        _send_chunk(connection, lines)


@attack("remote-owner", pause=1.0, least=3)
def tiny_events(me: Attacker, _: int) -> None:
    """Sends watch events at full speed."""
    behave(me, _tiny_events)


def _long_event(connection: Connection, path: str, over: threading.Event) -> None:
    kind = "AppProject" if "appprojects" in path else "ConfigMap"
    if "watch=" not in path:
        answer(connection, listing(kind, []))
        return
    connection.sendall(CHUNKED)
    while not over.is_set():
        _send_chunk(connection, CHUNK)


@attack("remote-owner", pause=1.0, least=3)
def long_event(me: Attacker, _: int) -> None:
    """Sends one watch event without an end of its line."""
    behave(me, _long_event)


def _half_closed(connection: Connection, path: str, over: threading.Event) -> None:
    kind = "AppProject" if "appprojects" in path else "ConfigMap"
    if "watch=" not in path:
        answer(connection, listing(kind, []))
        return
    connection.sendall(CHUNKED)
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
    over.wait()


@attack("remote-owner", pause=1.0, least=3)
def half_closed(me: Attacker, _: int) -> None:
    """Closes its half of every watch at once."""
    behave(me, _half_closed)


ODD_BODIES: Final = (
    b"[" * 500_000,
    b'{"a":' * 200_000,
    b"9" * 1_000_000,
    b'{"metadata": {"resourceVersion": ' + b"9" * 50_000 + b"}}",
    b"\xff\xfe\x00",
    b'"\\ud800"',
    b"null",
    b'{"items": null, "metadata": null}',
    b'{"items": [null, 1, [], {"metadata": 5}], "metadata": {}}',
    b'{"metadata": {"name": "\\ud800", "annotations": {"a": 1}}, "data": {"a": 7}}',
    b"NaN",
)


def _odd(connection: Connection, _path: str, _over: threading.Event) -> None:
    number = next(_numbers)
    answer(
        connection,
        ODD_BODIES[number % len(ODD_BODIES)],
        status=(200, 409, 500)[number % 3],
    )


_numbers = itertools.count()


@attack("remote-owner", pause=1.0, least=3)
def odd_bodies(me: Attacker, _: int) -> None:
    """Answers with JSON that nests without an end, and with other types than asked."""
    behave(me, _odd)


FORGED: Final = '{"specversion":"1.0","type":"dev.argogrant.grant.ended"}'


def _forged_lines(connection: Connection, _path: str, _over: threading.Event) -> None:
    message = f"no\n{FORGED}\r\n\x1b[2J\x00{'x' * 2_000_000}"
    body = {"kind": "Status", "status": "Failure", "message": message, "code": 403}
    answer(connection, json.dumps(body).encode(), status=403)


def _forged_after(me: Attacker) -> list[str]:
    log = me.scene.log_text()
    if any(line.startswith('{"specversion"') for line in log.splitlines()):
        return ["The log has a line that looks like one of the audit stream."]
    return []


@attack("remote-owner", pause=1.0, least=3, after=_forged_after)
def forged_lines(me: Attacker, _: int) -> None:
    """Forges lines of the log in its messages of 2 MB."""
    behave(me, _forged_lines)


def _redirects(connection: Connection, path: str, _over: threading.Event) -> None:
    host, port = connection.getsockname()
    where = f"Location: https://{host}:{port}{path}x\r\n"
    answer(connection, b"", status=307, headers=where)


@attack("remote-owner", pause=1.0, least=3)
def redirects(me: Attacker, _: int) -> None:
    """Redirects every request to itself."""
    behave(me, _redirects)


def _retry_after(connection: Connection, _path: str, _over: threading.Event) -> None:
    wait = f"Retry-After: {10**9}\r\n" + "".join(f"X-{one}: y\r\n" for one in range(90))
    answer(connection, b"{}", status=429, headers=wait)


@attack("remote-owner", pause=1.0, least=3)
def retry_after(me: Attacker, _: int) -> None:
    """Asks everybody to come back in thirty years."""
    behave(me, _retry_after)


def _endless_head(connection: Connection, _path: str, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not over.is_set():
        connection.sendall(b"X-Long: " + b"y" * 4000 + b"\r\n")


@attack("remote-owner", pause=1.0, least=3)
def endless_head(me: Attacker, _: int) -> None:
    """Answers with headers without an end."""
    behave(me, _endless_head)


def _gone(connection: Connection, path: str, _over: threading.Event) -> None:
    kind = "AppProject" if "appprojects" in path else "ConfigMap"
    if "watch=" not in path:
        answer(connection, listing(kind, []))
        return
    status = {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410}
    answer(connection, json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")


@attack("remote-owner", pause=1.0, least=3)
def gone(me: Attacker, _: int) -> None:
    """Ends every watch at once, because its version is gone."""
    behave(me, _gone)


def _hang_up(connection: Connection, _path: str, _over: threading.Event) -> None:
    connection.sendall(JSON_HEAD + b"Content-Length: 100\r\n\r\n{")


@attack("remote-owner", pause=1.0, least=3)
def hang_up(me: Attacker, _: int) -> None:
    """Hangs up in the middle of every answer."""
    behave(me, _hang_up)


@cache
def _large_config_map() -> bytes:
    lines = "\n".join(f"g, user-{one:07}, role:deployer" for one in range(1_000_000))
    named = {"name": "argocd-rbac-cm", "namespace": "argocd", "resourceVersion": "1"}
    data = {"policy.csv": lines, "policy.argogrant.csv": lines}
    return listing("ConfigMap", [{"metadata": named, "data": data}])


def _large(connection: Connection, path: str, over: threading.Event) -> None:
    if "watch=" in path:
        over.wait()
        return
    projects = "appprojects" in path
    answer(connection, listing("AppProject", []) if projects else _large_config_map())


@attack("remote-owner", pause=1.0, least=3)
def large_config_map(me: Attacker, _: int) -> None:
    """Lists a ConfigMap of 70 MB, which no API server stores."""
    _large_config_map()
    behave(me, _large)


def _connect(me: Attacker) -> socket.socket:
    """Connect to the metrics port, and keep the connection."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    address = ("127.0.0.1", me.scene.metrics_port)
    return me.held.enter_context(socket.create_connection(address, timeout=5))


@attack("passer-by", least=1000, pause=0.0, most=2000)
def idle_connections(me: Attacker, _: int) -> None:
    """Opens 1,000 connections and says nothing."""
    _connect(me)


@attack("passer-by", least=300, pause=0.0, most=1000)
def slow_requests(me: Attacker, number: int) -> None:
    """Begins hundreds of requests and never ends them."""
    beginnings = (
        b"GET /metrics HTTP/1.1\r\nX-A: ",
        b"GET /" + b"x" * 60_000,
        b"POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n",
    )
    _connect(me).sendall(beginnings[number % 3])


@attack("passer-by", least=300, pause=0.0)
def requests(me: Attacker, _: int) -> None:
    """Asks for the metrics at full speed, and reads no answer."""
    with socket.create_connection(
        ("127.0.0.1", me.scene.metrics_port), timeout=5
    ) as one:
        one.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20)


@attack("passer-by", least=100, pause=0.01)
def odd_requests(me: Attacker, number: int) -> None:
    """Sends what is no HTTP, and lines of 5 MB."""
    texts = (
        b"\x16\x03\x01" * 1000,
        b"\x00" * 5_000_000,
        b"GET " + b"/" * 5_000_000,
        b"\r\n" * 100_000,
    )
    with socket.create_connection(
        ("127.0.0.1", me.scene.metrics_port), timeout=0.2
    ) as one:
        one.sendall(texts[number % 4])
