"""The operator as its users run it: a process, under its shipped service account."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from controlplane.plane import ControlPlane
from support.live_cluster import INSTANCE, PROJECT, World

ROOT = Path(__file__).parent.parent.parent
ARGOGRANT = (
    *("argogrant.cli.main", "operator"),
    *("--namespace", "argogrant", "--sweep-seconds", "3"),
)
KOPF = ("kopf", "run", "-m", "argogrant.handlers", "--namespace", "argogrant")
"""The same operator without our own command, as README.md says."""


def install(plane: ControlPlane) -> None:
    """Apply the CRDs and the shipped permissions."""
    plane.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    for name in ("argogrant-namespace", "argocd-namespace"):
        plane.kubectl("apply", "-f", str(ROOT / f"manifests/{name}.yaml"))
    ours = [f"crd/{path.stem}.argogrant.dev" for path in (ROOT / "crds").glob("*")]
    plane.kubectl("wait", "--for=condition=Established", *ours)


def install_with_instance(plane: ControlPlane) -> None:
    """The same, with the usual AppProject and the usual ArgoCDInstance."""
    install(plane)
    for body in (PROJECT, INSTANCE):
        plane.kubectl("apply", "-f", "-", stdin=json.dumps(body))


def bound() -> list[str]:
    """Return what begins a command that does not outlive these tests, if killed."""
    script = ROOT / "tests/support/bound_process.py"
    return [sys.executable, "-I", "-S", str(script), str(os.getpid())]


def free_port() -> int:
    """Find a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def start(
    plane: ControlPlane,
    log: Path,
    *options: str,
    identity: str = "argogrant-0",
    module: Sequence[str] = ARGOGRANT,
    kubeconfig: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start the operator as a pod of this name would, with its log in a file.

    Beside it there is the file with the audit stream, which ``audit_of`` reads.
    """
    if kubeconfig is None:
        kubeconfig = plane.service_account_kubeconfig("argogrant", "argogrant")
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    command = [*bound(), sys.executable, "-m", *module]
    if module is ARGOGRANT:
        command += ["--identity", identity, "--port", str(free_port())]
    with log.open("ab") as errors, _audit_file(log).open("ab") as out:
        return subprocess.Popen(
            [*command, *options], env=environment, stdout=out, stderr=errors
        )


def audit_of(log: Path) -> list[dict[str, Any]]:
    """Every event on standard output so far, of all operators that had this log."""
    lines = _audit_file(log).read_text("ascii").splitlines()
    return [json.loads(line) for line in lines]


def _audit_file(log: Path) -> Path:
    return log if log == Path(os.devnull) else log.with_suffix(".audit")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the operator as Kubernetes would."""
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


@contextlib.contextmanager
def running(
    plane: ControlPlane,
    log: Path,
    *options: str,
    identity: str = "argogrant-0",
    module: Sequence[str] = ARGOGRANT,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the operator for the length of a block."""
    process = start(plane, log, *options, identity=identity, module=module)
    try:
        yield process
    finally:
        stop(process)


@contextlib.contextmanager
def serving(
    world: World, log: Path, *options: str, module: Sequence[str] = ARGOGRANT
) -> Iterator[None]:
    """Run the operator for the length of a block, which leaves no grants behind."""
    with running(world.plane, log, *options, module=module):
        try:
            yield
        finally:
            world.reset()
