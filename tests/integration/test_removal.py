"""Deletion of an object only if it is unchanged, in memory and on a real API server."""

from collections.abc import Iterator

import pytest

from argogrant.kube.client import Body
from argogrant.kube.errors import Conflict, NotFound
from support.cluster_variants import BOTH, HELD, ONE, Place, place_for


@pytest.fixture(params=BOTH)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    yield from place_for(request, ONE)


def identity_of(body: Body) -> tuple[str, str]:
    metadata = body["metadata"]
    return metadata["uid"], metadata["resourceVersion"]


def test_unchanged_object_is_deleted(place: Place) -> None:
    uid, seen = identity_of(place.create(data={"key": "text"}))
    place.run(lambda cluster: cluster.delete(ONE, uid=uid, version=seen))

    with pytest.raises(NotFound):
        place.run(lambda cluster: cluster.get(ONE))


@pytest.mark.parametrize("other", ["uid", "version"])
def test_changed_object_is_not_deleted(place: Place, other: str) -> None:
    uid, seen = identity_of(place.create(data={"key": "text"}))
    asked = {"uid": uid, "version": seen, other: "1"}
    with pytest.raises(Conflict):
        place.run(lambda cluster: cluster.delete(ONE, **asked))

    assert place.run(lambda cluster: cluster.get(ONE))


def test_object_with_finalizer_stays_until_it_is_removed(place: Place) -> None:
    uid, seen = identity_of(place.create(data={"key": "text"}, metadata=HELD))
    place.run(lambda cluster: cluster.delete(ONE, uid=uid, version=seen))
    metadata = place.run(lambda cluster: cluster.get(ONE))["metadata"]

    assert "deletionTimestamp" in metadata
