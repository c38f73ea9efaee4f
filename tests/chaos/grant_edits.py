"""Edits of AccessGrants by users."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from argogrant.grants.checks import RECORD_ANNOTATION
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

    def read(self, name: str) -> dict[str, Any] | None:
        """Return a grant as ``kubectl get -o json`` shows it; None if it is gone."""
        found = self._plane.kubectl(
            *("get", "accessgrant", name, "-o", "json", *NAMESPACE), check=False
        )
        if found.returncode != 0:
            return None
        body: dict[str, Any] = json.loads(found.stdout)
        return body

    def copy(self, name: str, pair: Pair, body: dict[str, Any]) -> Grant:
        """Create a copy of a grant without its status; return what is left of it."""
        kept = ("labels", "annotations", "finalizers")
        metadata = {k: v for k, v in body["metadata"].items() if k in kept}
        copied = {
            **{key: body[key] for key in ("apiVersion", "kind", "spec")},
            "metadata": {**metadata, "name": name, "namespace": "argogrant"},
        }
        created = self._plane.kubectl(
            "create", "-f", "-", "-o", "json", stdin=json.dumps(copied)
        )
        grant = _read(pair, json.loads(created.stdout))
        record = record_of(body)
        if record is not None:
            grant.end = min(grant.end, _seconds(record["end"]))
        if copied["spec"].get("revoked") or "ended" in (record or {}):
            grant.end = grant.start
        grant.end = max(grant.start, grant.end)
        return grant

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


def record_of(body: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the record of the original that a copy of this object carries."""
    annotations = body["metadata"].get("annotations", {})
    if RECORD_ANNOTATION not in annotations:
        return None
    record: dict[str, str] = json.loads(annotations[RECORD_ANNOTATION])
    return record


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
