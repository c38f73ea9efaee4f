"""Edits of AccessGrants by users."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chaos.model import Grant, Pair
from controlplane import ControlPlane
from support import live_cluster

NAMESPACE = ("--namespace", "argogrant")


class GrantEdits:
    """Edits of AccessGrants with an admin's rights."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def create(self, name: str, pair: Pair, spec: Mapping[str, Any]) -> Grant:
        """Create a grant, and return its window by the clock of the API server."""
        body = live_cluster.a_grant(name, **spec)
        kind, _, subject = pair.subject.rpartition(":")
        body["spec"]["subject"] = {"kind": "Group" if kind else "User", "name": subject}
        body["spec"]["role"] = _role(pair.role)
        created = self._plane.kubectl(
            "create", "-f", "-", "-o", "json", stdin=json.dumps(body)
        )
        return _read(pair, json.loads(created.stdout))

    def delete(self, name: str) -> None:
        """Delete a grant without waiting."""
        self._plane.kubectl("delete", "accessgrant", name, "--wait=false", *NAMESPACE)

    def change(self, name: str, spec: Mapping[str, Any]) -> None:
        """Change fields of a grant."""
        self._plane.kubectl(
            *("patch", "accessgrant", name, "--type=merge", *NAMESPACE),
            *("--patch", json.dumps({"spec": spec})),
        )

    def being_deleted(self) -> list[str]:
        """Return the names of deleted grants that still exist."""
        listed = self._plane.kubectl("get", "accessgrants", *NAMESPACE, "-o", "json")
        return [
            item["metadata"]["name"]
            for item in json.loads(listed.stdout)["items"]
            if "deletionTimestamp" in item["metadata"]
        ]

    def wipe(self) -> None:
        """Remove every grant and its finalizers while no operator runs."""
        listed = self._plane.kubectl("get", "accessgrants", *NAMESPACE, "-o", "name")
        for name in listed.stdout.split():
            self._plane.kubectl(
                *("patch", name, "--type=merge", *NAMESPACE),
                *("--patch", '{"metadata": {"finalizers": null}}'),
                check=False,  # being deleted, it goes with its last finalizer
            )
        self._plane.kubectl("delete", "accessgrants", "--all", *NAMESPACE)


def instant(at: float) -> str:
    """Format a time as the API does, in whole seconds."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _role(name: str) -> dict[str, str]:
    if name.startswith("proj:"):
        _, project, role = name.split(":")
        return {"project": project, "name": role}
    return {"name": name}


def _read(pair: Pair, body: Mapping[str, Any]) -> Grant:
    spec = body["spec"]
    created = _seconds(body["metadata"]["creationTimestamp"])
    start = max(created, _seconds(spec.get("notBefore", instant(0))))
    if "expiresAt" in spec:
        return Grant(pair, start, _seconds(spec["expiresAt"]))
    seconds = re.fullmatch(r"(\d+)s", spec["duration"])
    assert seconds is not None
    return Grant(pair, start, start + int(seconds[1]))


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
