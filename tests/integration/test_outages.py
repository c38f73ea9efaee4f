"""Outages of the API server, after which overdue grants end soon.

argocd-server's own watch may need some ten seconds to come back, so what is timed here
is the ConfigMap, and Argo CD is asked generously.
"""

import contextlib
import time
from collections.abc import Iterator

import pytest

from controlplane import ControlPlane
from support import operator_process
from support.live_cluster import (
    World,
    a_grant,
    after,
    eventually,
    seconds_until,
    sleep_until,
)

pytestmark = pytest.mark.long

API_SERVER = "kube-apiserver"
ARGOCD_COMES_BACK = 60
BEFORE_THE_END = 2
"""Seconds that the outage lasts already when the grant ends."""
LEASE_SECONDS = 90
"""Longer than any outage here, including the start of the API server: an operator that
has lost its lease exits, and no kubelet restarts it."""


@pytest.fixture(scope="module")
def served(
    installed: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A world whose operator leads through every outage."""
    world, log = World(installed), tmp_path_factory.mktemp("log") / "operator.log"
    with operator_process.serving(world, log, "--lease-seconds", str(LEASE_SECONDS)):
        yield world


@contextlib.contextmanager
def stopped(world: World) -> Iterator[None]:
    """Kill the API server for the length of a block."""
    world.plane.stop(API_SERVER)
    try:
        yield
    finally:
        world.plane.start(API_SERVER)


@contextlib.contextmanager
def frozen(world: World) -> Iterator[None]:
    """Let the API server keep its connections without answering on them."""
    world.plane.pause(API_SERVER)
    try:
        yield
    finally:
        world.plane.resume(API_SERVER)


@pytest.mark.parametrize("away", [stopped, frozen])
def test_grant_that_expires_during_an_outage_is_revoked_after_it(
    world: World, away
) -> None:
    """The line is removed within seconds, and new grants are bound."""
    if not world.plane.is_ours:
        pytest.skip("the API server of a named cluster is not ours to stop")
    end = after(30)
    world.apply(a_grant("short", expiresAt=end), a_grant("long", subject="erin"))
    eventually(world.may_sync, within=15)
    eventually(lambda: world.ready("short")[1] == "Bound", within=10)
    time.sleep(max(seconds_until(end) - BEFORE_THE_END, 0))
    with away(world):
        sleep_until(end)
        time.sleep(1)
        assert world.may_sync()  # Argo CD has not received the change
    took = eventually(lambda: "alice" not in world.overlay(), within=30)
    refused = eventually(lambda: not world.may_sync(), within=ARGOCD_COMES_BACK)
    print(f"removed {took:.1f} s, refused {took + refused:.1f} s after the outage")

    assert world.may_sync("erin")
    eventually(lambda: world.ready("short")[1] == "Expired", within=30)
    world.apply(a_grant("next", subject="carol"))
    eventually(lambda: world.may_sync("carol"), within=ARGOCD_COMES_BACK)
    world.delete("long", "next")
    eventually(lambda: not world.may_sync("erin"), within=10)
