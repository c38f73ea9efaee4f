"""The tutorial, played from its first to its last line on a control plane."""

from pathlib import Path

import pytest

from controlplane import ControlPlane
from support import doc_player, tutorial_player


@pytest.mark.timeout(900)  # kinds that admission has to learn, and a grant's whole life
def test_commands_of_the_tutorial_print_what_it_shows(
    other_plane: ControlPlane, tmp_path: Path
) -> None:
    """If this fails, fix the cause, or run `make tutorial` to write the new output."""
    with tutorial_player.reader(other_plane, tmp_path) as reader:
        reader.play(tutorial_player.PAGE)

    assert sorted(other_plane.argocd.rbac_config_map()["data"]) == [
        "policy.tutorial.csv",
        "scopes",
    ]


def test_tutorial_shows_argocd_refusing_allowing_and_refusing() -> None:
    """Alice is refused until her request is approved, and again after the end."""
    answers = [
        line.answer.strip()
        for line in doc_player.lines_of(tutorial_player.PAGE)
        if "can-i" in line.command
    ]

    assert answers == ["no", "no", "yes", "no"]
