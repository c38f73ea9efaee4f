"""Requester and approver of an object after edits by other users."""

import json
from typing import Any

import pytest

from support.admission_objects import (
    ALICE,
    ALICE_SAYS,
    KINDS,
    MAKE,
    Asker,
    nameless,
    said,
    service_account,
    who,
)
from support.live_cluster import World, a_grant, eventually


@pytest.mark.parametrize("options", [(), ("--server-side",)], ids=["client", "server"])
def test_manifest_without_a_creator_can_be_applied_twice(
    alice: Asker, field: str, options: tuple[str, ...]
) -> None:
    """The API server sets the field, and the second time keeps it."""
    body = MAKE[field](f"twice{'-'.join(options)}")
    first, second = (alice.apply(body, *options) for _ in range(2))

    assert said(first, field) == ALICE_SAYS
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


@pytest.mark.parametrize("options", [(), ("--server-side",)], ids=["client", "server"])
def test_creator_is_kept_when_a_later_manifest_omits_it(
    alice: Asker, field: str, options: tuple[str, ...]
) -> None:
    """Leaving it out later, on whichever side it is applied, takes nothing away."""
    name = f"later-without{'-'.join(options)}"
    first = alice.apply(MAKE[field](name, **{field: ALICE}), *options)
    second = alice.apply(MAKE[field](name), *options)

    assert said(second, field) == said(first, field) == ALICE_SAYS


ADD_REVOKED = '[{"op": "add", "path": "/spec/revoked", "value": true}]'
REVOKED = json.dumps({"spec": {"revoked": True}})


@pytest.mark.parametrize(
    "revoke",
    [
        pytest.param(("patch", "--type=merge", "-p", REVOKED), id="by patch"),
        pytest.param(("edit",), id="by edit"),
        pytest.param(("patch", "--type=json", "-p", ADD_REVOKED), id="by JSON patch"),
    ],
)
def test_revocation_by_another_user_keeps_the_requester(
    alice: Asker, bob: Asker, monkeypatch: pytest.MonkeyPatch, revoke: tuple[str, ...]
) -> None:
    monkeypatch.setenv("KUBE_EDITOR", "sed -i 's/^  duration: 1h/&\\n  revoked: true/'")
    name = alice.create(nameless("revoked-"))["metadata"]["name"]
    verb, *options = revoke
    bob.kubectl(verb, "accessgrant", name, *options)
    left = bob.get("accessgrant", name)

    assert left["spec"]["revoked"] is True
    assert said(left, "requester") == ALICE_SAYS


def test_server_side_apply_by_another_user_can_revoke(alice: Asker, bob: Asker) -> None:
    """An apply of one field owns no other field."""
    alice.apply(a_grant("applied"), "--server-side")
    part = a_grant("applied")
    part["spec"] = {**part["spec"], "revoked": True}
    left = bob.apply(part, "--server-side", "--field-manager=bob")

    assert left["spec"]["revoked"] is True
    assert said(left, "requester") == ALICE_SAYS


EDITS = [
    pytest.param({"username": "bob"}, id="another name"),
    pytest.param({"groups": ["approvers"]}, id="other groups"),
    pytest.param({"groups": None}, id="no groups"),
]


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("editor", ["alice", "bob", "admin"])
def test_creator_cannot_be_edited(
    alice: Asker, field: str, edit: dict[str, Any], editor: str
) -> None:
    alice.apply(MAKE[field]("edited"))
    patch = json.dumps({"spec": {field: edit}})
    patched = ("patch", KINDS[field], "edited", "--type=merge", "-p", patch)
    refusal = who(alice.plane, editor).refused(*patched)

    assert "is immutable" in refusal


def test_creator_cannot_be_removed(alice: Asker, bob: Asker, field: str) -> None:
    """A field that a patch or manifest omits is kept."""
    alice.apply(MAKE[field]("kept"))
    path = f'[{{"op": "remove", "path": "/spec/{field}"}}]'
    bob.kubectl("patch", KINDS[field], "kept", "--type=json", "-p", path)
    bob.kubectl("replace", "-f", "-", body=MAKE[field]("kept"))
    left = bob.get(KINDS[field], "kept")

    assert said(left, field) == ALICE_SAYS


def test_server_side_apply_cannot_take_over_the_creator(
    alice: Asker, bob: Asker, field: str
) -> None:
    alice.apply(MAKE[field]("taken"), "--server-side")
    own = {"username": "bob", "groups": ["approvers", "system:authenticated"]}
    forced = ("apply", "--server-side", "--force-conflicts", "-f", "-")
    refusal = bob.refused(*forced, body=MAKE[field]("taken", **{field: own}))

    assert "is immutable" in refusal


STATUS = ("apply", "--server-side", "--subresource=status", "-f", "-")


def status_of(name: str, **status: Any) -> dict[str, Any]:
    body = a_grant(name)
    return {**body, "spec": None, "status": status}


def test_user_without_permission_cannot_write_a_status(alice: Asker) -> None:
    """Neither through the subresource nor with the object."""
    alice.create(a_grant("plain"))
    forged = {"expiresAt": "2099-01-01T00:00:00Z", "boundAs": "role:admin"}
    refusal = alice.refused(*STATUS, body=status_of("plain", **forged))
    alice.kubectl("replace", "-f", "-", body={**a_grant("plain"), "status": forged})
    left = alice.get("accessgrant", "plain")

    assert 'User "alice" cannot patch resource "accessgrants/status"' in refusal
    assert "status" not in left


def test_operator_can_write_finalizers_labels_and_status(alice: Asker) -> None:
    """Its own service account patches finalizers, labels and the status."""
    operator = service_account(alice.plane, "argogrant", "argogrant")
    alice.create(a_grant("reported"))
    marks = {"labels": {"argogrant.dev/break-glass": "true"}, "finalizers": ["a.dev/x"]}
    patch = ("patch", "accessgrant", "reported", "--type=merge", "-p")
    operator.kubectl(*patch, json.dumps({"metadata": marks}))
    try:
        operator.kubectl(*STATUS, body=status_of("reported", observedGeneration=1))
        left = alice.get("accessgrant", "reported")
    finally:
        operator.kubectl(*patch, json.dumps({"metadata": {"finalizers": None}}))

    assert left["metadata"]["labels"] == marks["labels"]
    assert left["status"] == {"observedGeneration": 1}
    assert said(left, "requester") == ALICE_SAYS


def test_grant_is_bound_and_released_under_the_admission_policies(
    alice: Asker, served: World
) -> None:
    """The operator binds it, reports, and lets it go; Argo CD says so."""
    served.reset()
    alice.apply(a_grant("whole"))
    eventually(served.may_sync, within=30)
    served.wait_until_bound("whole")
    served.delete("whole")

    eventually(lambda: not served.may_sync(), within=10)
    assert not served.exists("accessgrant", "whole")
