"""Clock changes under a running operator, which delay no expiry."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane import ControlPlane
from support import operator_process
from support.live_cluster import RULES, World, a_grant, after, eventually, seconds_until

SCRIPT = operator_process.ROOT / "tests/support/operator_with_fake_clock.py"


def step(offset: Path, seconds: int) -> None:
    """Step the clock; the operator reads the whole file at every moment."""
    written = offset.with_suffix(".new")
    written.write_text(str(seconds))
    written.replace(offset)


@pytest.fixture
def offset(installed: ControlPlane, tmp_path: Path) -> Iterator[Path]:
    """A running operator's clock: the file says how many seconds it is wrong."""
    installed.argocd.set_rbac({"policy.csv": RULES})
    file = tmp_path / "offset"
    step(file, 0)
    kubeconfig = installed.service_account_kubeconfig("argogrant", "argogrant")
    with (tmp_path / "operator.log").open("wb") as log:
        process = subprocess.Popen(
            [*operator_process.bound(), sys.executable, str(SCRIPT), str(file)],
            env={**os.environ, "KUBECONFIG": str(kubeconfig)},
            stdout=log,
            stderr=log,
        )
    yield file
    installed.kubectl("-n", "argogrant", "delete", "accessgrants", "--all")
    operator_process.stop(process)


@pytest.mark.long
def test_clock_set_back_delays_no_expiry(installed: ControlPlane, offset: Path) -> None:
    """The clock is a minute slow; the operator uses that of the API server."""
    world = World(installed)
    world.apply(a_grant("warm-up", subject="erin"))
    eventually(lambda: world.may_sync("erin"), within=30)
    end = after(20)
    world.apply(a_grant("short", expiresAt=end))
    eventually(world.may_sync, within=18)
    step(offset, -60)
    time.sleep(seconds_until(end))
    late = eventually(lambda: not world.may_sync(), within=10)
    print(f"no {late:.2f} s after the end, with a clock that is a minute behind")

    eventually(
        lambda: world.instance_says("ClockInSync")[1] == "ClockSkewed", within=30
    )
    assert "behind" in world.instance_says("ClockInSync")[2]


def test_clock_set_forward_revokes_early_and_recovers(
    installed: ControlPlane, offset: Path
) -> None:
    """Access ends by the own clock, and returns when the clock is right."""
    world = World(installed)
    world.apply(a_grant("long", duration="10m"))
    eventually(world.may_sync, within=30)
    step(offset, 3600)
    eventually(lambda: not world.may_sync(), within=10)
    world.apply(a_grant("late"))
    eventually(lambda: "ahead" in world.instance_says("ClockInSync")[2], within=30)
    step(offset, 0)

    eventually(world.may_sync, within=30)
