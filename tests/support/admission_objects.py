"""Users, objects and admission policies for tests of verified requesters."""

import contextlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from argogrant.api.admission_drift import POLICY_NAMES, verified_since
from argogrant.api.admission_policies import IDENTITY_FIELDS, MUTATING_FILE
from controlplane import ControlPlane
from controlplane.api import APIClient, path_of
from controlplane.errors import APIRequestFailed, KubectlFailed
from controlplane.people import PEOPLE
from support.live_cluster import a_grant, eventually

ROOT = Path(__file__).parent.parent.parent
PLURALS = ("validatingadmissionpolicies", "validatingadmissionpolicybindings")
ACTIVE_SECONDS = 60.0
"""Timeout for policies to take effect; a new CRD takes up to 20 seconds."""

Body = dict[str, Any]

RIGHTS: tuple[Body, ...] = (
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "askers", "namespace": "argogrant"},
        "rules": [
            {
                "apiGroups": ["argogrant.dev"],
                "resources": ["accessgrants", "accessapprovals"],
                "verbs": ["create", "get", "update", "patch", "delete"],
            }
        ],
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "askers", "namespace": "argogrant"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Role",
            "name": "askers",
        },
        "subjects": [
            {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "Group",
                "name": "system:authenticated",
            }
        ],
    },
)
"""Every user can create grants and approvals, and no user can write a status."""


def an_approval(name: str, **spec: Any) -> Body:
    return {
        "apiVersion": "argogrant.dev/v1alpha1",
        "kind": "AccessApproval",
        "metadata": {"name": name, "namespace": "argogrant"},
        "spec": {
            "grant": {"name": "any", "uid": "0000-1111"},
            "decision": "Approve",
            **spec,
        },
    }


MAKE = {"requester": a_grant, "approver": an_approval}
"""Builder of an object for every field that names the creator."""
KINDS = {"requester": "accessgrant", "approver": "accessapproval"}
FIELDS = sorted(MAKE)
ALICE = {"username": "alice", "groups": [*PEOPLE["alice"], "system:authenticated"]}
ALICE_SAYS = ("alice", set(ALICE["groups"]))


def said(body: Body, field: str) -> tuple[str, set[str]]:
    """Return user name and groups of the creator in the spec of an object."""
    maker = body["spec"][field]
    return maker["username"], set(maker["groups"])


def nameless(prefix: str, field: str = "requester", **spec: Any) -> Body:
    """Build an object whose name the API server generates."""
    body: Body = MAKE[field]("", **spec)
    body["metadata"] = {"generateName": prefix, "namespace": "argogrant"}
    return body


@dataclass(frozen=True, slots=True)
class Asker:
    """User of the API server with a kubeconfig."""

    plane: ControlPlane
    kubeconfig: Path

    def kubectl(self, *arguments: str, body: Body | None = None) -> str:
        stdin = None if body is None else json.dumps(body)
        command = ("-n", "argogrant", f"--kubeconfig={self.kubeconfig}", *arguments)
        return self.plane.kubectl(*command, stdin=stdin).stdout

    def create(self, body: Body) -> Body:
        api = _client_of(self.kubeconfig)
        if api is not None:
            return api.create(body)
        text = self.kubectl("create", "-f", "-", "-o", "json", body=body)
        created: Body = json.loads(text)
        return created

    def get(self, kind: str, name: str) -> Body:
        api = _client_of(self.kubeconfig)
        if api is not None:
            return api.request("GET", path_of(kind, "argogrant", name))
        found: Body = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def apply(self, body: Body, *options: str) -> Body:
        applied: Body = json.loads(
            self.kubectl("apply", *options, "-f", "-", "-o", "json", body=body)
        )
        return applied

    def refused(self, *arguments: str, body: Body | None = None) -> str:
        """Run a command that the API server must reject; return its message."""
        with pytest.raises(KubectlFailed) as raised:
            self.kubectl(*arguments, body=body)
        return str(raised.value)


@cache
def _client_of(kubeconfig: Path) -> APIClient | None:
    """Return a client in this process; only kubectl can impersonate odd names."""
    config = json.loads(kubeconfig.read_text())
    return None if "as" in config["users"][0]["user"] else APIClient(config)


def who(plane: ControlPlane, user: str, groups: tuple[str, ...] = ()) -> Asker:
    """Return a user with the groups of the cast, or with other groups."""
    return Asker(plane, plane.kubeconfig(user, groups))


def service_account(plane: ControlPlane, name: str, namespace: str) -> Asker:
    """Return an existing service account with a token of the API server."""
    return Asker(plane, plane.service_account_kubeconfig(namespace, name))


def what_to_write(refusal: str) -> Body:
    """Parse the YAML in the message of a rejection."""
    found = re.search("Write below spec: (.*)", refusal)
    assert found, refusal
    written: Body = yaml.safe_load(found[1])
    return written


@contextlib.contextmanager
def everybody_may_ask(plane: ControlPlane) -> Iterator[None]:
    """Grant the permissions within a block, and delete all objects after it."""
    rights = {"apiVersion": "v1", "kind": "List", "items": RIGHTS}
    plane.apply(rights)
    try:
        yield
    finally:
        plane.kubectl("delete", "-f", "-", stdin=json.dumps(rights))
        ours = ("accessgrants,accessapprovals", "--all", "-n", "argogrant")
        plane.kubectl("delete", *ours)


@contextlib.contextmanager
def policies(plane: ControlPlane, *files: str) -> Iterator[None]:
    """Install admission policies within a block, and wait until they are active."""
    paths = [f"--filename={ROOT / file}" for file in files]
    plane.apply(*(ROOT / file for file in files))
    try:
        for field in IDENTITY_FIELDS:
            wait_until(plane, field.field, is_checked=True)
            if MUTATING_FILE in files:
                wait_until_filled_in(plane, field.field)
        yield
    finally:
        plane.kubectl("delete", *paths)
        for field in IDENTITY_FIELDS:
            wait_until(plane, field.field, is_checked=False)


def wait_until(plane: ControlPlane, field: str, *, is_checked: bool) -> None:
    """Wait until a forged object is rejected, or accepted; create nothing."""
    forged = MAKE[field]("probe", **{field: {"username": "somebody-else"}})

    eventually(
        lambda: ("denied request" in _rejection(plane, forged)) == is_checked,
        within=ACTIVE_SECONDS,
    )


def wait_until_filled_in(plane: ControlPlane, field: str) -> None:
    """Wait, with dry runs, until the API server sets a missing creator."""
    probe = MAKE[field]("probe")
    eventually(lambda: not _rejection(plane, probe), within=ACTIVE_SECONDS)


def _rejection(plane: ControlPlane, body: Body) -> str:
    """Return the message with which the API server rejects an object, or no text."""
    try:
        plane.api("argogrant").create(body, dryRun="All")
    except APIRequestFailed as error:
        return str(error)
    return ""


def observed(plane: ControlPlane) -> dict[str, Body]:
    """Return the policies and bindings as the operator observes them."""
    api = plane.api("")
    prefix = "apis/admissionregistration.k8s.io/v1"
    found = {
        f"{plural}/{item['metadata']['name']}": item
        for plural in PLURALS
        for item in api.request("GET", f"{prefix}/{plural}")["items"]
    }
    return {key: one for key, one in found.items() if key.split("/")[1] in POLICY_NAMES}


def wait_until_they_vouch(plane: ControlPlane) -> None:
    """Wait until new objects count as verified."""
    since = verified_since(observed(plane))
    assert since is not None
    time.sleep(max(0.0, (since - datetime.now(UTC)).total_seconds()))
