"""What the operator finds when it starts, and how it can be started.

Every test here starts an operator of its own.
"""

import time
from pathlib import Path

import pytest

from controlplane import ControlPlane
from support import operator_process
from support.live_cluster import OVERLAY, RULES, World, a_grant, eventually

TWO_SWEEPS = 7.0
BINDING = "g, alice, role:deployer\n"


@pytest.fixture
def still_world(installed: ControlPlane) -> World:
    """A world in which no operator runs yet."""
    world = World(installed)
    world.reset()
    return world


def header(world: World) -> str:
    """The first line that the running instance writes."""
    uid = world.ours(
        "get", "argocdinstance", "default", "-o", "jsonpath={.metadata.uid}"
    )
    return f"# argogrant v1 argogrant/default {uid}\n"


@pytest.mark.parametrize("has_header", [True, False], ids=["with header", "without"])
def test_a_binding_left_over_is_removed_at_the_start(
    still_world: World, tmp_path: Path, *, has_header: bool
) -> None:
    """What no grant wants when the operator starts was overdue, or never granted."""
    text = (header(still_world) if has_header else "") + BINDING
    still_world.plane.argocd.set_rbac({"policy.csv": RULES, OVERLAY: text})
    assert still_world.may_sync()
    with operator_process.serving(still_world, tmp_path / "operator.log"):
        eventually(lambda: not still_world.may_sync(), within=30)

        assert still_world.may_sync("bob")


def test_a_config_map_that_was_never_there_is_not_created(
    still_world: World, tmp_path: Path
) -> None:
    """It would replace everybody's policy by ours."""
    still_world.remove_config_map()
    with operator_process.serving(still_world, tmp_path / "operator.log"):
        still_world.apply(a_grant("early"))
        eventually(
            lambda: still_world.ready("early")[1] == "ConfigMapMissing", within=30
        )
        eventually(
            lambda: still_world.instance_says()[1] == "ConfigMapMissing", within=10
        )
        time.sleep(TWO_SWEEPS)
        assert not still_world.has_config_map()
        still_world.create_config_map()

        eventually(still_world.may_sync, within=10)


def test_an_instance_that_was_deleted_before_the_start_is_cleaned(
    still_world: World, tmp_path: Path
) -> None:
    """The operator was killed while it waited for the ConfigMap."""
    log = tmp_path / "operator.log"
    with operator_process.running(still_world.plane, log):
        still_world.apply(a_grant("waiting"))
        still_world.wait_until_bound("waiting")
        backup = still_world.remove_config_map()
        eventually(
            lambda: still_world.instance_says()[1] == "ConfigMapMissing", within=10
        )
        still_world.delete_later("argocdinstance", "default")
    with operator_process.serving(still_world, log):
        time.sleep(TWO_SWEEPS)
        assert still_world.exists("argocdinstance", "default")
        still_world.apply(backup)
        eventually(
            lambda: not still_world.exists("argocdinstance", "default"), within=20
        )

        assert OVERLAY not in still_world.config_map()["data"]


def test_kopf_alone_runs_the_operator_as_well(
    still_world: World, tmp_path: Path
) -> None:
    """``kopf run -m argogrant.handlers`` grants and revokes under the same rights."""
    log = tmp_path / "operator.log"
    with operator_process.serving(still_world, log, module=operator_process.KOPF):
        still_world.apply(a_grant("plain"))
        still_world.wait_until_bound("plain")
        still_world.delete("plain")

        eventually(lambda: not still_world.may_sync(), within=10)


def test_an_operator_without_its_rights_says_which_are_missing(
    still_world: World, tmp_path: Path
) -> None:
    """It names verb, resource and remedy, and works as soon as it has the Role."""
    still_world.remove_rights()
    with operator_process.serving(still_world, tmp_path / "operator.log"):
        still_world.apply(a_grant("waiting"))
        eventually(lambda: still_world.instance_says()[1] == "Forbidden", within=30)
        eventually(lambda: "may not" in still_world.instance_says()[2], within=10)
        status, _, message = still_world.instance_says()
        eventually(
            lambda: still_world.ready("waiting")[1] == "InstanceUnavailable", within=10
        )
        still_world.restore_rights()

        eventually(still_world.may_sync, within=30)
        eventually(lambda: still_world.instance_says()[0] == "True", within=10)
    assert status == "False"
    assert "may not get, list, watch, patch configmaps/argocd-rbac-cm" in message
    assert "appprojects in namespace argocd" in message
    assert "manifests/argocd-namespace.yaml" in message
