"""Kills of the operator and deletion of its instance, with Argo CD in both clusters."""

from pathlib import Path

import pytest

from controlplane import ControlPlane
from support import operator_process
from support.live_cluster import (
    INSTANCE,
    RULES,
    World,
    a_grant,
    after,
    eventually,
    sleep_until,
)


@pytest.fixture(scope="module")
def installed(installed_in_either_cluster: ControlPlane) -> ControlPlane:
    return installed_in_either_cluster


@pytest.mark.long
def test_access_of_a_grant_that_ended_without_operator_is_revoked_at_the_next_start(
    installed: ControlPlane, tmp_path: Path
) -> None:
    installed.argocd.set_rbac({"policy.csv": RULES})
    world = World(installed)
    process = operator_process.start(installed, tmp_path / "operator.log")
    world.apply(a_grant("warm-up", subject="erin"))
    eventually(lambda: world.may_sync("erin"), within=30)
    end = after(25)
    world.apply(a_grant("orphan", expiresAt=end))
    eventually(world.may_sync, within=20)
    process.kill()
    process.wait()
    sleep_until(end)
    assert world.may_sync()
    with operator_process.running(installed, tmp_path / "operator.log"):
        eventually(lambda: not world.may_sync(), within=30)
        installed.kubectl("-n", "argogrant", "delete", "accessgrants", "--all")


def test_deleted_instance_removes_its_bindings(
    installed: ControlPlane, tmp_path: Path
) -> None:
    """The ConfigMap has no key of argogrant, and the grant names the cause."""
    installed.argocd.set_rbac({"policy.csv": RULES})
    world = World(installed)
    with operator_process.running(installed, tmp_path / "operator.log"):
        world.apply(a_grant("left"))
        eventually(world.may_sync, within=30)
        installed.kubectl("-n", "argogrant", "delete", "argocdinstance", "default")

        eventually(lambda: not world.may_sync(), within=10)
        assert installed.argocd.rbac_config_map()["data"] == {"policy.csv": RULES}
        eventually(lambda: world.ready("left")[1] == "InstanceNotFound", within=30)
        world.apply(INSTANCE)
        eventually(world.may_sync, within=30)
        installed.kubectl("-n", "argogrant", "delete", "accessgrants", "--all")
