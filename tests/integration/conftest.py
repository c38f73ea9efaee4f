"""Fixtures of several integration tests."""

from collections.abc import Iterator

import pytest

from controlplane import ControlPlane
from support import admission_objects, operator_process
from support.sample_objects import delete_all
from support.two_clusters import FarPlane


@pytest.fixture(scope="module")
def checked(identity_policies: ControlPlane) -> Iterator[ControlPlane]:
    """The same, where every user can create grants and approvals."""
    with admission_objects.everybody_may_ask(identity_policies):
        yield identity_policies


@pytest.fixture(params=admission_objects.FIELDS)
def field(request: pytest.FixtureRequest) -> str:
    """Field of the requester, and field of the approver."""
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
    """Control plane with our CRDs; objects of the test are deleted after it."""
    yield installed
    delete_all(installed)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(False, id="here"),
        pytest.param(True, id="in another cluster", marks=pytest.mark.long),
    ],
)
def installed_in_either_cluster(
    request: pytest.FixtureRequest, control_plane: ControlPlane
) -> Iterator[ControlPlane]:
    """The control plane with our CRDs, and Argo CD here or in another cluster."""
    operator_process.install_with_instance(control_plane)
    if not request.param:
        yield control_plane
        return
    plane = FarPlane(control_plane, request.getfixturevalue("other_plane"))
    plane.install()
    yield plane
    plane.uninstall()
