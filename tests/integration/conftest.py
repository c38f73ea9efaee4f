"""Fixtures of the tests that run the operator beside a real Argo CD."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import operators
from controlplane import ControlPlane
from world import INSTANCE, PROJECT, RULES, World


@pytest.fixture
def plane(control_plane: ControlPlane) -> ControlPlane:
    """The control plane with no RBAC text at all."""
    control_plane.argocd.set_rbac({})
    return control_plane


@pytest.fixture(scope="module")
def installed(control_plane: ControlPlane) -> ControlPlane:
    operators.install(control_plane)
    control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(PROJECT))
    control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(INSTANCE))
    return control_plane


@pytest.fixture
def world(installed: ControlPlane, tmp_path: Path) -> Iterator[World]:
    installed.argocd.set_rbac({"policy.csv": RULES})
    with operators.running(installed, tmp_path / "operator.log"):
        yield World(installed)
        installed.kubectl("-n", "argogrant", "delete", "accessgrants", "--all")


@pytest.fixture(scope="module")
def served(
    installed: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A world whose operator runs as long as the module does."""
    world = World(installed)
    with operators.serving(world, tmp_path_factory.mktemp("log") / "operator.log"):
        yield world


@pytest.fixture
def shared_world(served: World) -> World:
    """The module's world as if no other test had run in it."""
    served.reset()
    return served
