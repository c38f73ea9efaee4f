"""Requests of the Cluster protocol, to the API server in memory and to a real one.

They show where ``FakeCluster``, which unit tests use, behaves like Kubernetes.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import pytest

from argogrant.kube.client import Body, Cluster, WatchEvent
from argogrant.kube.errors import Conflict, Gone, Invalid, NotFound
from argogrant.kube.resources import ACCESS_GRANTS, CONFIG_MAPS, Collection
from support.cluster_variants import BOTH, HELD, MAPS, NAMESPACE, ONE, Place, place_for
from support.live_cluster import a_grant

GRANT = ACCESS_GRANTS.path(NAMESPACE, "verbs")


@pytest.fixture(params=BOTH)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    yield from place_for(request, ONE, CONFIG_MAPS.path(NAMESPACE, "two"), GRANT)


def version(body: Body) -> int:
    return int(body["metadata"]["resourceVersion"])


async def first(events: AsyncIterator[WatchEvent], count: int) -> list[WatchEvent]:
    """The next events that are no bookmarks."""
    found: list[WatchEvent] = []
    async with asyncio.timeout(20), aclosing(events):
        async for event in events:
            if event.type != "BOOKMARK":
                found.append(event)
            if len(found) == count:
                return found
    return found


def test_get_returns_the_whole_object(place: Place) -> None:
    created = place.create(data={"key": "text"})

    assert place.run(lambda cluster: cluster.get(ONE)) == created


def test_get_of_a_missing_object_is_not_found(place: Place) -> None:
    with pytest.raises(NotFound):
        place.run(lambda cluster: cluster.get(ONE))


def test_second_creation_conflicts(place: Place) -> None:
    """The second of two simultaneous creations gets the conflict."""
    body = {"kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"key": "text"}}

    async def twice(cluster: Cluster) -> tuple[Body, Body]:
        created = await cluster.create(MAPS.path, {"apiVersion": "v1", **body})
        with pytest.raises(Conflict):
            await cluster.create(MAPS.path, {"apiVersion": "v1", **body})
        return created, await cluster.get(ONE)

    created, found = place.run(twice)

    assert created == found
    assert found["data"] == {"key": "text"}
    assert found["metadata"]["uid"]


def test_clock_skew_on_one_machine_is_small(place: Place) -> None:
    async def skew(cluster: Cluster) -> float:
        await cluster.list(MAPS)
        return cluster.clock_skew()

    assert place.run(skew) == 0.0


def test_patch_of_a_missing_object_is_not_found(place: Place) -> None:
    with pytest.raises(NotFound):
        place.run(lambda cluster: cluster.merge_patch(ONE, {"data": {"key": "text"}}))


def test_patch_changes_only_its_fields(place: Place) -> None:
    """The answer is the whole object in its new version."""
    created = place.create(data={"theirs": "a", "ours": "b", "gone": "c"})
    patch = {"data": {"ours": "new", "gone": None}}
    answer = place.run(lambda cluster: cluster.merge_patch(ONE, patch))

    assert answer["data"] == {"theirs": "a", "ours": "new"}
    assert version(answer) > version(created)
    assert place.run(lambda cluster: cluster.get(ONE)) == answer


def test_patch_without_a_change_keeps_the_version(place: Place) -> None:
    place.create(data={"key": "text"})

    async def twice(cluster: Cluster) -> tuple[Body, Body]:
        patch = {"data": {"key": "other"}}
        return (
            await cluster.merge_patch(ONE, patch),
            await cluster.merge_patch(ONE, patch),
        )

    one, two = place.run(twice)

    assert version(one) == version(two)


@pytest.mark.parametrize(
    ("precondition", "error"),
    [
        pytest.param({"resourceVersion": "1"}, Conflict, id="a stale version"),
        pytest.param(
            {"uid": "00000000-0000-0000-0000-000000000000"},
            Invalid,
            id="the uid of another object of that name",
        ),
    ],
)
def test_patch_with_another_version_or_uid_conflicts(
    place: Place, precondition, error
) -> None:
    """The write of an outdated version is rejected."""
    created = place.create(data={"key": "text"})
    patch = {"metadata": precondition, "data": {"key": "other"}}

    with pytest.raises(error):
        place.run(lambda cluster: cluster.merge_patch(ONE, patch))
    assert place.run(lambda cluster: cluster.get(ONE)) == created


def test_patch_with_the_same_version_and_uid_is_applied(place: Place) -> None:
    metadata = place.create(data={"key": "text"})["metadata"]
    known = {name: metadata[name] for name in ("uid", "resourceVersion")}
    patch = {"metadata": known, "data": {"key": "other"}}
    answer = place.run(lambda cluster: cluster.merge_patch(ONE, patch))

    assert answer["data"] == {"key": "other"}


def test_list_returns_all_objects_of_one_version(place: Place) -> None:
    created = [place.create("one"), place.create("two")]
    listing = place.run(lambda cluster: cluster.list(MAPS))
    names = {item["metadata"]["name"] for item in listing.items}

    assert names >= {"one", "two"}
    assert int(listing.resource_version) >= max(map(version, created))


def test_list_by_name_returns_one_object(place: Place) -> None:
    place.create("one")
    place.create("two")
    collection = Collection(CONFIG_MAPS, NAMESPACE, "two")
    listing = place.run(lambda cluster: cluster.list(collection))

    assert [item["metadata"]["name"] for item in listing.items] == ["two"]


@pytest.mark.parametrize(("labels", "names"), [("a=b,c=d", ["one"]), ("a=c", [])])
def test_list_by_label_returns_matching_objects(
    place: Place, labels: str, names: list[str]
) -> None:
    marks = {"labels": {"a": "b", "c": "d"}}
    place.create("one")
    place.run(lambda cluster: cluster.merge_patch(ONE, {"metadata": marks}))
    place.create("two")
    collection = Collection(CONFIG_MAPS, NAMESPACE, labels=labels)
    listing = place.run(lambda cluster: cluster.list(collection))

    assert [item["metadata"]["name"] for item in listing.items] == names


def test_watch_returns_changes_since_a_version_in_order(place: Place) -> None:
    start = place.run(lambda cluster: cluster.list(MAPS)).resource_version
    place.create(data={"key": "a"})
    place.somebody.edit(ONE, {"data": {"key": "b"}})
    place.somebody.delete_object(ONE)
    events = place.run(lambda cluster: first(cluster.watch(MAPS, start), 3))

    assert [(event.type, event.body["data"]["key"]) for event in events] == [
        ("ADDED", "a"),
        ("MODIFIED", "b"),
        ("DELETED", "b"),
    ]
    versions = [version(event.body) for event in events]
    assert versions == sorted(set(versions))
    assert versions[0] > int(start)


def test_open_watch_returns_new_changes(place: Place) -> None:
    async def watched(cluster: Cluster) -> list[WatchEvent]:
        start = (await cluster.list(MAPS)).resource_version
        watching = asyncio.create_task(first(cluster.watch(MAPS, start), 1))
        await asyncio.sleep(0.3)
        assert not watching.done()
        await asyncio.to_thread(place.create)
        return await watching

    assert [event.type for event in place.run(watched)] == ["ADDED"]


def test_watch_by_name_returns_no_other_object(place: Place) -> None:
    start = place.run(lambda cluster: cluster.list(MAPS)).resource_version
    place.create("two")
    place.create("one")
    collection = Collection(CONFIG_MAPS, NAMESPACE, "one")
    events = place.run(lambda cluster: first(cluster.watch(collection, start), 1))

    assert events[0].body["metadata"]["name"] == "one"


def test_watch_from_a_compacted_version_is_gone(place: Place) -> None:
    grants = Collection(ACCESS_GRANTS, NAMESPACE)

    with pytest.raises(Gone):
        place.run(lambda cluster: first(cluster.watch(grants, "1"), 1))


def test_deleted_object_stays_until_its_finalizers_are_removed(place: Place) -> None:
    """It has a deletionTimestamp until then."""
    created = place.create(metadata=HELD)
    place.somebody.delete_object(ONE)
    held = place.run(lambda cluster: cluster.get(ONE))
    free = {"metadata": {"finalizers": None}}
    place.run(lambda cluster: cluster.merge_patch(ONE, free))
    start = created["metadata"]["resourceVersion"]
    events = place.run(lambda cluster: first(cluster.watch(MAPS, start), 2))

    assert "deletionTimestamp" in held["metadata"]
    assert [event.type for event in events] == ["MODIFIED", "DELETED"]
    with pytest.raises(NotFound):
        place.run(lambda cluster: cluster.get(ONE))


def test_deleted_object_accepts_no_new_finalizer(place: Place) -> None:
    """The API server rejects finalizers that are added after the deletion."""
    place.create(metadata=HELD)
    place.somebody.delete_object(ONE)
    both = {"metadata": {"finalizers": [*HELD["finalizers"], "argogrant.dev/late"]}}

    with pytest.raises(Invalid):
        place.run(lambda cluster: cluster.merge_patch(ONE, both))
    free = {"metadata": {"finalizers": None}}
    place.run(lambda cluster: cluster.merge_patch(ONE, free))


def test_spec_and_status_are_written_separately(place: Place) -> None:
    """Only a change of the spec increments the generation."""
    created = place.somebody.add(ACCESS_GRANTS.path(NAMESPACE), a_grant("verbs"))
    both = {"spec": {"revoked": True}, "status": {"boundAs": "role:x"}}

    async def written(cluster: Cluster) -> tuple[Body, Body]:
        return (
            await cluster.merge_patch(f"{GRANT}/status", both),
            await cluster.merge_patch(GRANT, {**both, "status": {"boundAs": "no"}}),
        )

    status, spec = place.run(written)

    assert status["status"] == {"boundAs": "role:x"}
    assert "revoked" not in status["spec"]
    assert status["metadata"]["generation"] == created["metadata"]["generation"]
    assert spec["status"] == {"boundAs": "role:x"}
    assert spec["spec"]["revoked"] is True
    assert spec["metadata"]["generation"] == created["metadata"]["generation"] + 1


def test_status_patch_checks_the_version_and_not_the_uid(place: Place) -> None:
    """Kubernetes ignores all metadata of a status except the version."""
    place.somebody.add(ACCESS_GRANTS.path(NAMESPACE), a_grant("verbs"))
    path, status = f"{GRANT}/status", {"boundAs": "role:x"}
    late = {"metadata": {"resourceVersion": "1"}, "status": status}
    another = {"metadata": {"uid": "another"}, "status": status}

    with pytest.raises(Conflict):
        place.run(lambda cluster: cluster.merge_patch(path, late))
    assert place.run(lambda c: c.merge_patch(path, another))["status"] == status
