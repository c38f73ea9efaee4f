"""Fixtures shared by every test that needs real parts."""

import os
from collections.abc import Iterator

import hypothesis
import pytest

import controlplane
from support import bound_process

hypothesis.settings.register_profile("gate", derandomize=True, deadline=None)
hypothesis.settings.register_profile("search", max_examples=2000, deadline=None)
hypothesis.settings.load_profile("gate")  # --hypothesis-profile=search tries at random


def pytest_configure(config: pytest.Config) -> None:
    """Let a worker die with the run that it works for, whatever it is doing."""
    if hasattr(config, "workerinput"):
        bound_process.die_with(os.getppid())


@pytest.fixture(scope="session")
def control_plane() -> Iterator[controlplane.ControlPlane]:
    """One control plane for the whole run."""
    with controlplane.start() as plane:
        yield plane
