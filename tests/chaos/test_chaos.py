"""Random operations and faults, after which argocd-server allows no ended access.

This is the short run. ``make chaos`` runs for longer, with many seeds.
"""

from pathlib import Path

import pytest

from chaos.operations import Operation, generate, load
from chaos.running import prepare, run
from controlplane import ControlPlane

SEED = 20261124
LENGTH = 36
pytestmark = pytest.mark.long

STORIES = sorted((Path(__file__).parent / "stories").glob("*.jsonl"))


@pytest.mark.timeout(600)
def test_no_access_outlives_its_end_whatever_happens(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    """One script with a fixed seed."""
    if not control_plane.is_ours:
        pytest.skip("an API server that is not ours is not to be stopped")
    prepare(control_plane)
    script: list[Operation] = generate(SEED, LENGTH)
    outcome = run(script, control_plane, tmp_path, seed=SEED, say=print)
    print(outcome.operations, outcome.faults, dict(outcome.findings.worst))

    assert not outcome.violations, "\n".join([*outcome.violations, outcome.log])
    assert outcome.quiets == 4


@pytest.mark.timeout(600)
@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_a_story_ends_well(
    control_plane: ControlPlane, tmp_path: Path, story: Path
) -> None:
    """Short scripts about one earlier or likely problem."""
    if not control_plane.is_ours:
        pytest.skip("an API server that is not ours is not to be stopped")
    prepare(control_plane)
    outcome = run(load(story), control_plane, tmp_path, say=print)

    assert not outcome.violations, "\n".join([*outcome.violations, outcome.log])
