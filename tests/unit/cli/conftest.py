"""Commands run against a fake cluster instead of a kubeconfig's."""

from pathlib import Path

import pytest

from argogrant.cli import session as connecting
from support.fake_cluster import FakeCluster


class Closing(FakeCluster):
    """A cluster whose connection can be closed."""

    is_dry_run = False

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeCluster:
    """What every command connects to; no kubeconfig names a namespace."""
    cluster = Closing()

    class Connected:
        @staticmethod
        async def connect(_clock, _context, *, dry_run: bool = False) -> Closing:
            cluster.is_dry_run = dry_run
            return cluster

    monkeypatch.setattr(connecting, "KubernetesCluster", Connected)
    monkeypatch.setattr(
        "kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION",
        str(tmp_path / "none"),
    )
    monkeypatch.setenv("COLUMNS", "80")
    return cluster
