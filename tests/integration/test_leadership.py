"""Several replicas: one leads, another takes over, and two leaders do no harm."""

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
BEFORE_EXPIRY = 1.2
"""Seconds from the kill to the expiry, which falls into the time without a leader."""


@pytest.fixture
def world(installed: ControlPlane) -> Iterator[World]:
    """Argo CD with a policy, and no operator yet."""
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


def is_unchanged(world: World, *, seconds: float) -> bool:
    """Return whether ConfigMap and instance stay unchanged for some seconds."""
    before = world.version(), world.instance_version()
    time.sleep(seconds)
    return (world.version(), world.instance_version()) == before


@pytest.mark.long
def test_standby_takes_over_from_a_killed_leader(world: World, tmp_path: Path) -> None:
    """The next leader revokes what has expired; `make bench` measures the time."""
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
            time.sleep(max(0.0, seconds_until(end) - BEFORE_EXPIRY))
            leader.kill()
            time.sleep(seconds_until(end))
            # No replica leads at this moment.
            assert world.may_sync()
            delay = eventually(lambda: not world.may_sync(), within=LEASE + 12)
            print(f"revoked {delay:.2f} s after the expiry, with a lease of {LEASE} s")

            assert probe(port, "/livez") == (200, "leader\n")
    finally:
        operator_process.stop(leader)


@pytest.mark.long
def test_released_lease_is_acquired_at_once(world: World, tmp_path: Path) -> None:
    """A leader that stops releases its Lease; the standby does not wait longer."""
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


@pytest.mark.long
def test_leader_suspended_longer_than_its_lease_exits(
    world: World, tmp_path: Path
) -> None:
    """When it continues, another replica leads already."""
    suspended = operator_process.start(world.plane, tmp_path / "0.log", *ELECTING)
    try:
        world.apply(a_grant("steady"))
        eventually(world.may_sync, within=30)
        suspended.send_signal(signal.SIGSTOP)
        port = operator_process.free_port()
        options = (*ELECTING, "--port", str(port))
        with operator_process.running(
            world.plane, tmp_path / "1.log", *options, identity="argogrant-1"
        ):
            eventually(lambda: probe(port, "/livez")[1] == "leader\n", within=30)
            suspended.send_signal(signal.SIGCONT)

            assert suspended.wait(10) == LOST_LEASE
            assert world.may_sync()
    finally:
        suspended.send_signal(signal.SIGCONT)
        operator_process.stop(suspended)


@pytest.mark.long
def test_two_leaders_without_election_are_harmless(
    world: World, tmp_path: Path
) -> None:
    """Both write the same: nothing flaps, and grants expire on time."""
    alone = "--no-leader-elect"
    with (
        operator_process.running(world.plane, tmp_path / "0.log", alone),
        operator_process.running(
            world.plane, tmp_path / "1.log", alone, identity="other"
        ),
    ):
        world.apply(a_grant("both"))
        world.apply(a_grant("short", subject="carol", expiresAt=after(25)))
        eventually(lambda: world.may_sync("carol"), within=20)
        eventually(world.may_sync, within=30)
        eventually(lambda: world.ready("both")[1] == "Bound", within=10)
        eventually(lambda: not world.may_sync("carol"), within=30)
        eventually(lambda: world.ready("short")[1] == "Expired", within=20)
        eventually(lambda: is_unchanged(world, seconds=3), within=30)
        assert is_unchanged(world, seconds=7)
        world.delete("both")

        eventually(lambda: not world.may_sync(), within=10)
