"""The harness against the real parts: what it promises to every other test."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

import controlplane
from controlplane import external
from controlplane.errors import (
    ArgoCDBroken,
    ArgoCDError,
    ArgoCDUnreachable,
    ControlPlaneError,
    KubectlFailed,
    NotConfigured,
    PartFailed,
    PortTaken,
)
from controlplane.parts import Part, Parts
from controlplane.plane import ControlPlane
from controlplane.supervision import Supervision

DEPLOYER = "p, role:deployer, applications, sync, team-a/*, allow\n"
SYNC_SHOP = ("applications", "sync", "team-a/shop")
TESTS = Path(__file__).parents[1]
STARTER = """
import json, time, controlplane
plane = controlplane.start()
print(json.dumps([str(plane.folder), dict(plane.pids())]), flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    with controlplane.start() as plane:
        yield plane


@pytest.fixture
def plane(control_plane: ControlPlane) -> ControlPlane:
    """The control plane with no RBAC text at all."""
    control_plane.argocd.set_rbac({})
    return control_plane


def test_argocd_says_yes_to_the_bound_account_and_no_to_another(plane: ControlPlane):
    """A ``g`` line gives its account the role's rights, and nobody else."""
    plane.argocd.set_rbac({"policy.csv": DEPLOYER + "g, alice, role:deployer\n"})

    assert plane.argocd.can_i("alice", *SYNC_SHOP)
    assert not plane.argocd.can_i("bob", *SYNC_SHOP)


def test_argocd_counts_sso_groups(plane: ControlPlane):
    """A token that carries the bound group may, the same account's own may not."""
    plane.argocd.set_rbac({"policy.csv": DEPLOYER + "g, some-team, role:deployer\n"})

    assert plane.argocd.can_i("nobody", *SYNC_SHOP, groups=["some-team"])
    assert not plane.argocd.can_i("nobody", *SYNC_SHOP, groups=["other-team"])
    assert not plane.argocd.can_i("nobody", *SYNC_SHOP)


def test_argocd_counts_other_claims(plane: ControlPlane):
    """A claim such as an email counts as soon as it is among the scopes."""
    text = DEPLOYER + "g, a@example.com, role:deployer\n"
    plane.argocd.set_rbac({"policy.csv": text, "scopes": "[groups, email]"})

    assert plane.argocd.can_i("nobody", *SYNC_SHOP, claims={"email": "a@example.com"})
    assert not plane.argocd.can_i("nobody", *SYNC_SHOP, claims={"email": "b@x"})


@pytest.mark.parametrize(
    ("field", "subject"),
    [
        pytest.param('"a ""b"", c"', 'a "b", c', id="quotes and a comma"),
        pytest.param("cafe\u0301", "cafe\u0301", id="a combining character"),
        pytest.param("CN=a/OU=b:c", "CN=a/OU=b:c", id="slashes and a colon"),
    ],
)
def test_argocd_judges_any_subject(plane: ControlPlane, field: str, subject: str):
    """The subject is compared as it is, not as it is written."""
    plane.argocd.set_rbac({"policy.csv": DEPLOYER + f"g, {field}, role:deployer\n"})

    assert plane.argocd.can_i("nobody", *SYNC_SHOP, groups=[subject])
    assert not plane.argocd.can_i("nobody", *SYNC_SHOP, groups=[subject + "x"])


@pytest.mark.parametrize(
    "name", ["team-a/a:b", "c:", "https://x:80//y", "a%2Fb", "\u00fc ?#;+", "../x", "*"]
)
def test_argocd_is_asked_about_exactly_that_object(plane: ControlPlane, name: str):
    """No character of an object is lost on the way through the URL."""
    plane.argocd.set_rbac({"policy.csv": f"p, alice, projects, get, {name}, allow\n"})

    assert plane.argocd.can_i("alice", "projects", "get", name)
    assert not plane.argocd.can_i("bob", "projects", "get", name)


def test_a_broken_text_is_an_error_and_no_answer(plane: ControlPlane):
    """Argo CD fails on a line with too few fields, which must not read as a no."""
    plane.argocd.set_rbac({"policy.csv": "p, role:deployer, applications\n"})

    with pytest.raises(ArgoCDBroken, match="invalid RBAC policy"):
        plane.argocd.can_i("alice", *SYNC_SHOP)


def test_a_wrong_question_is_an_error_and_no_answer(plane: ControlPlane):
    """An action or an account that does not exist must not read as a no."""
    with pytest.raises(ArgoCDError, match="does not contain sink"):
        plane.argocd.can_i("alice", "applications", "sink", "team-a/shop")

    with pytest.raises(ArgoCDError, match="no account 'mallory'"):
        plane.argocd.can_i("mallory", *SYNC_SHOP)


def test_argocd_answers_quickly(plane: ControlPlane):
    """An answer takes less than 20 ms, so tests may ask as often as they like."""
    started = time.monotonic()
    for _ in range(50):
        plane.argocd.can_i("alice", *SYNC_SHOP)

    assert (time.monotonic() - started) / 50 < 0.020


def test_the_rbac_config_map_holds_what_was_set(plane: ControlPlane):
    """Settling leaves nothing of its own behind."""
    data = {"policy.csv": DEPLOYER, "policy.default": "role:readonly"}
    plane.argocd.set_rbac(data)

    assert plane.argocd.rbac_config_map()["data"] == data


def whoami(
    plane: ControlPlane, *arguments: str, **options: str
) -> Mapping[str, object]:
    command = ("auth", "whoami", "-o", "json", *arguments)
    answer = json.loads(plane.kubectl(*command, **options).stdout)
    info: Mapping[str, object] = answer["status"]["userInfo"]
    return info


def test_a_person_of_the_cast_has_their_own_groups(plane: ControlPlane):
    """The API server knows alice and the groups of the cast."""
    info = whoami(plane, user="alice")

    assert info["username"] == "alice"
    assert info["groups"] == ["developers", "system:authenticated"]


def test_anybody_else_comes_with_the_groups_they_are_given(plane: ControlPlane):
    """A name that is in no list is impersonated, with exactly those groups."""
    path = plane.kubeconfig("zoë@example.com", ["auditors"])
    info = whoami(plane, f"--kubeconfig={path}")

    assert info["username"] == "zoë@example.com"
    assert info["groups"] == ["auditors", "system:authenticated"]


def test_a_service_account_comes_as_itself(plane: ControlPlane):
    """The operator's ServiceAccount speaks with its own token and no more rights."""
    plane.kubectl("create", "serviceaccount", "robot", "--namespace", "argocd")
    path = plane.service_account_kubeconfig("argocd", "robot")
    info = whoami(plane, f"--kubeconfig={path}")
    denied = plane.kubectl("get", "secrets", f"--kubeconfig={path}", check=False)

    assert info["username"] == "system:serviceaccount:argocd:robot"
    assert 'in the namespace "argocd"' in denied.stderr


def test_a_kubeconfig_names_its_namespace(plane: ControlPlane):
    """A client that is told no namespace uses the one of the context."""
    path = plane.kubeconfig(context_namespace="argocd")
    listed = plane.kubectl("get", "configmaps", "-o", "name", f"--kubeconfig={path}")

    assert "configmap/argocd-rbac-cm" in listed.stdout


def test_rights_come_from_rbac_alone(plane: ControlPlane):
    """A person whom nobody gave anything is refused, in words."""
    with pytest.raises(KubectlFailed, match='User "alice" cannot list'):
        plane.kubectl("get", "secrets", "--namespace", "argocd", user="alice")


@pytest.mark.parametrize(
    "kind", ["validatingadmissionpolicies", "mutatingadmissionpolicies"]
)
def test_admission_policies_are_served(plane: ControlPlane, kind: str):
    """The API server has v1 of the policies that guard the operator's resources."""
    listed = plane.kubectl(
        "get", "--raw", f"/apis/admissionregistration.k8s.io/v1/{kind}"
    )

    assert json.loads(listed.stdout)["kind"].endswith("PolicyList")


def test_the_api_server_can_be_stopped_and_started_again(plane: ControlPlane):
    """It comes back at its old address, with its objects and its certificate."""
    plane.kubectl("create", "configmap", "survivor")
    plane.stop("kube-apiserver")
    refused = plane.kubectl("get", "configmap", "survivor", check=False)
    plane.start("kube-apiserver")

    assert refused.returncode != 0
    assert plane.kubectl("get", "configmap", "survivor", user="admin").stdout
    assert whoami(plane, user="bob")["username"] == "bob"


def test_argocd_can_be_stopped_and_started_again(plane: ControlPlane):
    """A stopped Argo CD gives no answer; a started one knows the old tokens."""
    plane.argocd.set_rbac({"policy.csv": DEPLOYER + "g, alice, role:deployer\n"})
    plane.stop("argocd-server", grace_seconds=10)
    with pytest.raises(ArgoCDUnreachable):
        plane.argocd.can_i("alice", *SYNC_SHOP)
    plane.start("argocd-server")
    plane.argocd.settle()

    assert plane.argocd.can_i("alice", *SYNC_SHOP)


def test_a_frozen_part_goes_on_where_it_stopped(plane: ControlPlane):
    """A paused API server answers nobody, and everybody once it is resumed."""
    plane.pause("kube-apiserver")
    hanging = plane.kubectl(
        "get", "--raw", "/readyz", "--request-timeout=1s", check=False
    )
    plane.resume("kube-apiserver")

    assert hanging.returncode != 0
    assert plane.kubectl("get", "--raw", "/readyz").stdout == "ok"


def test_nothing_outlives_a_killed_starter():
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


def runs(pid: int) -> bool:
    """A process that nobody has collected yet (a zombie) does not run any more."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return state.stdout.strip()[:1] not in {"", "Z"}


def becomes_true(is_so: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_killed_supervisor_takes_its_parts_along():
    """Its parts end with it, and closing still removes the folder."""
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
def test_a_part_that_fails_says_why(
    parts: Parts, tmp_path: Path, *, words: str, error: type[Exception]
):
    """The error names the part, its last words and a log that is still there."""
    argv = ["/bin/sh", "-c", f"echo {words}; exit 3"]
    parts.add(Part(name="etcd", argv=argv, is_up=lambda: False))
    with pytest.raises(error) as raised:
        parts.wait_until_up("etcd")
    log = tmp_path / "argogrant" / "control-plane" / "failed" / "etcd.log"

    assert type(raised.value) is error
    assert "etcd did not come up: it ended with exit code 3." in str(raised.value)
    assert words in str(raised.value)
    assert log.read_text() == f"{words}\n"


@pytest.fixture
def named_cluster(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ControlPlane]:
    """The same cluster once more, named by the environment as a user's own."""
    monkeypatch.setenv(external.KUBECONFIG, str(plane.kubeconfig()))
    monkeypatch.setenv(external.ARGOCD_URL, plane.argocd.url)
    monkeypatch.setenv(external.ARGOCD_ADMIN_PASSWORD, plane.argocd.admin_password)
    with controlplane.start() as named:
        yield named


def test_a_cluster_of_ones_own_serves_as_well(named_cluster: ControlPlane):
    """People are impersonated, Argo CD judges, and the parts are left alone."""
    text = DEPLOYER + "g, alice, role:deployer\n"
    named_cluster.argocd.set_rbac({"policy.csv": text})

    assert named_cluster.argocd.can_i("alice", *SYNC_SHOP)
    assert not named_cluster.argocd.can_i("bob", *SYNC_SHOP)
    assert whoami(named_cluster, user="bob")["username"] == "bob"
    assert whoami(named_cluster, user="bob")["groups"] == [
        "approvers",
        "system:authenticated",
    ]
    assert not named_cluster.is_ours
    with pytest.raises(NotConfigured, match="not ours to stop"):
        named_cluster.stop("etcd")


def test_a_named_cluster_without_argocd_is_refused(monkeypatch: pytest.MonkeyPatch):
    """The error says which variable is missing and what belongs there."""
    monkeypatch.setenv(external.KUBECONFIG, "somewhere")
    monkeypatch.delenv(external.ARGOCD_URL, raising=False)

    with pytest.raises(NotConfigured, match=r"ARGOGRANT_TEST_ARGOCD_URL is not\."):
        controlplane.start()
