"""Answers of Argo CD in the READMEs of the examples, compared with argocd-server."""

from pathlib import Path
from typing import Any

import pytest

from support import doc_pages
from support.live_cluster import RULES, World, after, eventually

SCOPES = {"scopes": "[groups, email]"}
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

    eventually(lambda: answers(world, name, later) == later, within=10)


Answers = dict[tuple[str, ...], bool]


def story(readme: Path) -> list[Answers]:
    """Return the answers of Argo CD in an example's README, by block."""
    found = []
    for block in doc_pages.blocks_of(readme, readme.read_text()):
        if "can-i" in block.text:
            lines = block.text.splitlines()
            questions = (tuple(line.split()[4:]) for line in lines[::2])
            found.append(
                {
                    question: answer == "yes"
                    for question, answer in zip(questions, lines[1::2], strict=True)
                }
            )
    return found


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
