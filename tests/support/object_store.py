"""Objects as an API server stores them, with changes by other users."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from argogrant.kube.client import Body
from argogrant.kube.errors import Conflict, Invalid, NotFound
from argogrant.kube.resources import (
    ACCESS_APPROVALS,
    ACCESS_GRANTS,
    ACCESS_POLICIES,
    ARGOCD_INSTANCES,
)
from support.fake_clock import FakeClock

HAS_STATUS: Final = frozenset(
    kind.plural
    for kind in (ACCESS_GRANTS, ARGOCD_INSTANCES, ACCESS_POLICIES, ACCESS_APPROVALS)
)
"""Kinds whose status is a subresource and whose spec has a generation."""


@dataclass(frozen=True)
class Change:
    """One entry of the history that watches read."""

    version: int
    type: str
    path: str
    body: Body


class Objects:
    """Objects by path with versions, generations, finalizers and a history.

    ``add``, ``edit`` and ``delete_object`` are the changes by other users.
    """

    def __init__(self, clock: FakeClock | None = None) -> None:
        self._clock = clock or FakeClock()
        self._objects: dict[str, Body] = {}
        self._version = 100
        self._oldest = 100
        self._history: list[Change] = []

    def object(self, path: str) -> Body:
        """Return the object itself, or raise NotFound."""
        if path not in self._objects:
            raise NotFound(f"{path}: 404 not found")
        return self._objects[path]

    def add(self, collection_path: str, body: Body) -> Body:
        """Create an object as a user, with the metadata that the API server adds."""
        body = deepcopy(body)
        prefix = body["metadata"].pop("generateName", "")
        name = body["metadata"].setdefault("name", f"{prefix}{self._version}")
        path = f"{collection_path}/{name}"
        if path in self._objects:
            raise Conflict(f'{path}: objects "{name}" already exists')
        scope, namespace, plural = collection_path.split("/")[-3:]
        if scope == "namespaces":
            body["metadata"]["namespace"] = namespace
        body["metadata"] |= {
            "uid": f"uid-{self._version + 1}",
            "creationTimestamp": self._clock.stamp(),
        }
        if plural in HAS_STATUS:
            body["metadata"]["generation"] = 1
            body.pop("status", None)
        self._store("ADDED", path, body)
        return deepcopy(body)

    def edit(self, path: str, patch: Body) -> Body:
        """Apply a merge patch to an object, or to its status subresource."""
        path, is_status = path.removesuffix("/status"), path.endswith("/status")
        old = self.object(path)
        _check_preconditions(path, old, patch, is_status=is_status)
        new = deepcopy(_patched(path, old, patch, is_status=is_status))
        if new == old:
            return deepcopy(old)
        is_being_deleted = "deletionTimestamp" in new["metadata"]
        if is_being_deleted and _finalizers(new) - _finalizers(old):
            raise Invalid(f"{path}: 422 no new finalizers if it is being deleted")
        if is_being_deleted and not new["metadata"].get("finalizers"):
            self._remove(path, new)
        else:
            self._store("MODIFIED", path, new)
        return deepcopy(new)

    def delete_object(self, path: str) -> None:
        """Delete an object; with finalizers it only gets a deletionTimestamp."""
        body = deepcopy(self.object(path))
        if not body["metadata"].get("finalizers"):
            self._remove(path, body)
        elif "deletionTimestamp" not in body["metadata"]:
            body["metadata"]["deletionTimestamp"] = self._clock.stamp()
            if "generation" in body["metadata"]:
                body["metadata"]["generation"] += 1
            self._store("MODIFIED", path, body)

    def compact(self) -> None:
        """Drop the history, so clients with an older version have to list again."""
        self._oldest = self._version
        self._history.clear()

    def _store(self, kind: str, path: str, body: Body) -> None:
        self._objects[path] = body
        self._record(kind, path, body)

    def _remove(self, path: str, body: Body) -> None:
        del self._objects[path]
        self._record("DELETED", path, body)

    def _record(self, kind: str, path: str, body: Body) -> None:
        self._version += 1
        body["metadata"]["resourceVersion"] = str(self._version)
        self._history.append(Change(self._version, kind, path, deepcopy(body)))
        self._recorded()

    def _recorded(self) -> None:
        """Notify subclasses of a change."""


def _check_preconditions(path: str, old: Body, patch: Body, *, is_status: bool) -> None:
    given, known = patch.get("metadata", {}), old["metadata"]
    version = known["resourceVersion"]
    if given.get("resourceVersion", version) != version:
        raise Conflict(f"{path}: 409 the object has been modified")
    if not is_status and given.get("uid", known["uid"]) != known["uid"]:
        raise Invalid(f"{path}: 422 metadata.uid: field is immutable")


def _finalizers(body: Body) -> set[str]:
    return set(body["metadata"].get("finalizers") or ())


def _patched(path: str, old: Body, patch: Body, *, is_status: bool) -> Body:
    """Return the patched object; a patch changes the status or the rest."""
    merged: Body = _merged(old, patch)
    if path.split("/")[-2] not in HAS_STATUS:
        return merged
    if is_status:
        return {**old, "status": merged["status"]} if "status" in merged else old
    merged.pop("status", None)
    new = {**merged, **({"status": old["status"]} if "status" in old else {})}
    if new.get("spec") != old.get("spec"):
        generation = old["metadata"]["generation"] + 1
        new["metadata"] = {**new["metadata"], "generation": generation}
    return new


def _merged(target: Any, patch: Any) -> Any:
    """Apply a merge patch (RFC 7396): None removes, a dictionary is merged."""
    if not isinstance(patch, dict):
        return deepcopy(patch)
    result = deepcopy(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result
