"""The operator as users run it: a process with its shipped service account."""

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
NOT_IN_IMAGE = ROOT / "tests/support/not_in_image"
GRACE_SECONDS = 30
FREQUENT_RESYNCS = ("--sweep-seconds", "1")
"""Options of an operator for tests that wait for resyncs."""
KOPF = ("kopf", "run", "-m", "argogrant.handlers", "--namespace", "argogrant")
"""The operator without the command ``argogrant operator``, as in README.md."""


def install(plane: ControlPlane) -> None:
    """Apply the CRDs and the shipped permissions."""
    plane.apply(*sorted((ROOT / "crds").glob("*.yaml")))
    plane.apply(
        *(
            ROOT / f"manifests/{name}.yaml"
            for name in ("argogrant-namespace", "argocd-namespace")
        )
    )


def install_with_instance(plane: ControlPlane) -> None:
    """Install, then create the default AppProject and the default ArgoCDInstance."""
    install(plane)
    plane.apply(PROJECT, INSTANCE)


def bound() -> list[str]:
    """Return the start of a command whose process ends with this test process."""
    script = ROOT / "tests/support/bound_process.py"
    return [sys.executable, "-I", "-S", str(script), str(os.getpid())]


def free_port() -> int:
    """Find a free port of the loopback interface."""
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

    The audit stream goes into a second file next to it, which ``audit_of`` reads. The
    environment is that of the image: one heap for all threads, and no package that only
    the tests need.
    """
    if kubeconfig is None:
        kubeconfig = plane.service_account_kubeconfig("argogrant", "argogrant")
    environment = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "MALLOC_ARENA_MAX": "1",
        "PYTHONPATH": os.pathsep.join(
            filter(None, (str(NOT_IN_IMAGE), os.environ.get("PYTHONPATH")))
        ),
    }
    command = [*bound(), sys.executable, "-m", *module]
    if module is ARGOGRANT:
        command += ["--identity", identity, "--port", str(free_port())]
    with log.open("ab") as errors, _audit_file(log).open("ab") as out:
        return subprocess.Popen(
            [*command, *options], env=environment, stdout=out, stderr=errors
        )


def audit_of(log: Path) -> list[dict[str, Any]]:
    """Return the audit events so far of all operators that had this log."""
    lines = _audit_file(log).read_text("ascii").splitlines()
    return [json.loads(line) for line in lines]


def _audit_file(log: Path) -> Path:
    return log if log == Path(os.devnull) else log.with_suffix(".audit")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the operator as the kubelet does: SIGTERM, then SIGKILL.

    Between them is the grace period of the Deployment.
    """
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
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
    """Run the operator for the length of a block, and delete all grants after it."""
    with running(world.plane, log, *options, module=module):
        world.log = log
        try:
            yield
        finally:
            world.reset()
