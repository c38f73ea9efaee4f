"""Limits of the metadata of an AccessGrant, as the operator checks them."""

from typing import Any

import pytest

from argogrant.api.accessgrant import FINALIZER
from argogrant.api.metadata_limits import (
    MAX_CHARACTERS,
    MAX_ENTRIES,
    MAX_OBJECT_BYTES,
    metadata_problem,
)
from argogrant.controller.store import MAX_FINALIZERS, record_grant
from support.live_cluster import a_grant


def owners(count: int, name: str = "x") -> list[dict[str, str]]:
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": f"u{number}"}
        for number in range(count)
    ]


def texts(count: int) -> dict[str, str]:
    return {f"key-{number}": "value" for number in range(count)}


def a_body(**metadata: Any) -> dict[str, Any]:
    body = a_grant("g1", requester={"username": "alice", "groups": ["developers"]})
    created = {"uid": "u1", "creationTimestamp": "2026-11-24T12:00:00Z"}
    return {**body, "metadata": {**body["metadata"], **created, **metadata}}


LONGEST = MAX_CHARACTERS["annotations"]
MANAGER = {"manager": "x", "fieldsV1": {"f:spec": {"f:role": {}}}}


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({}, id="no metadata of its own"),
        pytest.param({"labels": texts(MAX_ENTRIES["labels"])}, id="most labels"),
        pytest.param({"annotations": {"a": "x" * (LONGEST - 1)}}, id="one long text"),
        pytest.param({"finalizers": [*texts(16)]}, id="most finalizers"),
        pytest.param({"ownerReferences": owners(16)}, id="most owners"),
        pytest.param({"managedFields": [MANAGER] * 100}, id="many field managers"),
    ],
)
def test_metadata_within_the_limits(metadata) -> None:
    assert metadata_problem(a_body(**metadata)) == ""
    grant = record_grant(a_body(**metadata)).grant
    assert grant is not None
    assert grant.metadata_problem == ""


EXCESSIVE = [
    pytest.param({"labels": texts(33)}, "metadata.labels has 33", id="labels"),
    pytest.param({"annotations": texts(33)}, "annotations has 33", id="annotations"),
    pytest.param({"finalizers": [*texts(17)]}, "finalizers has 17", id="finalizers"),
    pytest.param({"ownerReferences": owners(17)}, "has 17 entries", id="owners"),
    pytest.param(
        {"annotations": {"a": "x" * LONGEST}}, "65537 characters", id="a long text"
    ),
    pytest.param(
        {"ownerReferences": owners(1, "x" * 8192)}, "characters", id="a long owner"
    ),
    pytest.param(
        {"managedFields": [MANAGER] * 10_000},
        f"and at most {MAX_OBJECT_BYTES} may be",
        id="too many field managers",
    ),
]


@pytest.mark.parametrize(("metadata", "problem"), EXCESSIVE)
def test_metadata_beyond_a_limit(metadata, problem) -> None:
    grant = record_grant(a_body(**metadata)).grant

    assert grant is not None
    assert problem in grant.metadata_problem


def test_record_keeps_little_of_an_excessive_object() -> None:
    """Some hundred objects of a megabyte each must not fill the memory."""
    names = [*texts(10_000), FINALIZER]
    record = record_grant(a_body(finalizers=names))

    assert len(record.finalizers) == MAX_FINALIZERS
    assert FINALIZER in record.finalizers
    assert record.has_more_finalizers
    assert record.grant is not None
    assert record.grant.requester is not None
    assert not record.grant.requester.groups
