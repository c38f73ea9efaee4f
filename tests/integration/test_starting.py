"""Start of the operator: what it finds, and how it can be started.

Every test here starts an operator of its own.
"""

import time
from pathlib import Path

import pytest

from controlplane import ControlPlane
from support import operator_process
from support.live_cluster import OVERLAY, RULES, World, a_grant, eventually

TWO_RESYNCS = 7.0
BINDING = "g, alice, role:deployer\n"


@pytest.fixture
def world(installed: ControlPlane) -> World:
    """A world without an operator."""
    world = World(installed)
    world.reset()
    return world


def header(world: World) -> str:
    """Return the first line of the managed key, as the running instance writes it."""
    uid = world.ours(
        "get", "argocdinstance", "default", "-o", "jsonpath={.metadata.uid}"
    )
    return f"# argogrant v1 argogrant/default {uid}\n"


@pytest.mark.parametrize("has_header", [True, False], ids=["with header", "without"])
def test_leftover_binding_is_removed_at_start(
    world: World, tmp_path: Path, *, has_header: bool
) -> None:
    """A binding of no grant has expired while no operator ran, or was never granted."""
    text = (header(world) if has_header else "") + BINDING
    world.plane.argocd.set_rbac({"policy.csv": RULES, OVERLAY: text})
    assert world.may_sync()
    with operator_process.serving(world, tmp_path / "operator.log"):
        eventually(lambda: not world.may_sync(), within=30)

        assert world.may_sync("bob")


def test_missing_config_map_is_not_created(world: World, tmp_path: Path) -> None:
    """A new ConfigMap would replace the whole policy of Argo CD by one key."""
    log = tmp_path / "operator.log"
    world.remove_config_map()
    with operator_process.serving(world, log, *operator_process.FREQUENT_RESYNCS):
        world.apply(a_grant("early"))
        eventually(lambda: world.ready("early")[1] == "ConfigMapMissing", within=30)
        eventually(lambda: world.instance_says()[1] == "ConfigMapMissing", within=30)
        world.wait_for_resyncs()
        assert not world.has_config_map()
        world.create_config_map()

        eventually(world.may_sync, within=30)


@pytest.mark.long
def test_instance_deleted_before_start_is_cleaned(world: World, tmp_path: Path) -> None:
    """The operator was killed while it waited for the ConfigMap."""
    log = tmp_path / "operator.log"
    with operator_process.running(world.plane, log):
        world.apply(a_grant("waiting"))
        world.wait_until_bound("waiting")
        backup = world.remove_config_map()
        eventually(lambda: world.instance_says()[1] == "ConfigMapMissing", within=30)
        world.delete_later("argocdinstance", "default")
    with operator_process.serving(world, log):
        time.sleep(TWO_RESYNCS)
        assert world.exists("argocdinstance", "default")
        world.apply(backup)
        eventually(lambda: not world.exists("argocdinstance", "default"), within=60)

        assert OVERLAY not in world.config_map()["data"]


def test_kopf_run_alone_starts_the_operator(world: World, tmp_path: Path) -> None:
    """``kopf run -m argogrant.handlers`` grants and revokes, with the same Roles."""
    log = tmp_path / "operator.log"
    with operator_process.serving(world, log, module=operator_process.KOPF):
        world.apply(a_grant("plain"))
        world.wait_until_bound("plain")
        world.delete("plain")

        eventually(lambda: not world.may_sync(), within=10)


def test_operator_without_permissions_reports_which_are_missing(
    world: World, tmp_path: Path
) -> None:
    """The message has verb, resource and Role; with the Role the operator works."""
    world.remove_rights()
    with operator_process.serving(world, tmp_path / "operator.log"):
        world.apply(a_grant("waiting"))
        eventually(lambda: world.instance_says()[1] == "Forbidden", within=30)
        eventually(lambda: "may not" in world.instance_says()[2], within=30)
        status, _, message = world.instance_says()
        eventually(
            lambda: world.ready("waiting")[1] == "InstanceUnavailable", within=30
        )
        world.restore_rights()

        eventually(world.may_sync, within=30)
        eventually(lambda: world.instance_says()[0] == "True", within=30)
    assert status == "False"
    assert "may not get, list, watch, patch configmaps/argocd-rbac-cm" in message
    assert "appprojects in namespace argocd" in message
    assert "manifests/argocd-namespace.yaml" in message
