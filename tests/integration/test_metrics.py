"""Metrics while grants begin, end and are tampered with."""

import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from controlplane import ControlPlane
from support import operator_process
from support.live_cluster import RULES, World, a_grant, after, eventually, seconds_until

ORPHAN = "# until 2099-01-01T00:00:00Z\ng, mallory, role:deployer\n"


class Scraped(World):
    """A world whose operator's metrics can be read."""

    def __init__(self, plane: ControlPlane, port: int) -> None:
        super().__init__(plane)
        self._port = port

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples with these labels; nought if there is none."""
        url = f"http://127.0.0.1:{self._port}/metrics"
        with urllib.request.urlopen(url) as answer:
            text = answer.read().decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


@pytest.fixture
def scraped(installed: ControlPlane, tmp_path: Path) -> Iterator[Scraped]:
    port = operator_process.free_port()
    world = Scraped(installed, port)
    installed.argocd.set_rbac({"policy.csv": RULES})
    options = ("--port", str(port))
    with operator_process.running(installed, tmp_path / "operator.log", *options):
        yield world
        world.ours("delete", "accessgrants", "--all")


def test_metrics_follow_a_grant_until_its_expiry(scraped: Scraped) -> None:
    """Grants by reason, bindings, writes, revocation lag and overdue seconds."""
    scraped.apply(a_grant("stays"))
    eventually(scraped.may_sync, within=30)
    end = after(15)
    scraped.apply(a_grant("short", subject="carol", expiresAt=end))
    eventually(lambda: scraped.may_sync("carol"), within=14)
    eventually(lambda: scraped.metric("argogrant_bindings") == 2, within=10)
    time.sleep(seconds_until(end))
    eventually(lambda: not scraped.may_sync("carol"), within=10)
    eventually(
        lambda: scraped.metric("argogrant_revocation_lag_seconds_count") == 1, within=10
    )
    eventually(
        lambda: scraped.metric("argogrant_grants", reason="Expired") == 1, within=10
    )

    assert scraped.metric("argogrant_leader") == 1
    assert scraped.metric("argogrant_grants", reason="Bound") == 1
    assert scraped.metric("argogrant_overdue_seconds") == 0
    assert scraped.metric("argogrant_overlay_writes_total", result="ok") == 3
    assert scraped.metric("argogrant_orphans_removed_total") == 0
    assert 0 < scraped.metric("argogrant_start_seconds") < 15
    assert (
        time.time() - scraped.metric("argogrant_last_convergence_timestamp_seconds")
        < 60
    )


def test_line_without_a_grant_is_counted_as_an_orphan(scraped: Scraped) -> None:
    """The operator removes and reports it."""
    scraped.apply(a_grant("stays"))
    eventually(scraped.may_sync, within=30)
    scraped.edit({"policy.argogrant.csv": scraped.overlay() + ORPHAN})
    eventually(lambda: "mallory" not in scraped.overlay(), within=10)

    eventually(
        lambda: scraped.metric("argogrant_orphans_removed_total") == 1, within=10
    )


@pytest.mark.long
def test_access_that_cannot_be_removed_is_overdue(scraped: Scraped) -> None:
    """Without the ConfigMap, Argo CD uses its copy and the gauge rises."""
    scraped.apply(a_grant("warm-up", subject="erin"))
    eventually(lambda: scraped.may_sync("erin"), within=30)
    end = after(25)
    scraped.apply(a_grant("short", expiresAt=end))
    eventually(scraped.may_sync, within=20)
    kept = scraped.remove_config_map()
    time.sleep(seconds_until(end) + 1)
    assert scraped.may_sync()  # Argo CD keeps its last rules in memory
    eventually(lambda: scraped.metric("argogrant_overdue_seconds") > 1, within=30)
    scraped.apply(kept)
    eventually(lambda: not scraped.may_sync(), within=10)

    eventually(lambda: scraped.metric("argogrant_overdue_seconds") == 0, within=30)
