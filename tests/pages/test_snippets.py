"""Manifests and commands of the documentation, and its answers of Argo CD."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane import ControlPlane
from controlplane.errors import KubectlFailed
from support import doc_pages
from support.live_cluster import RULES, World, a_grant, after, eventually

MANIFESTS = sorted((doc_pages.ROOT / "manifests").glob("*.yaml"))
SCOPES = {"scopes": "[groups, email]"}


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


STORIES = {
    "01-temporary-role": {"expiresAt": 3600},
    "02-project-role": {"expiresAt": 3600},
    "03-maintenance-window": {"notBefore": 12, "expiresAt": 3600},
}


@pytest.mark.parametrize("folder", sorted(STORIES))
def test_argocd_gives_the_answers_of_an_example(world: World, folder: str) -> None:
    """Before, during and after the grant."""
    world.plane.argocd.set_rbac({"policy.csv": RULES, **SCOPES})
    times = {field: after(seconds) for field, seconds in STORIES[folder].items()}
    body = doc_pages.example(folder, **times)
    before, during, later = story(doc_pages.EXAMPLES / folder / "README.md")
    name = body["spec"]["subject"]["name"]
    if "notBefore" in times:
        world.apply(body)
    assert answers(world, name, before) == before
    if "notBefore" not in times:
        world.apply(body)
    assert True in during.values(), "a grant that gives nothing is no example"
    eventually(lambda: answers(world, name, during) == during, within=40)
    world.wait_until_bound(body["metadata"]["name"])
    world.delete(body["metadata"]["name"])

    assert answers(world, name, later) == later


Answers = dict[tuple[str, ...], bool]


def story(readme: Path) -> list[Answers]:
    """Return the answers of Argo CD in an example's README, by block."""
    told = []
    for block in doc_pages.blocks_of(readme, readme.read_text()):
        if "can-i" in block.text:
            lines = block.text.splitlines()
            questions = (tuple(line.split()[4:]) for line in lines[::2])
            told.append(
                {
                    question: answer == "yes"
                    for question, answer in zip(questions, lines[1::2], strict=True)
                }
            )
    return told


def answers(world: World, subject: str, questions: Answers) -> Answers:
    """Ask Argo CD as a user with this name among the claims."""
    identity: dict[str, Any] = (
        {"claims": {"email": subject}} if "@" in subject else {"groups": [subject]}
    )
    return {
        (action, resource, thing): world.plane.argocd.can_i(
            "dave", resource, action, thing, **identity
        )
        for action, resource, thing in questions
    }


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
