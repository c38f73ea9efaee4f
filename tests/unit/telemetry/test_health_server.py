"""What Prometheus and the kubelet are told, over a real port."""

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from argogrant.telemetry import health_server as probes
from argogrant.telemetry.health_server import HealthServer, Heartbeat
from argogrant.telemetry.metrics import Metrics


class Served:
    """Vitals and metrics behind one port."""

    def __init__(self) -> None:
        self.vitals, self.metrics = Heartbeat(), Metrics()
        self.probes = HealthServer(self.vitals, self.metrics.registry)
        self.probes.start(port=0)  # any free one, which no other process can take
        self.port = self.probes._server.server_port

    def ask(self, path: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served()
    yield served
    served.probes.stop()
    served.probes.stop()  # once more does no harm


def test_a_standby_is_alive_and_ready_once_it_knows_everything(served) -> None:
    assert served.ask("/livez") == (200, "standby\n")
    assert served.ask("/readyz") == (503, "standby, not everything was listed yet\n")
    served.vitals.synced = lambda: True

    assert served.ask("/readyz") == (200, "standby\n")


def test_a_leader_says_so(served) -> None:
    served.vitals.leading = True

    assert served.ask("/livez") == (200, "leader\n")


def test_a_loop_that_hangs_is_neither_alive_nor_ready(served, monkeypatch) -> None:
    """The server has a thread of its own, so that it can say so."""
    monkeypatch.setattr(probes, "MAX_HEARTBEAT_AGE", -1.0)
    served.vitals.synced = lambda: True

    assert served.ask("/livez")[0] == 503
    assert served.ask("/readyz")[0] == 503


def test_metrics_are_shown(served) -> None:
    served.metrics.lead()
    status, text = served.ask("/metrics")

    assert status == 200
    assert "argogrant_leader 1.0" in text


def test_another_path_says_what_is_here(served) -> None:
    assert served.ask("/") == (404, "/metrics, /livez and /readyz are here\n")
