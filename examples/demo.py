"""One grant on real parts: no, yes, no, each answered by argocd-server."""

import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

import controlplane
from controlplane.errors import ControlPlaneError
from support import operator_process

SECONDS = 12
RULES = "p, role:deployer, applications, sync, */*, allow\n"
INSTANCE = {
    "apiVersion": "argogrant.dev/v1alpha1",
    "kind": "ArgoCDInstance",
    "metadata": {"name": "default", "namespace": "argogrant"},
    "spec": {"requireAccessPolicy": False},  # open: the demo has no AccessPolicy
}
console = Console(highlight=False)


class WrongAnswerError(Exception):
    """Argo CD's answer differs from the grant."""


def answer(plane: controlplane.ControlPlane, *, expected: bool, within: float) -> None:
    """Ask Argo CD until it answers as expected, and show the answer."""
    deadline = time.monotonic() + within
    while (
        said := plane.argocd.can_i("alice", "applications", "sync", "team-a/shop")
    ) is not expected:
        if time.monotonic() > deadline:
            raise WrongAnswerError(f"Argo CD answered {'yes' if said else 'no'}")
        time.sleep(0.05)
    word = "[green]yes[/]" if said else "[red]no[/]"
    console.print(f"  may alice sync team-a/shop? argocd-server answers {word}")


def show(plane: controlplane.ControlPlane, *arguments: str) -> None:
    """Run kubectl and print its output."""
    console.print(f"[bold]$ kubectl {' '.join(arguments)}[/]")
    console.print(
        plane.kubectl(*arguments).stdout, end="", markup=False, soft_wrap=True
    )


def play(plane: controlplane.ControlPlane) -> None:
    """Play the life of a grant; raise at the first wrong answer."""
    console.print("\n[bold]1. Before[/] alice has no grant")
    answer(plane, expected=False, within=5)
    end = (datetime.now(UTC) + timedelta(seconds=SECONDS)).replace(microsecond=0)
    console.print(f"\n[bold]2. A grant[/] until {end:%H:%M:%S} UTC is applied")
    grant = {
        "apiVersion": "argogrant.dev/v1alpha1",
        "kind": "AccessGrant",
        "metadata": {"name": "alice-deploys", "namespace": "argogrant"},
        "spec": {
            "subject": {"kind": "User", "name": "alice"},
            "role": {"name": "role:deployer"},
            "expiresAt": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            "justification": "Roll out the hotfix for ticket 4711.",
        },
    }
    plane.kubectl("apply", "-f", "-", stdin=json.dumps(grant))
    answer(plane, expected=True, within=8)
    time.sleep(1)
    show(plane, "-n", "argogrant", "get", "accessgrants")
    overlay = plane.argocd.rbac_config_map()["data"]["policy.argogrant.csv"]
    console.print("[bold]  the operator has written into argocd-rbac-cm:[/]")
    console.print(overlay, markup=False, soft_wrap=True)
    while (left := (end - datetime.now(UTC)).total_seconds()) > 0:
        console.print(
            f"  {left:4.0f} s left", end="\r" if sys.stdout.isatty() else "\n"
        )
        time.sleep(min(1, left))
    console.print("\n[bold]3. After the end[/] without any action")
    answer(plane, expected=False, within=1)
    time.sleep(1)
    show(plane, "-n", "argogrant", "get", "accessgrants")


def main() -> int:
    """Run the demo; return 0 if every answer of Argo CD was as expected."""
    console.print("Starting etcd, kube-apiserver and argocd-server …")
    with controlplane.start() as plane, tempfile.TemporaryDirectory() as folder:
        operator_process.install(plane)
        plane.argocd.set_rbac({"policy.csv": RULES})
        plane.kubectl("apply", "-f", "-", stdin=json.dumps(INSTANCE))
        log = Path(folder) / "operator.log"
        with operator_process.running(plane, log):
            plane.kubectl(
                *("-n", "argogrant", "wait", "argocdinstance/default"),
                *("--for=condition=Ready", "--timeout=30s"),
            )
            try:
                play(plane)
            except (WrongAnswerError, ControlPlaneError) as error:
                console.print(f"[red]WRONG: {error}[/]\n{log.read_text()[-2000:]}")
                return 1
    console.print("\nEvery answer was as expected.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
