"""Four attackers at the same time, for some seconds: what ``make test-long`` runs.

All attacks are in ``test_attacks.py``, and ``make hostile`` runs them for longer.
"""

from pathlib import Path

import pytest

from controlplane.plane import ControlPlane
from hostile.attack import attack_of
from hostile.attacks import project_admin, rbac_owner, remote_owner
from hostile.running import on_stage
from hostile.scene import Scene

ATTACKS = (
    project_admin.surrogate,
    rbac_owner.scopes,
    remote_owner.compressed,
    remote_owner.idle_connections,
)


@pytest.mark.long
def test_four_attackers_at_once_delay_no_revocation(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    """The formula is in ``hostile.verdict.limit``."""
    if not control_plane.is_ours:
        pytest.skip("a cluster that is not ours is not to be attacked")
    scene = Scene(control_plane, is_verified=False)
    with on_stage(scene, tmp_path, print, rounds=0) as stage:
        outcome = stage.run(*map(attack_of, ATTACKS), seconds=4)

    assert not outcome.violations, "\n".join(outcome.violations)
