"""Processes of a control plane: stopped, suspended, killed, and cleaned up."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane import ControlPlane, local
from controlplane.errors import (
    ArgoCDUnreachable,
    ControlPlaneError,
    PartFailed,
    PortTaken,
)
from controlplane.parts import Part, Parts
from controlplane.supervision import Supervision
from support.harness_requests import DEPLOYER, SYNC_SHOP, whoami
from support.process_checks import becomes_true, runs

pytestmark = pytest.mark.long

TESTS = Path(__file__).parents[1]
STARTER = """
import json, time, controlplane
plane = controlplane.start()
print(json.dumps([str(plane.folder), dict(plane.pids())]), flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def spare_plane() -> Iterator[ControlPlane]:
    """A second control plane, of our own even where the environment names a cluster.

    Its parts are stopped and frozen here; if one does not come back, the tests of the
    operator must not fail along with it.
    """
    with local.start() as plane:
        yield plane


def test_api_server_can_be_restarted(spare_plane: ControlPlane):
    """It keeps its address, objects and certificate."""
    spare_plane.kubectl("create", "configmap", "survivor")
    spare_plane.stop("kube-apiserver")
    refused = spare_plane.kubectl("get", "configmap", "survivor", check=False)
    spare_plane.start("kube-apiserver")

    assert refused.returncode != 0
    assert spare_plane.kubectl("get", "configmap", "survivor", user="admin").stdout
    assert whoami(spare_plane, user="bob")["username"] == "bob"


def test_argocd_can_be_restarted(spare_plane: ControlPlane):
    """A stopped Argo CD does not answer; a started one accepts the old tokens."""
    spare_plane.argocd.set_rbac({"policy.csv": DEPLOYER + "g, alice, role:deployer\n"})
    spare_plane.stop("argocd-server", grace_seconds=10)
    with pytest.raises(ArgoCDUnreachable):
        spare_plane.argocd.can_i("alice", *SYNC_SHOP)
    spare_plane.start("argocd-server")
    spare_plane.argocd.settle()

    assert spare_plane.argocd.can_i("alice", *SYNC_SHOP)


def test_suspended_process_continues(spare_plane: ControlPlane):
    """A suspended API server answers no request until it continues."""
    spare_plane.pause("kube-apiserver")
    hanging = spare_plane.kubectl(
        "get", "--raw", "/readyz", "--request-timeout=1s", check=False
    )
    spare_plane.resume("kube-apiserver")

    assert hanging.returncode != 0
    assert spare_plane.kubectl("get", "--raw", "/readyz").stdout == "ok"


def test_killed_starter_leaves_no_process_and_no_folder():
    """SIGKILL of the Python process that started it leaves no process, no folder."""
    environment = {
        **{name: os.environ[name] for name in os.environ if "ARGOGRANT" not in name},
        "PYTHONPATH": str(TESTS),
    }
    with subprocess.Popen(
        [sys.executable, "-c", STARTER], env=environment, stdout=subprocess.PIPE
    ) as starter:
        assert starter.stdout is not None
        folder, pids = json.loads(starter.stdout.readline())
        were_running = all(runs(pid) for pid in pids.values())
        starter.send_signal(signal.SIGKILL)

    assert set(pids) == {"etcd", "kube-apiserver", "argocd-server", "supervisor"}
    assert were_running
    assert becomes_true(lambda: not any(runs(pid) for pid in pids.values()))
    assert becomes_true(lambda: not Path(folder).exists())


def test_killed_supervisor_ends_its_processes():
    """Closing the control plane then still removes the folder."""
    supervision = Supervision()
    parts = Parts(supervision)
    parts.add(Part(name="etcd", argv=["/bin/sleep", "600"], is_up=lambda: True))
    pids = parts.pids()
    os.kill(pids["supervisor"], signal.SIGKILL)
    parts_are_gone = becomes_true(lambda: not runs(pids["etcd"]))
    with pytest.raises(ControlPlaneError, match="start a new one"):
        parts.stop("etcd")
    supervision.close()

    assert parts_are_gone
    assert not supervision.folder.exists()


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    """Parts of no control plane, whose kept logs go to a temporary cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    supervision = Supervision()
    yield Parts(supervision)
    supervision.close()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        pytest.param("bad flag", PartFailed, id="for a reason of its own"),
        pytest.param("address already in use", PortTaken, id="for want of its port"),
    ],
)
def test_failed_process_is_reported_with_its_log(
    parts: Parts, tmp_path: Path, *, words: str, error: type[Exception]
):
    """The error has its name, its last output and the path of its log."""
    argv = ["/bin/sh", "-c", f"echo {words}; exit 3"]
    parts.add(Part(name="etcd", argv=argv, is_up=lambda: False))
    with pytest.raises(error) as raised:
        parts.wait_until_up("etcd")
    log = tmp_path / "argogrant" / "control-plane" / "failed" / "etcd.log"

    assert type(raised.value) is error
    assert "etcd did not come up: it ended with exit code 3." in str(raised.value)
    assert words in str(raised.value)
    assert log.read_text() == f"{words}\n"
