"""Words for what tests do with a control plane on which the operator runs."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from controlplane import ControlPlane

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

INSTANCE = {
    "apiVersion": "argogrant.dev/v1alpha1",
    "kind": "ArgoCDInstance",
    "metadata": {"name": "default", "namespace": "argogrant"},
    "spec": {},
}


def eventually(question: Callable[[], Any], *, within: float) -> float:
    """Ask until the answer is true; give the seconds it took."""
    began = time.monotonic()
    while not question():
        took = time.monotonic() - began
        assert took < within, f"still not so after {took:.1f} s"
        time.sleep(0.05)
    return time.monotonic() - began


def after(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


def seconds_until(instant: str) -> float:
    """Seconds that are left until an instant, at least nought."""
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
    """A control plane with the operator running, and words for what tests do."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane

    def apply(self, body: dict[str, Any]) -> None:
        self.plane.kubectl("apply", "-f", "-", stdin=json.dumps(body))

    def delete(self, *names: str) -> None:
        self.plane.kubectl("-n", "argogrant", "delete", "accessgrant", *names)

    def may_sync(self, account: str = "alice", project: str = "team-a") -> bool:
        return self.plane.argocd.can_i(
            account, "applications", "sync", f"{project}/shop"
        )

    def ready(self, name: str) -> tuple[str, str, str]:
        return self._condition("accessgrant", name, "Ready")

    def instance_condition(self, condition: str) -> tuple[str, str, str]:
        return self._condition("argocdinstance", "default", condition)

    def rbac_data(self) -> dict[str, str]:
        data: dict[str, str] = self.plane.argocd.rbac_config_map().get("data") or {}
        return data

    def instance_version(self) -> str:
        version: str = self._read("argocdinstance", "default")["metadata"][
            "resourceVersion"
        ]
        return version

    def _read(self, kind: str, name: str) -> dict[str, Any]:
        out = self.plane.kubectl("-n", "argogrant", "get", kind, name, "-o", "json")
        body: dict[str, Any] = json.loads(out.stdout)
        return body

    def _condition(self, kind: str, name: str, wanted: str) -> tuple[str, str, str]:
        for condition in self._read(kind, name).get("status", {}).get("conditions", ()):
            if condition["type"] == wanted:
                return condition["status"], condition["reason"], condition["message"]
        return "", "", ""

    def version(self) -> str:
        version: str = self.plane.argocd.rbac_config_map()["metadata"][
            "resourceVersion"
        ]
        return version
