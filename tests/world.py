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
        out = self.plane.kubectl(
            "-n", "argogrant", "get", "accessgrant", name, "-o", "json"
        ).stdout
        for condition in json.loads(out).get("status", {}).get("conditions", ()):
            if condition["type"] == "Ready":
                return condition["status"], condition["reason"], condition["message"]
        return "", "", ""

    def version(self) -> str:
        version: str = self.plane.argocd.rbac_config_map()["metadata"][
            "resourceVersion"
        ]
        return version
