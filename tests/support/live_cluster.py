"""Operations of tests on a control plane with a running operator."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from argogrant.argocd.allowed_namespaces import ALLOWED_NAMESPACES_ANNOTATION
from argogrant.argocd.capacity import MAX_BYTES
from controlplane.api import path_of
from controlplane.errors import APIRequestFailed
from controlplane.plane import ControlPlane

RIGHTS = Path(__file__).parent.parent.parent / "manifests/argocd-namespace.yaml"
OURS, ARGOCD = "argogrant", "argocd"
RBAC = f"apis/rbac.authorization.k8s.io/v1/namespaces/{ARGOCD}"
CONFIG_MAP = "argocd-rbac-cm"
OVERLAY = "policy.argogrant.csv"
MARGIN = timedelta(seconds=0.3)
"""Time before an end in which nothing is asked, because an answer takes time."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 0.25
"""Seconds between two polls; expensive questions are polled less often."""

RULES = """p, role:deployer, applications, sync, */*, allow
g, bob, role:deployer
"""
PROJECT = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "AppProject",
    "metadata": {"name": "team-a", "namespace": "argocd"},
    "spec": {
        "roles": [
            {
                "name": "deployer",
                "policies": [
                    "p, proj:team-a:deployer, applications, sync, team-a/*, allow"
                ],
            }
        ]
    },
}

RESYNC = "[argogrant/default] Timer 'resync_instance' "
"""Begin of kopf's message about the result of a resync."""
INSTANCE = {
    "apiVersion": "argogrant.dev/v1alpha1",
    "kind": "ArgoCDInstance",
    "metadata": {"name": "default", "namespace": "argogrant"},
    "spec": {},
}


def eventually(question: Callable[[], Any], *, within: float) -> float:
    """Poll until the answer is true; return the seconds that it took."""
    began = asked = time.monotonic()
    while not question():
        now = time.monotonic()
        assert now - began < within, f"still not so after {now - began:.1f} s"
        time.sleep(min(max(SHORTEST_PAUSE, 3 * (now - asked)), LONGEST_PAUSE))
        asked = time.monotonic()
    return time.monotonic() - began


def throughout(question: Callable[[], Any], *, until: str) -> None:
    """Poll until an instant; every answer before it has to be true."""
    end = datetime.fromisoformat(until)
    while datetime.now(UTC) < end - MARGIN:
        answer = question()
        assert answer or datetime.now(UTC) >= end
        time.sleep(0.05)
    sleep_until(until)


def sleep_until(instant: str) -> None:
    left = datetime.fromisoformat(instant) - datetime.now(UTC)
    time.sleep(max(left.total_seconds(), 0))


def after(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


def seconds_until(instant: str) -> float:
    """Return the seconds until an instant, at least 0."""
    left = datetime.fromisoformat(instant) - datetime.now(UTC)
    return max(0.0, left.total_seconds())


def a_grant(name: str, subject: str = "alice", **spec: Any) -> dict[str, Any]:
    if "duration" not in spec and "expiresAt" not in spec:
        spec["duration"] = "1h"
    return {
        "apiVersion": "argogrant.dev/v1alpha1",
        "kind": "AccessGrant",
        "metadata": {"name": name, "namespace": "argogrant"},
        "spec": {
            "subject": {"kind": "User", "name": subject},
            "role": {"name": "role:deployer"},
            **spec,
        },
    }


class World:
    """Control plane with a running operator."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.log: Path | None = None
        """Log of the operator that runs now, if it was started with ``serving``."""
        self._ours, self._argocds = plane.api(OURS), plane.api(ARGOCD)

    def apply(self, *bodies: dict[str, Any]) -> None:
        """Apply objects as ``kubectl apply`` does."""
        self.plane.apply(*bodies)

    def delete(self, *names: str) -> None:
        for name in names:
            self._ours.delete("accessgrant", name, namespace=OURS, wait=False)
        for name in names:
            eventually(lambda: not self.exists("accessgrant", name), within=120)  # noqa: B023

    def delete_later(self, kind: str, name: str) -> None:
        """Delete an object without waiting for its finalizers."""
        self._ours.delete(kind, name, namespace=OURS, wait=False)

    def abandon(self, name: str, *, kind: str = "accessgrant") -> None:
        """Set the annotation that removes the finalizer before the revocation."""
        patch = {"metadata": {"annotations": {"argogrant.dev/abandon": "true"}}}
        self._ours.patch(kind, name, patch, namespace=OURS)

    def exists(self, kind: str, name: str) -> bool:
        return self._ours.find(kind, name, namespace=OURS) is not None

    def grant(self, name: str) -> dict[str, Any]:
        return self.read("accessgrant", name)

    def may_sync(self, account: str = "alice", project: str = "team-a") -> bool:
        return self.plane.argocd.can_i(
            account, "applications", "sync", f"{project}/shop"
        )

    def condition(self, name: str, wanted: str) -> tuple[str, str, str]:
        """Return status, reason and message of a grant's condition, or empty texts."""
        return _condition(self.grant(name), wanted)

    def ready(self, name: str) -> tuple[str, str, str]:
        return _condition(self.grant(name), "Ready")

    def wait_until_bound(self, *names: str) -> None:
        """Wait until grants are bound and have their finalizers.

        A grant without a finalizer is deleted before its access ends.
        """
        for name in names:
            eventually(lambda: self.ready(name)[1] == "Bound", within=30)  # noqa: B023

    def instance_says(
        self, condition: str = "Ready", *, name: str = "default"
    ) -> tuple[str, str, str]:
        """Return status, reason and message of an ArgoCDInstance's condition."""
        return _condition(self.instance(name), condition)

    def instance(self, name: str = "default") -> dict[str, Any]:
        return self.read("argocdinstance", name)

    def config_map(self) -> dict[str, Any]:
        return self.plane.argocd.rbac_config_map()

    def overlay(self) -> str:
        """Return the value of our key in the ConfigMap, or an empty text."""
        text: str = self.config_map().get("data", {}).get(OVERLAY, "")
        return text

    def instance_version(self) -> str:
        version: str = self.instance()["metadata"]["resourceVersion"]
        return version

    def version(self) -> str:
        version: str = self.config_map()["metadata"]["resourceVersion"]
        return version

    def edit(self, data: dict[str, str | None]) -> None:
        """Change keys of the ConfigMap as ``kubectl edit`` does; None removes a key."""
        self._argocds.patch(
            *("configmap", CONFIG_MAP, {"data": data}),
            namespace=ARGOCD,
            field_manager="kubectl-edit",
        )

    def allow(self, namespaces: str | None) -> None:
        """Name the namespaces that may bind in Argo CD; None removes the annotation."""
        annotations = {ALLOWED_NAMESPACES_ANNOTATION: namespaces}
        patch = {"metadata": {"annotations": annotations}}
        self._argocds.patch("configmap", CONFIG_MAP, patch, namespace=ARGOCD)

    def crowd(self, *, room: int) -> None:
        """Fill the ConfigMap, except for some bytes, with comments in another key."""
        other = "policy.zz.csv"
        used = sum(map(len, ("policy.csv", RULES, other, OVERLAY)))
        line = "# " + "x" * 997 + "\n"
        filling = line * (MAX_BYTES // len(line) + 1)
        filling = filling[: MAX_BYTES - used - room - 1] + "\n"
        self.plane.argocd.set_rbac({"policy.csv": RULES, other: filling})

    def remove_config_map(self) -> dict[str, Any]:
        """Delete the ConfigMap; return the object that restores it."""
        body = self.config_map()
        self.argocds("delete", "configmap", CONFIG_MAP)
        kept = ("name", "namespace", "labels")
        metadata = {key: body["metadata"].get(key) for key in kept}
        return {**body, "metadata": metadata}

    def create_config_map(self) -> None:
        """Create the ConfigMap with the usual roles.

        The API server tracks no field managers of a ConfigMap created without data.
        """
        rules = f"--from-literal=policy.csv={RULES}"
        self.argocds("create", "configmap", CONFIG_MAP, rules)

    def appproject(self, name: str) -> dict[str, Any]:
        """Return an AppProject of Argo CD."""
        return self._argocds.request("GET", path_of("appproject", ARGOCD, name))

    def has_config_map(self) -> bool:
        found = self._argocds.find("configmap", CONFIG_MAP, namespace=ARGOCD)
        return found is not None

    def remove_rights(self) -> None:
        """Remove all permissions of the operator in Argo CD's namespace."""
        self.argocds("delete", "rolebinding", "argogrant")

    def restore_rights(self) -> None:
        """Apply the manifest that the message of the instance names."""
        self.plane.apply(RIGHTS)

    def reset(self) -> None:
        """Delete all grants, and restore instance, project, permissions and roles."""
        if not self.has_config_map():
            self.create_config_map()
        self.allow(None)
        if not self._has_rights():
            self.restore_rights()
        self.restore(INSTANCE, PROJECT)
        self.delete_all("accessgrant")
        self.plane.argocd.set_rbac({"policy.csv": RULES})

    def restore(self, *bodies: dict[str, Any]) -> None:
        """Apply the objects whose spec differs or that are being deleted."""
        self.apply(*(body for body in bodies if not self._is_stored(body)))

    def delete_all(self, *kinds: str) -> None:
        """Delete all objects of some of our kinds, and wait until they are gone."""
        names = [
            (kind, item["metadata"]["name"])
            for kind in kinds
            for item in self._ours.request("GET", path_of(kind, OURS))["items"]
        ]
        for kind, name in names:
            self._ours.delete(kind, name, namespace=OURS, wait=False)
        for kind, name in names:
            eventually(lambda: not self.exists(kind, name), within=120)  # noqa: B023

    def wait_for_resyncs(self, number: int = 2, *, within: float = 30) -> None:
        """Wait until the operator has resynced the default instance, or has failed to.

        A resync that has already started does not count.
        """
        before = self._resyncs()
        eventually(lambda: self._resyncs() > before + number, within=within)

    def _resyncs(self) -> int:
        """Return how often the log has the result of a resync."""
        assert self.log is not None, "start the operator with operator_process.serving"
        return self.log.read_text("utf-8").count(RESYNC)

    def _has_rights(self) -> bool:
        """Return whether the Role and its binding are as the manifest has them."""
        for body in yaml.safe_load_all(RIGHTS.read_text()):
            kind, name = body["kind"].lower(), body["metadata"]["name"]
            try:
                found = self._argocds.request("GET", f"{RBAC}/{kind}s/{name}")
            except APIRequestFailed as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
                return False
            if {**found, **body, "metadata": {}} != {**found, "metadata": {}}:
                return False
        return True

    def _is_stored(self, body: dict[str, Any]) -> bool:
        """Return whether an object exists with exactly this spec."""
        kind, metadata = body["kind"].lower(), body["metadata"]
        namespace = metadata["namespace"]
        found = self.plane.api(namespace).find(
            kind, metadata["name"], namespace=namespace
        )
        if found is None or "deletionTimestamp" in found["metadata"]:
            return False
        stored: bool = found["spec"] == body["spec"]
        return stored

    def ours(self, *arguments: str, check: bool = True) -> str:
        """Run kubectl in the namespace of the grants; return its output."""
        return self.plane.kubectl("-n", "argogrant", *arguments, check=check).stdout

    def argocds(self, *arguments: str, check: bool = True) -> str:
        """Run kubectl in the namespace of Argo CD; return its output."""
        return self.plane.kubectl("-n", "argocd", *arguments, check=check).stdout

    def read(self, kind: str, name: str) -> dict[str, Any]:
        """Return an object in the namespace of the grants."""
        return self._ours.request("GET", path_of(kind, OURS, name))


def _condition(body: dict[str, Any], wanted: str) -> tuple[str, str, str]:
    for condition in body.get("status", {}).get("conditions", ()):
        if condition["type"] == wanted:
            return condition["status"], condition["reason"], condition["message"]
    return "", "", ""
