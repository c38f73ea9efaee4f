"""Fixtures of every test that needs a control plane or the operator's process."""

import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

import controlplane
from argogrant.api.admission_policies import MUTATING_FILE, VALIDATING_FILE
from controlplane import ControlPlane, local
from support import admission_objects, bound_process, operator_process
from support.live_cluster import World
from support.two_clusters import FarPlane

ROOT = Path(__file__).parent.parent
TWO_PLANES = "two control planes"
"""Group of the tests that need a second control plane."""
ANOTHER_CLUSTER = "in another cluster"
"""Id of a parameter for which Argo CD is on the second control plane."""

MOSTLY_WAITING = {
    *("test_kills", "test_token_rotation", "test_retention", "test_audit"),
    *("test_restarts", "test_leadership", "test_chart_application"),
    *("test_argocd_from_git", "test_grants_from_git", "test_projects_from_git"),
}
"""Modules that take about a minute, most of which they wait."""
LAST_START = 2 / 3
"""Fraction of the other modules before the last of the long ones starts."""

hypothesis.settings.register_profile("gate", derandomize=True, deadline=None)
hypothesis.settings.register_profile("search", max_examples=2000, deadline=None)
hypothesis.settings.load_profile("gate")  # --hypothesis-profile=search tries at random


def pytest_configure(config: pytest.Config) -> None:
    """Let a worker die with the run that it works for, whatever it is doing."""
    if hasattr(config, "workerinput"):
        bound_process.die_with(os.getppid())


class ControlPlaneScheduling(LoadFileScheduling):
    """Keeps a module in one worker, and tests with two control planes in another.

    Only one worker then starts a second control plane. ``--dist loadgroup`` has no
    effect with pytest 9.2, because xdist 3.8 cannot change the id of a test.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = super()._split_scope(nodeid)
        return TWO_PLANES if needs_two_planes(nodeid, module) else module


@functools.cache
def names_second_plane(module: str) -> bool:
    """Return whether a module names a fixture or class of a second control plane."""
    text = (ROOT / module).read_text("utf-8")
    return re.search(r"\b(other_plane|FarPlane)\b", text) is not None


def needs_two_planes(nodeid: str, module: str) -> bool:
    return f"[{ANOTHER_CLUSTER}" in nodeid or names_second_plane(module)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(
    config: pytest.Config, log: Any
) -> LoadFileScheduling | None:
    if config.getvalue("dist") != "loadfile":
        return None
    return ControlPlaneScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the modules so that the workers wait and compute at the same time.

    The tests with two control planes come first. The long modules, which mostly wait,
    are spread over the first two thirds: together they would leave the processors idle,
    and at the end one worker would still wait for the last of them.
    """
    modules = list(dict.fromkeys(map(_module_of, items)))
    long = [one for one in modules if Path(one).stem in MOSTLY_WAITING]
    others = [one for one in modules if one not in long]
    start = {one: index / len(others) for index, one in enumerate(others)}
    start |= {one: LAST_START * k / len(long) for k, one in enumerate(long)}
    items.sort(
        key=lambda item: (
            not needs_two_planes(item.nodeid, _module_of(item)),
            start[_module_of(item)],
        )
    )


def _module_of(item: pytest.Item) -> str:
    return item.nodeid.split("::")[0]


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """One control plane for the whole run."""
    with controlplane.start() as plane:
        yield plane


@pytest.fixture
def plane(control_plane: ControlPlane) -> ControlPlane:
    """The control plane with no RBAC policy at all."""
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
def served(
    installed: ControlPlane,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[World]:
    """The operator, started once for the tests of a module that leave it running.

    A module can set ``OPERATOR_OPTIONS``.
    """
    world = World(installed)
    log = tmp_path_factory.mktemp("log") / "operator.log"
    options = getattr(request.module, "OPERATOR_OPTIONS", ())
    with operator_process.serving(world, log, *options):
        yield world


@pytest.fixture
def world(served: World) -> World:
    """The operator of the module, without grants and with the usual roles."""
    served.reset()
    return served
