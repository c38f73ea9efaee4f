"""The how-to pages of the flows, typed line by line, with argocd-server as the judge.

Every command of such a page is run as the person who types it there, with the
manifests of ``examples/`` and the rights that they give, and has to be answered as the
page says. What differs are times: nobody waits for hours here.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from controlplane import ControlPlane
from support import approval_flow, doc_pages, doc_player
from support.approval_flow import ClosedWorld
from support.live_cluster import RULES, after

HOW_TO = doc_pages.ROOT / "docs/how-to"
FLOWS = {
    "self-service": "04-one-approver",
    "on-call": "05-on-call",
    "maintenance-window": "06-two-approvers",
    "grants-from-git": "07-from-git",
    "break-glass": "08-break-glass",
}
SCOPES = {"scopes": "[groups, email]"}
BRIEF = "15s"
TIMES = {
    "self-service": {"grant.yaml": lambda: {"duration": BRIEF}},
    "on-call": {},
    "maintenance-window": {
        "grant.yaml": lambda: {"notBefore": after(25), "expiresAt": after(35)}
    },
    "grants-from-git": {},
    "break-glass": {"grant.yaml": lambda: {"duration": BRIEF}},
}
CONTROLLER = "argocd-application-controller"
TRACKING = "argocd.argoproj.io/tracking-id"


@pytest.fixture(scope="module")
def served(
    identity_policies: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClosedWorld]:
    log = tmp_path_factory.mktemp("flows") / "operator.log"
    with approval_flow.served_world(identity_policies, log) as world:
        yield world


@pytest.fixture
def world(served: ClosedWorld) -> ClosedWorld:
    """Only the pages give rights here."""
    served.clear()
    served.plane.argocd.set_rbac({"policy.csv": RULES, **SCOPES})
    approval_flow.remove_rights(served.plane)
    return served


def sync(world: ClosedWorld, copies: Path) -> None:
    """Do what Argo CD does with the grants in Git: a server-side apply as its account.

    Its account, its field manager, its annotation and the rights of the page are real;
    the controller itself applies grants in ``gitops/``.
    """
    account = ("-n", "argocd", "create", "serviceaccount", CONTROLLER)
    world.plane.kubectl(*account, check=False)
    config = world.plane.service_account_kubeconfig("argocd", CONTROLLER)
    for name in ("grant", "too-much"):
        path = doc_pages.EXAMPLES / FLOWS["grants-from-git"] / f"{name}.yaml"
        body = yaml.safe_load(path.read_text())
        body["metadata"]["annotations"] = {TRACKING: f"access:{name}"}
        body["spec"]["expiresAt"] = after(20)  # a busy machine needs ten of them
        (copies / f"{name}.yaml").write_text(json.dumps(body))
        world.plane.kubectl(
            *("apply", "--server-side", "--field-manager=argocd-controller"),
            *("-f", str(copies / f"{name}.yaml"), f"--kubeconfig={config}"),
        )


@pytest.mark.parametrize("flow", FLOWS)
def test_a_page_tells_what_happens(
    world: ClosedWorld, tmp_path: Path, flow: str
) -> None:
    player = doc_player.Player(
        world, tmp_path, times=TIMES[flow], sync=lambda: sync(world, tmp_path)
    )
    player.play(HOW_TO / f"{flow}.md")


@pytest.mark.parametrize("flow", FLOWS)
def test_a_page_shows_the_files_that_it_uses(flow: str) -> None:
    """To the byte, and all of them."""
    page = HOW_TO / f"{flow}.md"
    shown = {block.text for block in doc_pages.blocks_of(page, page.read_text())}
    files = (doc_pages.EXAMPLES / FLOWS[flow]).glob("*.yaml")

    assert [file.name for file in files if file.read_text() not in shown] == []


@pytest.mark.parametrize("flow", FLOWS)
def test_a_page_is_judged_before_during_and_after(flow: str) -> None:
    """Somebody asks Argo CD, is allowed, and is refused again in the end."""
    answers = [
        line.answer.strip()
        for line in doc_player.lines_of(HOW_TO / f"{flow}.md")
        if "can-i" in line.command and "platform" not in line.command
    ]

    assert answers[0] == answers[-1] == "no"
    assert "yes" in answers
