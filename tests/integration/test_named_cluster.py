"""A cluster that the environment names, in place of our own control plane."""

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


def test_a_cluster_of_ones_own_serves_as_well(named_cluster: ControlPlane):
    """People are impersonated, Argo CD judges, and the parts are left alone."""
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


def test_a_named_cluster_without_argocd_is_refused(monkeypatch: pytest.MonkeyPatch):
    """The error says which variable is missing and what belongs there."""
    monkeypatch.setenv(external.KUBECONFIG, "somewhere")
    monkeypatch.delenv(external.ARGOCD_URL, raising=False)

    with pytest.raises(NotConfigured, match=r"ARGOGRANT_TEST_ARGOCD_URL is not\."):
        controlplane.start()
