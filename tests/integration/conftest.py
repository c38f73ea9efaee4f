"""Fixtures of the tests that run the operator beside a real Argo CD."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from argogrant.api.admission_policies import MUTATING_FILE, VALIDATING_FILE
from controlplane import ControlPlane, local
from support import admission_objects, operator_process
from support.live_cluster import RULES, World
from support.sample_objects import delete_all
from support.two_clusters import FarPlane


@pytest.fixture
def plane(control_plane: ControlPlane) -> ControlPlane:
    """The control plane with no RBAC text at all."""
    control_plane.argocd.set_rbac({})
    return control_plane


@pytest.fixture(scope="module")
def installed(control_plane: ControlPlane) -> ControlPlane:
    operator_process.install_with_instance(control_plane)
    return control_plane


@pytest.fixture(scope="session")
def other_plane(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """Another control plane, with an authority and an Argo CD of its own."""
    if not control_plane.is_ours:
        pytest.skip("the environment names one cluster only")
    with local.start() as plane:
        yield plane


@pytest.fixture(scope="module")
def far(installed: ControlPlane, other_plane: ControlPlane) -> Iterator[FarPlane]:
    """Our kinds in one cluster, Argo CD in the other."""
    plane = FarPlane(installed, other_plane)
    plane.install()
    yield plane
    plane.uninstall()


@pytest.fixture(scope="module")
def identity_policies(installed: ControlPlane) -> Iterator[ControlPlane]:
    """The API server checks and fills in who asks and who approves, in this module.

    For what has to count as verified, ``admission.wait_until_they_vouch`` first.
    """
    with admission_objects.policies(installed, VALIDATING_FILE, MUTATING_FILE):
        yield installed


@pytest.fixture(scope="module")
def checked(identity_policies: ControlPlane) -> Iterator[ControlPlane]:
    """The same, where everybody may create grants and approvals."""
    with admission_objects.everybody_may_ask(identity_policies):
        yield identity_policies


@pytest.fixture(params=admission_objects.FIELDS)
def field(request: pytest.FixtureRequest) -> str:
    """The field that says who asked, and the one that says who agreed."""
    name: str = request.param
    return name


@pytest.fixture
def alice(checked: ControlPlane) -> admission_objects.Asker:
    return admission_objects.who(checked, "alice")


@pytest.fixture
def bob(checked: ControlPlane) -> admission_objects.Asker:
    return admission_objects.who(checked, "bob")


@pytest.fixture
def emptied(installed: ControlPlane) -> Iterator[ControlPlane]:
    """The control plane with our CRDs; what a test has created is gone afterwards."""
    yield installed
    delete_all(installed)


@pytest.fixture
def world(installed: ControlPlane, tmp_path: Path) -> Iterator[World]:
    installed.argocd.set_rbac({"policy.csv": RULES})
    with operator_process.running(installed, tmp_path / "operator.log"):
        yield World(installed)
        installed.kubectl("-n", "argogrant", "delete", "accessgrants", "--all")


@pytest.fixture(scope="module")
def served(
    installed: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A world whose operator runs as long as the module does."""
    world = World(installed)
    with operator_process.serving(
        world, tmp_path_factory.mktemp("log") / "operator.log"
    ):
        yield world


@pytest.fixture
def shared_world(served: World) -> World:
    """The module's world as if no other test had run in it."""
    served.reset()
    return served
