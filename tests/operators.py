"""The operator as its users run it: a process, under its shipped service account."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from controlplane import ControlPlane

ROOT = Path(__file__).parent.parent


def install(plane: ControlPlane) -> None:
    """Apply the CRDs and the shipped permissions."""
    for name in ("accessgrants", "argocdinstances"):
        plane.kubectl("apply", "--server-side", "-f", str(ROOT / f"crds/{name}.yaml"))
    for name in ("argogrant-namespace", "argocd-namespace"):
        plane.kubectl("apply", "-f", str(ROOT / f"manifests/{name}.yaml"))
    plane.kubectl(
        "wait", "--for=condition=Established", "crd/accessgrants.argogrant.dev"
    )


def start(plane: ControlPlane, log: Path) -> subprocess.Popen[bytes]:
    """Start the operator, with its log in a file."""
    kubeconfig = plane.service_account_kubeconfig("argogrant", "argogrant")
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    command = [sys.executable, "-m", "argogrant.cli.main", "operator"]
    command += ["--namespace", "argogrant", "--sweep-seconds", "3"]
    with log.open("ab") as out:
        return subprocess.Popen(command, env=environment, stdout=out, stderr=out)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the operator as Kubernetes would."""
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


@contextlib.contextmanager
def running(plane: ControlPlane, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the operator for the length of a block."""
    process = start(plane, log)
    try:
        yield process
    finally:
        stop(process)
