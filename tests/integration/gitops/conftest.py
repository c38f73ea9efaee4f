"""Cluster in which Argo CD's own controllers apply commits."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane import ControlPlane, gitops
from support.git_repository import Application, Repository
from support.live_cluster import World

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.fixture(scope="package", autouse=True)
def controllers(control_plane: ControlPlane) -> Iterator[None]:
    """Argo CD's repo-server and application controller."""
    patch = str(ROOT / "argocd/argocd-cm-patch.yaml")
    gitops.start(control_plane)
    control_plane.kubectl(
        *("-n", "argocd", "patch", "configmap", "argocd-cm", "--patch-file", patch)
    )
    yield
    gitops.stop(control_plane)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def application(world: World, tmp_path: Path) -> Iterator[Application]:
    """Application with a unique name, because Argo CD caches its state by name."""
    one = Application(world, tmp_path.name.replace("_", "-").lower())
    yield one
    one.delete()
