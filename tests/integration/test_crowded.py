"""A ConfigMap that is almost full, and grants that are too large to be written."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.api import APIClient
from controlplane.errors import APIRequestFailed
from support.live_cluster import OURS, World, a_grant, eventually


def test_oldest_grants_are_bound_and_others_wait_for_space(world: World) -> None:
    """Grants that do not fit report it, and are bound when there is space."""
    world.crowd(room=320)
    world.apply(a_grant("oldest"))
    eventually(world.may_sync, within=30)
    world.apply(a_grant("younger", subject="carol-" + "y" * 200))
    eventually(lambda: world.ready("younger")[1] == "RBACTextFull", within=30)
    world.apply(a_grant("youngest", subject="erin"))
    eventually(lambda: world.ready("youngest")[1] == "RBACTextFull", within=30)
    eventually(lambda: world.instance_says()[1] == "RBACTextFull", within=30)
    world.delete("younger")
    eventually(lambda: world.may_sync("erin"), within=30)
    world.delete("oldest")

    eventually(lambda: not world.may_sync(), within=10)
    assert world.may_sync("bob")


def test_full_config_map_does_not_block_a_revocation(world: World) -> None:
    """Another key fills the ConfigMap after a grant is bound."""
    world.apply(a_grant("bound"))
    eventually(world.may_sync, within=30)
    world.crowd(room=0)
    world.apply(a_grant("late", subject="erin"))
    eventually(lambda: world.ready("late")[1] == "RBACTextFull", within=30)
    world.delete("bound", "late")

    eventually(lambda: not world.may_sync(), within=10)


HOLD = "example.com/hold"
TOO_LARGE = "request is too large|message larger than max"
REVOKED = {"spec": {"revoked": True}}
NO_LABELS = {"metadata": {"labels": None, "annotations": None, "finalizers": None}}


def with_labels(count: int, padding: int = 0) -> dict[str, Any]:
    """Build a grant with labels, and with the finalizer of its creator."""
    labels = {f"{'x' * 245}{number:04}/{'y' * 63}": "z" * 63 for number in range(count)}
    body = a_grant("large")
    body["metadata"] |= {
        "labels": labels,
        "annotations": {"padding": "p" * padding},
        "finalizers": [HOLD],
    }
    return body


def create_largest(api: APIClient) -> None:
    """Create a grant to which nothing can be added, as etcd would refuse it."""
    labels, padding = 4096, 0
    for step in (16, 8, 4, 2, 1):
        labels += step * _fits(api, with_labels(labels + step))
    for step in (256, 128, 64, 32, 16, 8, 4):
        padding += step * _fits(api, with_labels(labels, padding + step))
    api.create(with_labels(labels, padding))


def _fits(api: APIClient, body: dict[str, Any]) -> bool:
    try:
        api.create({**body, "spec": {**body["spec"], **REVOKED["spec"]}})
    except APIRequestFailed as error:
        if not re.search(TOO_LARGE, str(error)):
            raise
        return False
    api.patch("accessgrant", "large", NO_LABELS, namespace=OURS)
    api.delete("accessgrant", "large", namespace=OURS, wait=True)
    return True


@pytest.fixture
def grants(world: World) -> Iterator[APIClient]:
    """Requests to the API server; the large grant is deleted after the test."""
    api = world.plane.api(OURS)
    yield api
    if world.exists("accessgrant", "large"):
        api.patch("accessgrant", "large", NO_LABELS, namespace=OURS)
        api.delete("accessgrant", "large", namespace=OURS, wait=True)


@pytest.mark.long
def test_grant_that_cannot_be_written_is_never_bound(
    world: World, grants: APIClient
) -> None:
    """It could not be revoked, and its creator keeps it from being deleted."""
    create_largest(grants)
    world.apply(a_grant("small", subject="erin"))
    eventually(lambda: world.may_sync("erin"), within=30)
    eventually(lambda: "NotRecordable" in events_of(world, "large"), within=30)
    with pytest.raises(APIRequestFailed, match=TOO_LARGE):
        grants.patch("accessgrant", "large", REVOKED, namespace=OURS)

    assert not world.may_sync()
    assert "alice" not in world.overlay()


def test_grant_with_excessive_metadata_can_be_revoked_and_deleted(
    world: World, grants: APIClient
) -> None:
    grants.create(with_labels(100))
    eventually(lambda: world.ready("large")[1] == "NotRecordable", within=30)
    message = world.ready("large")[2]
    grants.patch("accessgrant", "large", REVOKED, namespace=OURS)
    eventually(lambda: world.ready("large")[1] == "Revoked", within=30)
    grants.delete("accessgrant", "large", namespace=OURS, wait=False)
    released = {"metadata": {"finalizers": None}}
    grants.patch("accessgrant", "large", released, namespace=OURS)

    assert "metadata.labels has 100 entries, and at most 32 may exist" in message
    assert not world.exists("accessgrant", "large")
    assert not world.may_sync()


def events_of(world: World, name: str) -> str:
    """Return the Events of a grant as kubectl prints them."""
    selector = f"--field-selector=involvedObject.name={name}"
    return world.ours("get", "events", selector, "-o", "yaml")
