"""Objects that tests apply in their own process are stored as by ``kubectl apply``."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from controlplane import ControlPlane

FIRST = {"kept": "1", "changed": "1", "removed": "1"}
SECOND = {"kept": "1", "changed": "2", "added": "2"}
ALWAYS_DIFFERENT = ("uid", "creationTimestamp", "resourceVersion")
Apply = Callable[[ControlPlane, dict[str, Any]], object]


def a_config_map(data: Mapping[str, str]) -> dict[str, Any]:
    metadata = {"name": "applied", "namespace": "default", "labels": {"a": "b"}}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": data,
    }


def with_kubectl(plane: ControlPlane, body: dict[str, Any]) -> None:
    plane.kubectl("apply", "-f", "-", stdin=json.dumps(body))


def in_process(plane: ControlPlane, body: dict[str, Any]) -> None:
    plane.apply(body)


def applied_twice(plane: ControlPlane, first: Apply, second: Apply) -> dict[str, Any]:
    """Apply, let another user set a field, apply again; return what is stored."""
    api = plane.api("")
    first(plane, a_config_map(FIRST))
    patch = {"data": {"foreign": "3"}}
    api.patch("configmap", "applied", patch, namespace="default")
    second(plane, a_config_map(SECOND))
    body = api.find("configmap", "applied", namespace="default")
    api.delete("configmap", "applied", namespace="default", wait=True)
    assert body is not None
    for key in ALWAYS_DIFFERENT:
        body["metadata"].pop(key)
    managers = body["metadata"]["managedFields"]
    for entry in managers:
        entry.pop("time")
    # The API server sorts them by time in whole seconds.
    managers.sort(key=lambda entry: str(entry["manager"]))
    return body


@pytest.mark.parametrize("second", [with_kubectl, in_process])
@pytest.mark.parametrize("first", [with_kubectl, in_process])
def test_object_is_stored_as_by_kubectl(
    control_plane: ControlPlane, first: Apply, second: Apply
) -> None:
    """Another writer's field remains; a field that is no longer applied does not."""
    body = applied_twice(control_plane, first, second)

    assert body == applied_twice(control_plane, with_kubectl, with_kubectl)
    assert set(body["data"]) == {"kept", "changed", "added", "foreign"}
