"""Fixtures that run commands against a fake cluster."""

from pathlib import Path

import pytest

from argogrant.cli import session as connecting
from support.fake_cluster import FakeCluster


class ClosableCluster(FakeCluster):
    """Fake cluster with a connection that commands close."""

    is_dry_run = False

    async def close(self) -> None:
        """Do nothing; no connection is open."""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeCluster:
    """The cluster that every command connects to; without a kubeconfig."""
    cluster = ClosableCluster()

    class Connector:
        @staticmethod
        async def connect(
            _clock, _context, *, dry_run: bool = False
        ) -> ClosableCluster:
            cluster.is_dry_run = dry_run
            return cluster

    monkeypatch.setattr(connecting, "KubernetesCluster", Connector)
    monkeypatch.setattr(
        "kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION",
        str(tmp_path / "none"),
    )
    monkeypatch.setenv("COLUMNS", "80")
    return cluster
