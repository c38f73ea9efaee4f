"""The tutorial, typed from its first line to its last on a control plane."""

from pathlib import Path

import pytest

from controlplane import ControlPlane
from support import doc_player, tutorial_player


@pytest.mark.timeout(900)  # kinds that admission has to learn, and a grant's whole life
def test_the_tutorial_shows_what_is_seen(
    other_plane: ControlPlane, tmp_path: Path
) -> None:
    """If it differs, look why; `make tutorial` writes what is seen into the page."""
    with tutorial_player.reader(other_plane, tmp_path) as reader:
        reader.play(tutorial_player.PAGE)

    assert sorted(other_plane.argocd.rbac_config_map()["data"]) == [
        "policy.tutorial.csv",
        "scopes",
    ]


def test_the_tutorial_is_judged_before_during_and_after() -> None:
    """Alice is refused, asks, is still refused, is allowed, and is refused again."""
    answers = [
        line.answer.strip()
        for line in doc_player.lines_of(tutorial_player.PAGE)
        if "can-i" in line.command
    ]

    assert answers == ["no", "no", "yes", "no"]
