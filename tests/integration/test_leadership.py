"""Several operators: one leads, another takes over, and two at once do no harm."""

import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

from controlplane import ControlPlane
from support import operator_process
from support.live_cluster import RULES, World, a_grant, after, eventually, seconds_until

LEASE = 3
ELECTING = ("--lease-seconds", str(LEASE))
LOST_LEASE = 3
BEFORE_THE_END = 1.2
"""Seconds; the lease of a leader killed that early outlives the end by as much."""


@pytest.fixture
def world(installed: ControlPlane) -> Iterator[World]:
    """Argo CD with its rules, and no operator yet."""
    installed.argocd.set_rbac({"policy.csv": RULES})
    installed.kubectl("-n", "argogrant", "delete", "lease", "argogrant", check=False)
    yield World(installed)
    with operator_process.running(installed, Path("/dev/null"), "--no-leader-elect"):
        installed.kubectl("-n", "argogrant", "delete", "accessgrants", "--all")


def probe(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def is_still(world: World, *, seconds: float) -> bool:
    """Tell whether nobody writes the ConfigMap or the instance for a while."""
    before = world.version(), world.instance_version()
    time.sleep(seconds)
    return (world.version(), world.instance_version()) == before


def test_a_standby_takes_over_from_a_killed_leader(
    world: World, tmp_path: Path
) -> None:
    """An end that falls into the gap comes with the next leader; the bench times it."""
    port = operator_process.free_port()
    options = (*ELECTING, "--port", str(port))
    leader = operator_process.start(world.plane, tmp_path / "0.log", *ELECTING)
    try:
        world.apply(a_grant("warm-up", subject="erin"))
        eventually(lambda: world.may_sync("erin"), within=30)
        with operator_process.running(
            world.plane, tmp_path / "1.log", *options, identity="argogrant-1"
        ):
            eventually(lambda: probe(port, "/readyz") == (200, "standby\n"), within=30)
            end = after(12)
            world.apply(a_grant("short", expiresAt=end))
            eventually(world.may_sync, within=10)
            time.sleep(max(0.0, seconds_until(end) - BEFORE_THE_END))
            leader.kill()
            time.sleep(seconds_until(end))
            assert world.may_sync()  # nobody leads at this moment
            late = eventually(lambda: not world.may_sync(), within=LEASE + 12)
            print(f"no {late:.2f} s after the end, with a lease of {LEASE} s")

            assert probe(port, "/livez") == (200, "leader\n")
    finally:
        operator_process.stop(leader)


def test_a_leader_that_stops_politely_is_followed_at_once(
    world: World, tmp_path: Path
) -> None:
    """It gives its lease back, so nobody waits until the lease has run out."""
    port = operator_process.free_port()
    long = ("--lease-seconds", "60")
    leader = operator_process.start(world.plane, tmp_path / "0.log", *long)
    try:
        world.apply(a_grant("kept"))
        eventually(world.may_sync, within=30)
        options = (*long, "--port", str(port))
        with operator_process.running(
            world.plane, tmp_path / "1.log", *options, identity="argogrant-1"
        ):
            eventually(lambda: probe(port, "/readyz")[1] == "standby\n", within=30)
            operator_process.stop(leader)

            eventually(lambda: probe(port, "/livez")[1] == "leader\n", within=30)
            world.delete("kept")
            eventually(lambda: not world.may_sync(), within=10)
    finally:
        operator_process.stop(leader)


def test_a_leader_that_hung_longer_than_its_lease_ends(
    world: World, tmp_path: Path
) -> None:
    """Frozen, overtaken and thawed, it ends instead of being a second leader."""
    frozen = operator_process.start(world.plane, tmp_path / "0.log", *ELECTING)
    try:
        world.apply(a_grant("steady"))
        eventually(world.may_sync, within=30)
        frozen.send_signal(signal.SIGSTOP)
        port = operator_process.free_port()
        options = (*ELECTING, "--port", str(port))
        with operator_process.running(
            world.plane, tmp_path / "1.log", *options, identity="argogrant-1"
        ):
            eventually(lambda: probe(port, "/livez")[1] == "leader\n", within=30)
            frozen.send_signal(signal.SIGCONT)

            assert frozen.wait(10) == LOST_LEASE
            assert world.may_sync()
    finally:
        frozen.send_signal(signal.SIGCONT)
        operator_process.stop(frozen)


def test_two_leaders_by_accident_are_harmless(world: World, tmp_path: Path) -> None:
    """Without an election both write the same: nothing flaps, ends are kept."""
    alone = "--no-leader-elect"
    with (
        operator_process.running(world.plane, tmp_path / "0.log", alone),
        operator_process.running(
            world.plane, tmp_path / "1.log", alone, identity="other"
        ),
    ):
        world.apply(a_grant("both"))
        world.apply(a_grant("short", subject="carol", expiresAt=after(20)))
        eventually(world.may_sync, within=30)
        eventually(lambda: world.ready("both")[1] == "Bound", within=10)
        eventually(lambda: not world.may_sync("carol"), within=30)
        eventually(lambda: world.ready("short")[1] == "Expired", within=10)
        eventually(lambda: is_still(world, seconds=3), within=30)
        assert is_still(world, seconds=7)
        world.delete("both")

        eventually(lambda: not world.may_sync(), within=10)
