"""Metrics and probes over a real port."""

import resource
import socket
import tracemalloc
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from argogrant.telemetry import health_server
from argogrant.telemetry.health_server import HealthServer, Heartbeat
from argogrant.telemetry.metrics import Metrics


class RunningServer:
    """A health server, with its heartbeat and metrics."""

    def __init__(self) -> None:
        self.heartbeat, self.metrics = Heartbeat(), Metrics()
        self.server = HealthServer(self.heartbeat, self.metrics.registry)
        self.server.start(port=0)  # any free one, which no other process can take
        self.port = self.server.port

    def get(self, path: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture
def server() -> Iterator[RunningServer]:
    running = RunningServer()
    yield running
    running.server.stop()
    running.server.stop()  # A second call does nothing.


def test_standby_is_ready_once_its_caches_are_synced(server) -> None:
    assert server.get("/livez") == (200, "standby\n")
    assert server.get("/readyz") == (503, "standby, caches are not synced yet\n")
    server.heartbeat.synced = lambda: True

    assert server.get("/readyz") == (200, "standby\n")


def test_leader_is_live(server) -> None:
    server.heartbeat.leading = True

    assert server.get("/livez") == (200, "leader\n")


def test_hung_event_loop_is_neither_live_nor_ready(server, monkeypatch) -> None:
    """The server has a thread of its own, so it answers."""
    monkeypatch.setattr(health_server, "MAX_HEARTBEAT_AGE", -1.0)
    server.heartbeat.synced = lambda: True

    assert server.get("/livez")[0] == 503
    assert server.get("/readyz")[0] == 503


def test_metrics_are_served(server) -> None:
    server.metrics.lead()
    status, text = server.get("/metrics")

    assert status == 200
    assert "argogrant_leader 1.0" in text


def test_other_path_is_not_found(server) -> None:
    assert server.get("/") == (404, "not found; try /metrics, /livez or /readyz\n")


def connect(server: RunningServer, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=5)
    if sent:
        connection.sendall(sent)
    return connection


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /livez HT", id="half of a request"),
        pytest.param(b"GET /livez HTTP/1.1\r\nX: " + b"x" * 3_000, id="endless header"),
    ],
)
def test_probe_is_answered_beside_many_idle_connections(server, sent) -> None:
    """Each of them once cost a thread and a file until the client went away."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(2_000, limit - open_files() - 200)
    before = open_files()
    with ExitStack() as connections:
        for _ in range(count):
            try:
                connections.enter_context(connect(server, sent))
            except (ConnectionError, TimeoutError):
                continue  # The server has closed it already.

        assert server.get("/livez") == (200, "standby\n")
        assert (
            open_files() - before
            <= count + health_server.MAX_CONNECTIONS + health_server.BACKLOG
        )


def test_connection_that_sends_slowly_is_closed(server, monkeypatch) -> None:
    monkeypatch.setattr(health_server, "CONNECTION_SECONDS", 0.2)
    with connect(server, b"GET /livez HTTP/1.1\r\n") as slow:
        assert slow.recv(1) == b""


def test_one_address_has_a_part_of_the_connections(server) -> None:
    """The oldest of its connections is closed, and those of others stay."""
    with ExitStack() as connections:
        opened = [
            connections.enter_context(connect(server))
            for _ in range(health_server.MAX_PER_ADDRESS + 1)
        ]
        with suppress(ConnectionResetError):
            assert opened[0].recv(1) == b""
        opened[1].sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")

        assert opened[1].recv(100).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GET /livez HTTP/1.1\r\nX: " + b"x" * 5_000_000, id="a header"),
        pytest.param(b"GET " + b"/" * 5_000_000, id="a path"),
        pytest.param(b"\0" * 5_000_000, id="no HTTP"),
        pytest.param(b"\r\n" * 2_500_000, id="empty lines"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n" * 300_000, id="many requests"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n"
            + b"x" * 5_000_000,
            id="a body",
        ),
    ],
)
def test_huge_request_takes_no_memory(server, sent) -> None:
    """Errors of the parser once contained the request, and lived until a collection."""
    tracemalloc.start()
    try:
        with ExitStack() as connections:
            for _ in range(4):
                one = connections.enter_context(connect(server))
                one.settimeout(0.2)
                with suppress(OSError):  # The server reads no more, or has closed it.
                    one.sendall(sent)
                with suppress(OSError):
                    assert b"200 OK" not in one.recv(1000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 2**21
    assert server.get("/livez") == (200, "standby\n")


def test_connection_serves_one_request(server) -> None:
    """Otherwise clients would keep theirs open."""
    with connect(server) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while piece := connection.recv(1000):
            answer += piece

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"standby\n")


def test_flood_of_scrapes_gets_the_same_text(monkeypatch) -> None:
    """Writing it takes milliseconds in which the main event loop does not run."""
    now, written = [100.0], []

    def encode(_registry: object) -> bytes:
        written.append(now[0])
        now[0] += 0.01
        return b"text"

    monkeypatch.setattr(health_server, "choose_encoder", lambda _: (encode, "plain"))
    monkeypatch.setattr(health_server.time, "monotonic", lambda: now[0])
    page = health_server.MetricsPage(Metrics().registry)
    for _ in range(100):
        assert page.read("text/plain") == ("plain", b"text")
    assert len(written) == 1
    now[0] += 0.1
    page.read(None)

    assert len(written) == 2


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain; version=x", "\xff;;,="])
def test_any_accept_header_gets_metrics(accept) -> None:
    content_type, text = health_server.MetricsPage(Metrics().registry).read(accept)

    assert content_type.startswith("text/plain")
    assert b"argogrant_leader" in text


def test_port_in_use_is_reported_at_the_start(server) -> None:
    another = HealthServer(Heartbeat(), Metrics().registry)
    with pytest.raises(OSError, match="in use"):
        another.start(server.port)
