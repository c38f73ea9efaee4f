"""Kills of the operator at random times, which leave no expired access."""

import random
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane import ControlPlane
from support import operator_process
from support.live_cluster import RULES, World, a_grant, after, eventually

KILLS = 20
SEED = 20261124


@pytest.mark.long
def test_twenty_kills_leave_no_expired_access(
    installed: ControlPlane, tmp_path: Path
) -> None:
    """Each round creates a grant, kills the operator and starts the next one."""
    chance = random.Random(SEED)
    installed.argocd.set_rbac({"policy.csv": RULES})
    world = World(installed)
    process = operator_process.start(installed, tmp_path / "operator.log")
    worst = 0.0
    for kill in range(KILLS):
        end = after(2 + chance.random() * 3)
        world.apply(a_grant(f"kill-{kill}", expiresAt=end))
        time.sleep(chance.random() * 3)
        process.kill()
        process.wait()
        process = operator_process.start(installed, tmp_path / "operator.log")
        left = (datetime.fromisoformat(end) - datetime.now(UTC)).total_seconds()
        time.sleep(max(left, 0))
        worst = max(worst, eventually(lambda: not world.may_sync(), within=30))
    print(f"worst lag after an end with a restart in between: {worst:.2f} s")
    overlay = installed.argocd.rbac_config_map()["data"].get("policy.argogrant.csv", "")
    operator_process.stop(process)
    with operator_process.running(installed, tmp_path / "operator.log"):
        installed.kubectl("-n", "argogrant", "delete", "accessgrants", "--all")

    assert "g, alice" not in overlay
