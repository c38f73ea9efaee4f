"""Cluster that the environment names instead of a local control plane."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from controlplane import programs
from controlplane.argocd import ArgoCD
from controlplane.argocd_client import ArgoCDClient
from controlplane.argocd_secrets import certificate, initial_admin_password
from controlplane.cluster import Cluster
from controlplane.errors import KubectlFailed, NotBuilt, NotConfigured
from controlplane.plane import ControlPlane
from controlplane.supervision import Supervision

KUBECONFIG = "ARGOGRANT_TEST_KUBECONFIG"
ARGOCD_URL = "ARGOGRANT_TEST_ARGOCD_URL"
ARGOCD_NAMESPACE = "ARGOGRANT_TEST_ARGOCD_NAMESPACE"
ARGOCD_ADMIN_PASSWORD = "ARGOGRANT_TEST_ARGOCD_ADMIN_PASSWORD"


def is_named() -> bool:
    """Return whether the environment names a cluster."""
    return bool(os.environ.get(KUBECONFIG))


def connect() -> ControlPlane:
    """Use the cluster that the environment names; nothing is started there.

    Raises:
        NotConfigured: Something the harness needs is missing.
    """
    url = os.environ.get(ARGOCD_URL)
    if not url:
        raise NotConfigured(
            f"{KUBECONFIG} is set but {ARGOCD_URL} is not. Set it to where the Argo "
            f"CD of that cluster answers, for instance through kubectl port-forward."
        )
    supervision = Supervision()
    try:
        cluster = _cluster(supervision.folder)
        argocd = _argocd(cluster, url)
    except BaseException:
        supervision.close()
        raise
    return ControlPlane(cluster, argocd, supervision)


def _cluster(folder: Path) -> Cluster:
    kubectl = _kubectl()
    return Cluster(
        folder / "kubeconfigs",
        kubectl=kubectl,
        admin=_flattened(kubectl, os.environ[KUBECONFIG]),
        tokens={},
    )


def _kubectl() -> Path:
    """Return kubectl of this Python environment, or else of the PATH."""
    try:
        return programs.installed("kubectl")
    except NotBuilt:
        found = shutil.which("kubectl")
        if found is None:
            raise
        return Path(found)


def _flattened(kubectl: Path, kubeconfig: str) -> dict[str, Any]:
    """Read the current context alone, with the content of the files it names."""
    done = subprocess.run(
        [kubectl, "config", "view", "--raw", "--flatten", "--minify", "-o", "json"],
        env={**os.environ, "KUBECONFIG": kubeconfig},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NotConfigured(
            f"kubectl cannot use {kubeconfig}, which {KUBECONFIG} names: "
            f"{done.stderr.strip()}"
        )
    config: dict[str, Any] = json.loads(done.stdout)
    return config


def _argocd(cluster: Cluster, url: str) -> ArgoCD:
    namespace = os.environ.get(ARGOCD_NAMESPACE, "argocd")
    client = ArgoCDClient(url, trusted=certificate(cluster, namespace))
    argocd = ArgoCD(cluster, client, namespace=namespace)
    argocd.log_in(_admin_password(cluster, namespace))
    return argocd


def _admin_password(cluster: Cluster, namespace: str) -> str:
    given = os.environ.get(ARGOCD_ADMIN_PASSWORD)
    if given:
        return given
    try:
        return initial_admin_password(cluster, namespace)
    except KubectlFailed as error:
        raise NotConfigured(
            f"There is no Secret argocd-initial-admin-secret in {namespace}. Set "
            f"{ARGOCD_ADMIN_PASSWORD} to the password of Argo CD's admin."
        ) from error
