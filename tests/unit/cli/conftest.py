"""Fixtures that run commands against a fake cluster."""

import pytest

from argogrant.cli import admin, session
from argogrant.cli.doctor import doctor
from argogrant.kube.kubeconfig.choosing import ClientConfig
from argogrant.kube.kubeconfig.entries import ClusterEntry, UserEntry
from support.fake_cluster import FakeCluster


class ClosableCluster(FakeCluster):
    """Fake cluster with a connection that commands close."""

    is_dry_run = False

    async def close(self) -> None:
        """Do nothing; no connection is open."""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """The cluster that every command connects to; without a kubeconfig."""
    cluster = ClosableCluster()

    async def connect(
        _config=None, *, dry_run: bool = False, limit: str = "0"
    ) -> ClosableCluster:
        del limit
        cluster.is_dry_run = dry_run
        return cluster

    def client_config(context: str = "") -> ClientConfig:
        return ClientConfig(
            server="https://127.0.0.1:6443",
            cluster=ClusterEntry(),
            user=UserEntry(),
            context=context or "one",
        )

    for module in (session, doctor, admin):
        monkeypatch.setattr(module, "connect", connect, raising=False)
        monkeypatch.setattr(module, "client_config", client_config, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    return cluster
