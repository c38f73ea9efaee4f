"""Metrics and probes over a real port."""

import urllib.error
import urllib.request
from collections.abc import Iterator

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
        self.port = self.server._server.server_port

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
