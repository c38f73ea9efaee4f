"""Operator outside the cluster, whose credential comes from an exec plugin.

argocd-server says when access begins and ends.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane import ControlPlane
from support import operator_process
from support.failing_plugin import NAME, Plugin
from support.live_cluster import (
    RULES,
    World,
    a_grant,
    after,
    eventually,
    seconds_until,
    sleep_until,
)

pytestmark = pytest.mark.long

LIFETIME = 10.0
CACHED = 15.0
"""Seconds for which an API server may still accept a token that was revoked."""
COMPLAINT = "the login has expired: Bearer kanarienvogel-0123456789"
OUTPUT = '{"status": {"token": "kanarienvogel-9876543210"}}'


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    return Plugin(tmp_path / "plugin")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "operator.log"


@pytest.fixture
def outside(
    installed: ControlPlane, plugin: Plugin, log: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[World, "subprocess.Popen[bytes]"]]:
    """World of an operator that uses the plugin; it needs no Lease."""
    installed.argocd.set_rbac({"policy.csv": RULES})
    config = plugin.install(
        installed.service_account_kubeconfig("argogrant", "argogrant")
    )
    plugin.print_token(new_token(installed), seconds=LIFETIME)
    world = World(installed)
    options = getattr(request, "param", ("--no-leader-elect",))
    process = operator_process.start(installed, log, *options, kubeconfig=config)
    try:
        world.apply(a_grant("probe", "erin"))
        eventually(lambda: world.may_sync("erin"), within=30)
        yield world, process
    finally:
        plugin.print_token(new_token(installed))
        operator_process.stop(process)
        with operator_process.running(installed, log.with_name("cleaner.log")):
            world.reset()


def new_token(plane: ControlPlane, secret: str = "") -> str:
    """Return a token of the operator; its deletion revokes one bound to a Secret."""
    bound = ()
    if secret:
        bound = ("--bound-object-kind=Secret", f"--bound-object-name={secret}")
    command = ("create", "token", "argogrant", "--namespace", "argogrant")
    return plane.kubectl(*command, *bound).stdout.strip()


def test_access_begins_and_ends_while_credentials_expire(outside, plugin) -> None:
    """Each credential is used for about its lifetime, not for one request."""
    world, process = outside
    began = time.time()
    for number in range(3):
        end = after(20)
        world.apply(a_grant(f"short-{number}", expiresAt=end))
        eventually(world.may_sync, within=18)
        sleep_until(end)
        eventually(lambda: not world.may_sync(), within=3)
    runs = [one for one in plugin.runs() if one > began]
    clients = 2  # kopf and the reconcile loops have one each, the election has none

    assert process.poll() is None
    assert len(runs) >= 3
    assert len(runs) <= clients * ((time.time() - began) / (LIFETIME - 1) + 1)


def test_rejected_credential_is_replaced_before_it_expires(outside, plugin) -> None:
    """The API server rejects a token whose Secret was deleted."""
    world, process = outside
    world.ours("create", "secret", "generic", "login")
    plugin.print_token(new_token(world.plane, "login"), seconds=3600)
    time.sleep(LIFETIME)
    before = len(plugin.runs())
    plugin.print_token(new_token(world.plane), seconds=3600)
    world.ours("delete", "secret", "login")
    time.sleep(CACHED)
    end = after(20)
    world.apply(a_grant("short", expiresAt=end))
    eventually(world.may_sync, within=18)
    sleep_until(end)
    eventually(lambda: not world.may_sync(), within=3)

    assert process.poll() is None
    assert len(plugin.runs()) > before


def test_failing_plugin_is_named_once_and_ends_wait_for_it_only(
    outside, plugin, log
) -> None:
    """When it works again, overdue access ends within seconds."""
    world, process = outside
    end = after(3.5 * LIFETIME)
    world.apply(a_grant("short", expiresAt=end), a_grant("long", "carol"))
    eventually(lambda: world.may_sync() and world.may_sync("carol"), within=20)
    plugin.fail(COMPLAINT, OUTPUT)
    assert seconds_until(end) > LIFETIME
    sleep_until(end)
    time.sleep(LIFETIME)
    assert world.may_sync()
    assert process.poll() is None
    failures, runs = lines_about_plugin(log), plugin.runs()
    plugin.print_token(new_token(world.plane), seconds=LIFETIME)
    took = eventually(lambda: not world.may_sync(), within=12)
    print(f"{len(failures)} lines, refused {took:.1f} s after the plugin worked again")
    print("\n".join(failures))
    eventually(lambda: world.ready("short")[1] == "Expired", within=15)

    assert world.may_sync("carol")
    assert failures
    assert len(failures) <= 4
    assert all("failed with exit code 3" in one for one in failures)
    assert all("the login has expired" in one for one in failures)
    assert "kanarienvogel" not in log.read_text()
    assert len([one for one in runs if one > runs[-1] - 10]) <= 6


@pytest.mark.parametrize("outside", [("--lease-seconds", "6")], indirect=True)
def test_standby_names_a_failing_plugin_once(
    outside, plugin, log, installed: ControlPlane
) -> None:
    """A leader that cannot renew its Lease exits; its successor waits."""
    world, process = outside
    plugin.fail(COMPLAINT, OUTPUT)
    assert process.wait(60) == 3
    second = log.with_name("second.log")
    config = plugin.folder / "kubeconfig"
    options = ("--lease-seconds", "6")
    process = operator_process.start(installed, second, *options, kubeconfig=config)
    try:
        eventually(lambda: lines_about_plugin(second), within=30)
        time.sleep(20)
        assert process.poll() is None
        failures = lines_about_plugin(second)
        end = after(25)
        plugin.print_token(new_token(installed), seconds=LIFETIME)
        world.apply(a_grant("short", expiresAt=end))
        eventually(world.may_sync, within=24)
        eventually(lambda: not world.may_sync(), within=35)
    finally:
        operator_process.stop(process)

    assert failures
    assert len(failures) <= 3
    assert "kanarienvogel" not in second.read_text() + log.read_text()


def lines_about_plugin(log: Path) -> list[str]:
    return [one for one in log.read_text().splitlines() if NAME in one]


def test_script_of_the_plugin_prints_a_credential(plugin: Plugin, installed) -> None:
    config = plugin.install(
        installed.service_account_kubeconfig("argogrant", "argogrant")
    )
    plugin.print_token("a-token", seconds=60)
    done = subprocess.run([plugin.path], capture_output=True, check=True)

    assert json.loads(done.stdout)["status"]["token"] == "a-token"
    assert json.loads(config.read_text())["users"]
