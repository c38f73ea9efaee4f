"""The token for another cluster renews itself, with the rights that the page gives.

The other cluster is the same one over again, reached by its URL and a token.
"""

import base64
import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane import ControlPlane
from controlplane.signing import claims_of
from support import doc_pages, operator_process
from support.live_cluster import OURS, RULES, World, a_grant, eventually

pytestmark = pytest.mark.long

PAGE = doc_pages.ROOT / "docs/how-to/token-rotation.md"
SECRET = "production-token"
ACCOUNT = "system:serviceaccount:argocd:argogrant"
EVERY = timedelta(minutes=10)
BACKOFFS = 60.0
"""Seconds in which a failed rotation is certainly tried again."""


def rights_of_the_page() -> list[dict[str, Any]]:
    blocks = doc_pages.blocks_of(PAGE, PAGE.read_text())
    texts = [block.text for block in blocks if "kind: Role" in block.text]
    return [body for text in texts for body in yaml.safe_load_all(text)]


def rights_there() -> list[dict[str, Any]]:
    """A ServiceAccount of Argo CD's namespace that may do what the operator may."""
    account = {"name": "argogrant", "namespace": "argocd"}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {**account, "name": "argogrant-there"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "Role",
                "name": "argogrant",
            },
            "subjects": [{"kind": "ServiceAccount", **account}],
        },
    ]


class Far(World):
    """Cluster with an instance in another cluster, and its token."""

    def point_there(self, token: str = "") -> None:
        """Configure the other cluster, and create the Secret with its token."""
        config = yaml.safe_load(self.plane.kubeconfig().read_text())
        cluster = config["clusters"][0]["cluster"]
        authorities = cluster.get("certificate-authority-data")
        if authorities is None:
            pem = Path(cluster["certificate-authority"]).read_bytes()
            authorities = base64.b64encode(pem).decode()
        self.store(token or config["users"][0]["user"]["token"])
        rotation = {"every": "10m", "serviceAccount": "argogrant"}
        spec = {
            "cluster": {
                "server": cluster["server"],
                "caBundle": authorities,
                "tokenSecret": {"name": SECRET},
                "tokenRotation": rotation,
            }
        }
        self.apply({**INSTANCE, "spec": spec})

    def store(self, token: str) -> None:
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SECRET, "namespace": "argogrant"},
            "stringData": {"k8s_token": token},
        }
        self.apply(secret)

    def stored(self) -> str:
        data = self.read("secret", SECRET)["data"]
        return base64.b64decode(data["k8s_token"]).decode()

    def has_been_renewed(self) -> bool:
        token = self.stored()
        return token.count(".") == 2 and claims_of(token)["sub"] == ACCOUNT


INSTANCE = {
    "apiVersion": "argogrant.dev/v1alpha1",
    "kind": "ArgoCDInstance",
    "metadata": {"name": "default", "namespace": "argogrant"},
}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "operator.log"


@pytest.fixture
def far(installed: ControlPlane, log: Path) -> Iterator[Far]:
    """The first token is the admin's, whose age is unknown; it is renewed at once."""
    installed.argocd.set_rbac({"policy.csv": RULES})
    world = Far(installed)
    world.apply(*rights_there(), *rights_of_the_page())
    free = {"metadata": {"finalizers": None}}  # no operator runs that removes its own
    installed.api(OURS).patch("argocdinstance", "default", free, namespace=OURS)
    world.ours("delete", "argocdinstance", "default")  # its cluster is immutable
    world.point_there()
    with operator_process.running(installed, log):
        yield world
        world.ours("delete", "accessgrants", "--all")
        world.abandon("default", kind="argocdinstance")
        world.ours("delete", "argocdinstance", "default")
    world.argocds("delete", "rolebinding", "argogrant-there", "--ignore-not-found")
    world.ours("delete", "secret", SECRET)
    world.apply({**INSTANCE, "spec": {}})


def another_operator(
    plane: ControlPlane, folder: Path
) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    """Run a second operator, which does not wait for the Lease of the first one."""
    return operator_process.running(plane, folder / "other.log", "--no-leader-elect")


def test_a_token_is_renewed_and_access_goes_on(far: Far, log: Path) -> None:
    """The rotation is reported with its expiry, and no output contains the token."""
    far.apply(a_grant("before"))
    eventually(far.has_been_renewed, within=30)
    eventually(lambda: far.instance_says("TokenFresh")[1] == "Fresh", within=30)
    far.wait_until_bound("before")
    assert far.may_sync()
    far.delete("before")
    eventually(lambda: not far.may_sync(), within=10)
    eventually(lambda: "tokenExpiresAt" in far.instance()["status"], within=30)
    told = [
        e for e in operator_process.audit_of(log) if e["type"].endswith("token-rotated")
    ]
    token, status = far.stored(), far.instance()["status"]
    end = datetime.fromisoformat(status["tokenExpiresAt"])

    assert timedelta(0) < end - datetime.now(UTC) <= 3 * EVERY
    assert claims_of(token)["exp"] == end.timestamp()
    assert len(told) == 1
    assert token not in log.read_text()
    assert token not in json.dumps([told, status])


def test_a_token_that_does_not_work_is_not_stored(far: Far) -> None:
    """The old one stays and works; with the rights there it is renewed."""
    eventually(far.has_been_renewed, within=30)
    far.argocds("delete", "rolebinding", "argogrant-there")
    far.point_there()
    eventually(
        lambda: far.instance_says("TokenFresh")[1] == "RotationFailed", within=90
    )
    message = far.instance_says("TokenFresh")[2]
    far.apply(a_grant("meanwhile"))
    eventually(far.may_sync, within=30)
    assert not far.has_been_renewed()
    assert "argocd-rbac-cm" in message
    far.apply(*rights_there())

    eventually(far.has_been_renewed, within=BACKOFFS)
    eventually(lambda: far.instance_says("TokenFresh")[0] == "True", within=30)
    assert far.may_sync()


def test_a_killed_operator_leaves_a_token_that_works(
    installed: ControlPlane, far: Far, tmp_path: Path
) -> None:
    """Whenever it dies, another one goes on with what is in the Secret."""
    eventually(far.has_been_renewed, within=30)
    for moment in (0.5, 2.0, 3.5):
        far.point_there()
        with another_operator(installed, tmp_path) as other:
            time.sleep(moment)
            other.kill()
            other.wait(5)

    with another_operator(installed, tmp_path):
        eventually(far.has_been_renewed, within=90)
        far.apply(a_grant("after"))
        eventually(far.may_sync, within=30)
