"""An object is deleted only if it is the one that was seen: in memory and really."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

import operators
from argogrant.kube.cluster import Body
from argogrant.kube.failures import Conflict, NotFound
from argogrant.kube.resources import CONFIG_MAPS
from controlplane.errors import KubectlFailed
from places import NAMESPACE, Place, in_memory, on_a_real_api_server

ONE = CONFIG_MAPS.path(NAMESPACE, "one")
HELD = {"finalizers": ["argogrant.dev/test"]}


@pytest.fixture(params=["in memory", "on a real API server"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "in memory":
        yield in_memory()
        return
    plane = request.getfixturevalue("control_plane")
    operators.install(plane)
    place = on_a_real_api_server(plane)
    yield place
    with suppress(KubectlFailed):
        place.somebody.edit(ONE, {"metadata": {"finalizers": None}})
    with suppress(KubectlFailed):
        place.somebody.delete(ONE)


def identity_of(body: Body) -> tuple[str, str]:
    metadata = body["metadata"]
    return metadata["uid"], metadata["resourceVersion"]


def test_an_object_is_removed_if_it_still_is_this_one(place: Place) -> None:
    uid, seen = identity_of(place.create(data={"key": "text"}))
    place.run(lambda cluster: cluster.remove(ONE, uid=uid, version=seen))

    with pytest.raises(NotFound):
        place.run(lambda cluster: cluster.get(ONE))


@pytest.mark.parametrize("other", ["uid", "version"])
def test_another_object_is_not_removed(place: Place, other: str) -> None:
    uid, seen = identity_of(place.create(data={"key": "text"}))
    asked = {"uid": uid, "version": seen, other: "1"}
    with pytest.raises(Conflict):
        place.run(lambda cluster: cluster.remove(ONE, **asked))

    assert place.run(lambda cluster: cluster.get(ONE))


def test_what_is_held_stays_until_it_is_let_go(place: Place) -> None:
    uid, seen = identity_of(place.create(data={"key": "text"}, metadata=HELD))
    place.run(lambda cluster: cluster.remove(ONE, uid=uid, version=seen))
    metadata = place.run(lambda cluster: cluster.get(ONE))["metadata"]

    assert "deletionTimestamp" in metadata
