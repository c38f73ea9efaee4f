"""Limits of the metadata of argogrant's objects, and who may add what ends access."""

import json
from typing import Any

import pytest

from argogrant.api.metadata_limits import MAX_CHARACTERS, MAX_ENTRIES
from controlplane.errors import APIRequestFailed
from support import live_policies
from support.admission_objects import Asker, Body
from support.live_cluster import a_grant
from support.live_policies import ClusterWithPolicies, a_policy, refused_patch
from support.sample_objects import an_approval, an_instance

OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone"}


def texts(count: int) -> dict[str, str]:
    return {f"key-{number}": "" for number in range(count)}


def owners(count: int) -> list[Body]:
    return [{**OWNER, "uid": f"u-{number}"} for number in range(count)]


LARGEST: dict[str, Any] = {
    "labels": texts(MAX_ENTRIES["labels"]),
    "annotations": {**texts(31), "long": "é" * 50_000},
    "finalizers": [f"example.com/{number}" for number in range(16)],
    "ownerReferences": owners(16),
}
EXCESSIVE = {
    "labels": ({"labels": texts(33)}, "metadata.labels must have at most 32"),
    "annotations": ({"annotations": texts(33)}, "annotations must have at most 32"),
    "a long annotation": (
        {"annotations": {"a": "x" * MAX_CHARACTERS["annotations"]}},
        "metadata.annotations must have at most 65536 characters",
    ),
    "finalizers": (
        {"finalizers": [f"example.com/{number}" for number in range(17)]},
        "metadata.finalizers must have at most 16",
    ),
    "owners": ({"ownerReferences": owners(17)}, "ownerReferences must have at most 16"),
    "a long owner": (
        {"ownerReferences": [{**OWNER, "uid": "x" * 8192}]},
        "metadata.ownerReferences must have at most 8192 characters",
    ),
}
KINDS = {
    "a grant": a_grant("tried"),
    "an instance": an_instance(),
    "a policy": a_policy("tried"),
    "an approval": an_approval(),
}


def tried(world: ClusterWithPolicies, body: Body, metadata: Body) -> str:
    """Return why the API server refuses an object with this metadata, or no text."""
    body = {**body, "metadata": {**body["metadata"], **metadata}}
    for field in ("requester", "approver"):
        body["spec"] = {k: v for k, v in body["spec"].items() if k != field}
    try:
        world.plane.api("argogrant").create(body, dryRun="All")
    except APIRequestFailed as error:
        return str(error)
    return ""


def merge(person: Asker, patch: Body) -> None:
    arguments = ("patch", "accessgrant", "wanted", "--type=merge", "-p")
    person.kubectl(*arguments, json.dumps(patch))


@pytest.mark.parametrize("body", KINDS.values(), ids=KINDS.keys())
def test_largest_metadata_is_accepted(world: ClusterWithPolicies, body: Body) -> None:
    assert tried(world, body, LARGEST) == ""


@pytest.mark.parametrize("body", KINDS.values(), ids=KINDS.keys())
def test_larger_metadata_is_rejected_with_the_limit(
    world: ClusterWithPolicies, body: Body
) -> None:
    for metadata, problem in EXCESSIVE.values():
        assert problem in tried(world, body, metadata)


def test_limit_of_an_older_object_does_not_stop_its_revocation(
    world: ClusterWithPolicies, alice: Asker
) -> None:
    """Labels cannot be added; a revocation may even come with more of them."""
    world.create_grant(alice, "wanted")
    patch: Body = {"metadata": {"labels": texts(33)}}
    refusal = refused_patch(alice, "accessgrant", "wanted", patch)
    assert "metadata.labels must have at most 32" in refusal
    patch["spec"] = {"revoked": True}
    merge(alice, patch)
    world.wait_for_reason("wanted", "Revoked")
    fewer: Body = {"metadata": {"labels": {"key-0": None}}}

    merge(alice, fewer)


def test_owner_is_set_at_creation_only(
    world: ClusterWithPolicies, waiting: Body, bob: Asker
) -> None:
    """Garbage collection deletes an object whose owner does not exist."""
    approval = world.create_approval(bob, waiting)["metadata"]["name"]
    owned = {"metadata": {"ownerReferences": owners(1)}}
    for kind, name in (("accessgrant", "wanted"), ("accessapproval", approval)):
        admin = live_policies.who(world.plane, "admin")
        refusal = refused_patch(admin, kind, name, owned)

        assert "metadata.ownerReferences cannot be added after creation" in refusal
    assert world.exists("accessgrant", "wanted")
