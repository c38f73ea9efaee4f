"""A control plane of our own: started on free loopback ports, gone without a trace."""

import json
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controlplane import programs
from controlplane.argocd import ArgoCD
from controlplane.argocd_client import ArgoCDClient
from controlplane.argocd_secrets import initial_admin_password
from controlplane.cluster import Cluster, kubeconfig_of
from controlplane.errors import NotBuilt, PartFailed, PortTaken
from controlplane.parts import (
    POLL_SECONDS,
    UP_SECONDS,
    Part,
    Parts,
    answers,
    free_ports,
)
from controlplane.people import ACCOUNTS, ADMIN, ADMIN_GROUPS, KNOWN
from controlplane.plane import ControlPlane
from controlplane.signing import private_key
from controlplane.supervision import Supervision

HOST = "127.0.0.1"
NOBODY_LISTENS = f"{HOST}:1"
NAMESPACE = "argocd"
ATTEMPTS = 3
ARGOCD_RESOURCES = ("appprojects", "applications", "applicationsets")
ISSUER = "https://kubernetes.default.svc"


@dataclass(frozen=True, slots=True, kw_only=True)
class _API:
    """The API server as its admin reaches it."""

    url: str
    certificate: Path
    """Its certificate followed by that of its CA, which it makes at its first start."""
    tokens: Mapping[str, str]

    def serves(self, path: str) -> bool:
        """Return whether the API server answers the admin at a path."""
        url, token = f"{self.url}{path}", self.tokens[ADMIN]
        return answers(url, ca=self.certificate, token=token)


def start() -> ControlPlane:
    """Start etcd, the API server and Argo CD, and return when all of them answer.

    Raises:
        NotBuilt: The programs are not in the cache.
        PartFailed: A part did not come up.
    """
    if not programs.are_built():
        raise NotBuilt(
            f"The control plane is not built yet. Run `{programs.BUILD_COMMAND}`, "
            f"which takes about ten minutes, once."
        )
    for _ in range(ATTEMPTS - 1):
        try:
            return _start_once()
        except PortTaken:
            continue
    return _start_once()


def _start_once() -> ControlPlane:
    supervision = Supervision()
    try:
        parts = Parts(supervision)
        api = _start_api(supervision.folder, parts)
        cluster = _cluster(supervision.folder, api)
        _install_argocd(supervision.folder, cluster, api)
        argocd = _start_argocd(supervision.folder, parts, cluster)
    except BaseException:
        supervision.close()
        raise
    return ControlPlane(cluster, argocd, supervision, parts=parts)


def _start_api(folder: Path, parts: Parts) -> _API:
    etcd_port, peer_port, port = free_ports(3)
    api = _API(
        url=f"https://{HOST}:{port}",
        certificate=folder / "certificates" / "apiserver.crt",
        tokens={name: secrets.token_urlsafe() for name in (ADMIN, *KNOWN)},
    )
    parts.add(_etcd(folder, etcd_port, peer_port))
    parts.wait_until_up("etcd")
    parts.add(_api_server(folder, port, etcd_port=etcd_port, api=api))
    parts.wait_until_up("kube-apiserver")
    return api


def _cluster(folder: Path, api: _API) -> Cluster:
    certificates = api.certificate.read_bytes()
    return Cluster(
        folder / "kubeconfigs",
        kubectl=programs.bin_folder() / "kubectl",
        admin=kubeconfig_of(api.url, certificates, api.tokens[ADMIN]),
        tokens={name: api.tokens[name] for name in KNOWN},
    )


def _etcd(folder: Path, port: int, peer_port: int) -> Part:
    url, peer_url = f"http://{HOST}:{port}", f"http://{HOST}:{peer_port}"
    return Part(
        name="etcd",
        argv=(
            str(programs.bin_folder() / "etcd"),
            f"--data-dir={folder / 'etcd'}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=default={peer_url}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ),
        is_up=lambda: answers(f"{url}/health"),
    )


def _api_server(folder: Path, port: int, *, etcd_port: int, api: _API) -> Part:
    key, known = folder / "service-accounts.key", folder / "tokens.csv"
    key.write_text(private_key(), encoding="ascii")
    known.write_text(_token_lines(api.tokens), encoding="ascii")
    return Part(
        name="kube-apiserver",
        argv=(
            str(programs.bin_folder() / "kube-apiserver"),
            f"--etcd-servers=http://{HOST}:{etcd_port}",
            f"--bind-address={HOST}",
            f"--advertise-address={HOST}",
            f"--secure-port={port}",
            f"--cert-dir={api.certificate.parent}",
            f"--token-auth-file={known}",
            "--authorization-mode=RBAC",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--endpoint-reconciler-type=none",
            # Without a controller manager there are no default service accounts.
            "--disable-admission-plugins=ServiceAccount",
        ),
        is_up=lambda: api.serves("/readyz"),
    )


def _token_lines(tokens: Mapping[str, str]) -> str:
    groups = {**KNOWN, ADMIN: ADMIN_GROUPS}
    return "".join(
        f'{token},{name},{name},"{",".join(groups[name])}"\n'
        for name, token in tokens.items()
    )


def _install_argocd(folder: Path, cluster: Cluster, api: _API) -> None:
    manifest = folder / "argocd.json"
    manifest.write_text(json.dumps(_argocd_objects()), encoding="utf-8")
    crds = programs.built_folder() / "crds"
    files = ("-f", str(manifest), "-f", str(crds))
    cluster.kubectl("create", "--validate=false", *files)
    _wait_until_served(api)


def _wait_until_served(api: _API) -> None:
    """Wait until the API server serves Argo CD's resources; Argo CD itself does not."""
    paths = [f"/apis/argoproj.io/v1alpha1/{plural}" for plural in ARGOCD_RESOURCES]
    deadline = time.monotonic() + UP_SECONDS
    while not all(api.serves(path) for path in paths):
        if time.monotonic() > deadline:
            raise PartFailed(
                f"kube-apiserver does not serve Argo CD's resources after "
                f"{UP_SECONDS:.0f} s. Build the control plane again?"
            )
        time.sleep(POLL_SECONDS)


def _start_argocd(folder: Path, parts: Parts, cluster: Cluster) -> ArgoCD:
    port, metrics_port, redis_port = free_ports(3)
    parts.add(
        _argocd_server(
            folder,
            port,
            metrics_port=metrics_port,
            redis_port=redis_port,
            kubeconfig=cluster.kubeconfig(),
        )
    )
    parts.wait_until_up("argocd-server")
    client = ArgoCDClient(f"http://{HOST}:{port}")
    argocd = ArgoCD(cluster, client, namespace=NAMESPACE, redis_port=redis_port)
    argocd.log_in(initial_admin_password(cluster, NAMESPACE))
    return argocd


def _argocd_server(
    folder: Path, port: int, *, metrics_port: int, redis_port: int, kubeconfig: Path
) -> Part:
    """Describe argocd-server; it needs Redis only for resource trees."""
    tls, ssh = folder / "argocd-tls", folder / "argocd-ssh"
    # What Argo CD calls its own cluster, it finds as kubectl would.
    home = folder / ".kube"
    for each in (tls, ssh, home):
        each.mkdir()
    shutil.copy2(kubeconfig, home / "config")
    return Part(
        name="argocd-server",
        argv=(
            str(programs.bin_folder() / "argocd"),
            f"--kubeconfig={kubeconfig}",
            f"--namespace={NAMESPACE}",
            "--insecure",
            f"--address={HOST}",
            f"--port={port}",
            f"--metrics-address={HOST}",
            f"--metrics-port={metrics_port}",
            f"--redis={HOST}:{redis_port}",
            f"--repo-server={NOBODY_LISTENS}",
            f"--dex-server=http://{NOBODY_LISTENS}",
        ),
        env={
            "ARGOCD_BINARY_NAME": "argocd-server",
            "ARGOCD_FAKE_IN_CLUSTER": "true",
            "ARGOCD_TLS_DATA_PATH": str(tls),
            "ARGOCD_SSH_DATA_PATH": str(ssh),
            "HOME": str(folder),
            "TMPDIR": str(folder),
        },
        is_up=lambda: answers(f"http://{HOST}:{port}/healthz"),
    )


def _argocd_objects() -> Mapping[str, Any]:
    """Return what Argo CD expects to find: its namespace and its configuration."""
    accounts = {f"accounts.{account}": "apiKey" for account in ACCOUNTS}
    items = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {**_argocd_object("ConfigMap", "argocd-cm"), "data": accounts},
        _argocd_object("ConfigMap", "argocd-rbac-cm"),
        _argocd_object("Secret", "argocd-secret"),
    ]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _argocd_object(kind: str, name: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "argocd"}
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata}
