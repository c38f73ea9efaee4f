"""The how-to pages for one grant that is there already, typed line by line.

They begin where a flow has come to; ``test_flows`` plays flows from their beginning.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane import ControlPlane
from support import approval_flow, doc_pages, doc_player
from support.approval_flow import ClosedWorld
from support.live_cluster import RULES

HOW_TO = doc_pages.ROOT / "docs/how-to"
BEFORE = {
    "approve": ("04-one-approver", "alice"),
    "change-a-grant": ("05-on-call", "dana"),
}
"""By page: the example whose set-up and grant are there before, and who has asked."""
SCOPES = {"scopes": "[groups, email]"}


@pytest.fixture(scope="module")
def served(
    identity_policies: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClosedWorld]:
    log = tmp_path_factory.mktemp("pages") / "operator.log"
    with approval_flow.served_world(identity_policies, log) as world:
        yield world


@pytest.fixture
def world(served: ClosedWorld) -> Iterator[ClosedWorld]:
    """Only the example gives rights here."""
    served.clear()
    served.plane.argocd.set_rbac({"policy.csv": RULES, **SCOPES})
    approval_flow.remove_rights(served.plane)
    yield served
    served.clear()
    approval_flow.remove_rights(served.plane)


def prepared(world: ClosedWorld, copies: Path, page: str) -> doc_player.Player:
    """Somebody has set up an example, and somebody has asked."""
    player = doc_player.Player(world, copies)
    example, asker = BEFORE[page]
    folder = f"examples/{example}"
    files = ("examples/roles.yaml", f"{folder}/people.yaml")
    for file in (*files, f"{folder}/access-policy.yaml"):
        player.typed("admin", f"kubectl apply -f {file}")
    player.typed(asker, f"kubectl create -f {folder}/grant.yaml")
    return player


@pytest.mark.parametrize("page", BEFORE)
def test_a_page_tells_what_happens(
    world: ClosedWorld, tmp_path: Path, page: str
) -> None:
    prepared(world, tmp_path, page).play(HOW_TO / f"{page}.md")


@pytest.mark.parametrize("page", BEFORE)
def test_what_a_page_shows_of_an_example_is_its_file(page: str) -> None:
    """To the byte, so that what people copy is what was tried."""
    path = HOW_TO / f"{page}.md"
    files = (doc_pages.EXAMPLES / BEFORE[page][0]).glob("*.yaml")
    texts = {file.read_text() for file in files}
    shown = [
        b for b in doc_pages.blocks_of(path, path.read_text()) if b.language == "yaml"
    ]

    assert shown
    assert [block.place for block in shown if block.text not in texts] == []
