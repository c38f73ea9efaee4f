"""How-to pages, played line by line, with argocd-server as the judge of access.

Each command of a page runs as the person who types it, with the manifests of
``examples/`` and their permissions, and must print what the page shows. Only the times
are shorter. A page about one existing grant starts after its example is installed.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from controlplane import ControlPlane
from support import doc_pages, doc_player, live_policies
from support.live_cluster import RULES, after
from support.live_policies import ClusterWithPolicies

HOW_TO = doc_pages.ROOT / "docs/how-to"
FLOWS = {
    "self-service": "04-one-approver",
    "on-call": "05-on-call",
    "maintenance-window": "06-two-approvers",
    "grants-from-git": "07-from-git",
    "break-glass": "08-break-glass",
}
"""The example of each page that covers a flow from its set-up to its end."""
EXISTING = {
    "approve": ("04-one-approver", "alice"),
    "change-a-grant": ("05-on-call", "dana"),
}
"""By page: the example that is installed before, and the requester of its grant."""
SCOPES = {"scopes": "[groups, email]"}
BRIEF = "20s"
TIMES = {
    "self-service": {"grant.yaml": lambda: {"duration": BRIEF}},
    "on-call": {},
    "maintenance-window": {
        "grant.yaml": lambda: {"notBefore": after(30), "expiresAt": after(45)}
    },
    "grants-from-git": {},
    "break-glass": {"grant.yaml": lambda: {"duration": BRIEF}},
}
CONTROLLER = "argocd-application-controller"
TRACKING = "argocd.argoproj.io/tracking-id"


@pytest.fixture(scope="module")
def served(
    identity_policies: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterWithPolicies]:
    log = tmp_path_factory.mktemp("pages") / "operator.log"
    with live_policies.cluster_with_operator(identity_policies, log) as world:
        yield world


@pytest.fixture
def world(served: ClusterWithPolicies) -> Iterator[ClusterWithPolicies]:
    """A cluster in which only the page grants permissions."""
    served.clean_up()
    served.plane.argocd.set_rbac({"policy.csv": RULES, **SCOPES})
    live_policies.delete_role_bindings(served.plane)
    yield served
    served.clean_up()
    live_policies.delete_role_bindings(served.plane)


def sync(world: ClusterWithPolicies, copies: Path) -> None:
    """Apply the grants in Git as Argo CD does, with its account and field manager.

    The permissions are those of the page. The application controller itself applies
    grants in ``tests/integration/gitops``.
    """
    account = ("-n", "argocd", "create", "serviceaccount", CONTROLLER)
    world.plane.kubectl(*account, check=False)
    config = world.plane.service_account_kubeconfig("argocd", CONTROLLER)
    for name in ("grant", "too-much"):
        path = doc_pages.EXAMPLES / FLOWS["grants-from-git"] / f"{name}.yaml"
        body = yaml.safe_load(path.read_text())
        body["metadata"]["annotations"] = {TRACKING: f"access:{name}"}
        body["spec"]["expiresAt"] = after(25)  # a busy machine needs ten of them
        (copies / f"{name}.yaml").write_text(json.dumps(body))
        world.plane.kubectl(
            *("apply", "--server-side", "--field-manager=argocd-controller"),
            *("-f", str(copies / f"{name}.yaml"), f"--kubeconfig={config}"),
        )


def player_with_grant(
    world: ClusterWithPolicies, copies: Path, page: str
) -> doc_player.Player:
    """Install the example of a page, and create its grant as the requester."""
    player = doc_player.Player(world, copies)
    example, requester = EXISTING[page]
    folder = f"examples/{example}"
    files = ("examples/roles.yaml", f"{folder}/people.yaml")
    for file in (*files, f"{folder}/access-policy.yaml"):
        player.typed("admin", f"kubectl apply -f {file}")
    player.typed(requester, f"kubectl create -f {folder}/grant.yaml")
    return player


@pytest.mark.parametrize("flow", FLOWS)
def test_commands_of_a_flow_print_what_its_page_shows(
    world: ClusterWithPolicies, tmp_path: Path, flow: str
) -> None:
    player = doc_player.Player(
        world, tmp_path, times=TIMES[flow], sync=lambda: sync(world, tmp_path)
    )
    player.play(HOW_TO / f"{flow}.md")


@pytest.mark.parametrize("page", EXISTING)
def test_commands_for_an_existing_grant_print_what_its_page_shows(
    world: ClusterWithPolicies, tmp_path: Path, page: str
) -> None:
    player_with_grant(world, tmp_path, page).play(HOW_TO / f"{page}.md")


@pytest.mark.parametrize("flow", FLOWS)
def test_page_of_a_flow_shows_every_file_of_its_example(flow: str) -> None:
    """The page and the file are equal to the byte."""
    page = HOW_TO / f"{flow}.md"
    shown = {block.text for block in doc_pages.blocks_of(page, page.read_text())}
    files = (doc_pages.EXAMPLES / FLOWS[flow]).glob("*.yaml")

    assert [file.name for file in files if file.read_text() not in shown] == []


@pytest.mark.parametrize("page", EXISTING)
def test_page_for_an_existing_grant_shows_files_of_its_example_only(page: str) -> None:
    """The page and the file are equal to the byte."""
    path = HOW_TO / f"{page}.md"
    files = (doc_pages.EXAMPLES / EXISTING[page][0]).glob("*.yaml")
    texts = {file.read_text() for file in files}
    shown = [
        b for b in doc_pages.blocks_of(path, path.read_text()) if b.language == "yaml"
    ]

    assert shown
    assert [block.place for block in shown if block.text not in texts] == []


@pytest.mark.parametrize("flow", FLOWS)
def test_page_of_a_flow_shows_argocd_refusing_allowing_and_refusing(flow: str) -> None:
    answers = [
        line.answer.strip()
        for line in doc_player.lines_of(HOW_TO / f"{flow}.md")
        if "can-i" in line.command and "platform" not in line.command
    ]

    assert answers[0] == answers[-1] == "no"
    assert "yes" in answers
