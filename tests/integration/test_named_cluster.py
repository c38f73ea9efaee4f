"""A cluster that the environment names instead of an own control plane."""

from collections.abc import Iterator

import pytest

import controlplane
from controlplane import ControlPlane, external
from controlplane.errors import NotConfigured
from support.harness_requests import DEPLOYER, SYNC_SHOP, whoami


@pytest.fixture
def named_cluster(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ControlPlane]:
    """The same cluster once more, named by the environment as a user's own."""
    monkeypatch.setenv(external.KUBECONFIG, str(plane.kubeconfig()))
    monkeypatch.setenv(external.ARGOCD_URL, plane.argocd.url)
    monkeypatch.setenv(external.ARGOCD_ADMIN_PASSWORD, plane.argocd.admin_password)
    with controlplane.start() as named:
        yield named


def test_named_cluster_works_like_an_own_control_plane(named_cluster: ControlPlane):
    """Users are impersonated, Argo CD answers, and its processes stay untouched."""
    text = DEPLOYER + "g, alice, role:deployer\n"
    named_cluster.argocd.set_rbac({"policy.csv": text})

    assert named_cluster.argocd.can_i("alice", *SYNC_SHOP)
    assert not named_cluster.argocd.can_i("bob", *SYNC_SHOP)
    assert whoami(named_cluster, user="bob")["username"] == "bob"
    assert whoami(named_cluster, user="bob")["groups"] == [
        "approvers",
        "system:authenticated",
    ]
    assert not named_cluster.is_ours
    with pytest.raises(NotConfigured, match="not ours to stop"):
        named_cluster.stop("etcd")


def test_named_cluster_without_argocd_is_rejected(monkeypatch: pytest.MonkeyPatch):
    """The error names the missing variable and its value."""
    monkeypatch.setenv(external.KUBECONFIG, "somewhere")
    monkeypatch.delenv(external.ARGOCD_URL, raising=False)

    with pytest.raises(NotConfigured, match=r"ARGOGRANT_TEST_ARGOCD_URL is not\."):
        controlplane.start()
