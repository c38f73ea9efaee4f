"""Output of ``argogrant roles`` for callers with different permissions."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from controlplane import ControlPlane
from support.live_cluster import PROJECT, RULES

TEXT = f"{RULES}p, role:ops, exec, create, */*, allow\np, role:ops, logs, *, *, deny\n"


@pytest.fixture
def argocd(installed: ControlPlane) -> ControlPlane:
    installed.argocd.set_rbac({"policy.csv": TEXT})
    installed.apply(PROJECT)
    return installed


def roles(kubeconfig: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "argogrant.cli.main", "roles", *options],
        env={
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "ARGOGRANT_NAMESPACE": "argogrant",
            "COLUMNS": "80",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_role_is_listed(argocd: ControlPlane) -> None:
    listed = roles(argocd.kubeconfig())
    rows = [line.split() for line in listed.stdout.splitlines()]

    assert listed.returncode == 0, listed.stderr
    assert ["role:ops", "-", "yes", "yes", "-"] in rows
    assert ["role:admin", "-", "-", "yes", "-"] in rows
    assert ["role:deployer", "-", "-", "-", "-"] in rows
    assert ["deployer", "team-a", "-", "-", "-"] in rows
    assert max(map(len, listed.stdout.splitlines())) <= 80


def test_json_output_has_every_reason(argocd: ControlPlane) -> None:
    listed = json.loads(roles(argocd.kubeconfig(), "-o", "json").stdout)
    (ops,) = [one for one in listed["items"] if one["name"] == "role:ops"]

    assert ops["waysToPersist"] == ["exec create"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--instance", "other"),
            'argogrant roles: ArgoCDInstance "other" does not exist in namespace "ar',
        ),
        (
            ("--context", "nowhere"),
            'argogrant roles: the context "nowhere" does not exist in the kubeconfig',
        ),
    ],
)
def test_problem_is_one_sentence_with_its_remedy(
    argocd: ControlPlane, options: tuple[str, ...], said: str
) -> None:
    failed = roles(argocd.kubeconfig(), *options)

    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith(said)
    assert failed.stderr.count("\n") == 1


def test_missing_permission_is_reported(argocd: ControlPlane) -> None:
    failed = roles(argocd.kubeconfig("erin"))

    assert failed.returncode == 1
    assert "cannot get resource" in failed.stderr
    assert "Ask an administrator for this permission" in failed.stderr
