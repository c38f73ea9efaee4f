"""Fixtures shared by every test that needs real parts."""

from collections.abc import Iterator

import pytest

import controlplane


@pytest.fixture(scope="session")
def control_plane() -> Iterator[controlplane.ControlPlane]:
    """One control plane for the whole run."""
    with controlplane.start() as plane:
        yield plane
