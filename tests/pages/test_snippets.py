"""Manifests and commands of the documentation, applied without an operator."""

import json
import shlex
from typing import Any

import pytest
import yaml

from controlplane import ControlPlane
from controlplane.errors import KubectlFailed
from support import doc_pages
from support.live_cluster import RULES, a_grant, eventually

MANIFESTS = sorted((doc_pages.ROOT / "manifests").glob("*.yaml"))


def snippets() -> list[Any]:
    """Return all objects of the documentation, the examples and the manifests."""
    shown = [
        (block.place, body)
        for block in doc_pages.blocks("yaml")
        for body in yaml.safe_load_all(block.text)
        if isinstance(body, dict) and "kind" in body
    ]
    files = [
        (str(path.relative_to(doc_pages.ROOT)), body)
        for path in [*sorted(doc_pages.EXAMPLES.rglob("*.yaml")), *MANIFESTS]
        for body in yaml.safe_load_all(path.read_text())
    ]
    return [pytest.param(body, id=place) for place, body in shown + files]


def dry_run(plane: ControlPlane, body: dict[str, Any]) -> None:
    plane.kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(body))


@pytest.mark.parametrize("body", snippets())
def test_manifest_is_valid_on_the_api_server(
    installed: ControlPlane, body: dict[str, Any]
) -> None:
    """With strict validation of fields."""
    dry_run(installed, body)


def test_manifest_with_an_unknown_field_is_rejected(
    installed: ControlPlane,
) -> None:
    with pytest.raises(KubectlFailed, match="until"):
        dry_run(installed, a_grant("typo", until="2026-11-24T18:00:00Z"))


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, id=place)
        for place, command in doc_pages.commands()
        if "patch configmap" in command and "policy.argogrant.csv" in command
    ],
)
def test_documented_command_ends_all_temporary_access(
    installed: ControlPlane, command: str
) -> None:
    """It removes only the key of argogrant."""
    ours = "g, alice, role:deployer\n"
    installed.argocd.set_rbac({"policy.csv": RULES, "policy.argogrant.csv": ours})
    assert installed.argocd.can_i("alice", "applications", "sync", "team-a/shop")
    installed.kubectl(*shlex.split(command)[1:])

    eventually(
        lambda: (
            not installed.argocd.can_i("alice", "applications", "sync", "team-a/shop")
        ),
        within=10,
    )
    assert installed.argocd.rbac_config_map()["data"] == {"policy.csv": RULES}
