"""Last writer of one field of an object, from ``metadata.managedFields``.

The API server records there which manager owns which field, and when the manager last
changed any of its fields. A manager that updates a field owns it from then on, and the
earlier owners do not. Nothing records who removed a field, and a manager with a newer
entry may have changed other fields only.

Clients can write these entries themselves, as any other text of the object.

Source: Kubernetes, "Server-Side Apply", "Field management", and
sigs.k8s.io/structured-merge-diff, ``fieldpath/serialize.go``.
"""

from collections.abc import Mapping
from typing import Any, Final

from argogrant.api.json_fields import get_dict, get_dicts, get_str
from argogrant.argocd.field_owner import FieldOwner

MAX_NAME: Final = 256
"""Characters of the name of a field manager; the API server allows 128."""
MAX_ENTRIES: Final = 1024
"""Entries that are read. The API server merges those of updates beyond ten."""


def owner_of_field(metadata: Mapping[str, Any], *path: str) -> FieldOwner | None:
    """Return the owner of the field with this path; of several, the latest.

    Return None if no manager owns it: it does not exist, or its owners were removed
    from the object. Return None also if several are the latest: times have whole
    seconds, and only one of these managers has changed the field.
    """
    owners = {
        FieldOwner(get_str(entry, "time"), get_str(entry, "manager")[:MAX_NAME])
        for entry in get_dicts(metadata, "managedFields")[:MAX_ENTRIES]
        if _owns(get_dict(entry, "fieldsV1"), path)
    }
    latest = max((one.at for one in owners), default="")
    found = [one for one in owners if one.at == latest]
    return found[0] if len(found) == 1 else None


def _owns(fields: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(fields.get(f"f:{name}"), Mapping):
            return False
        fields = get_dict(fields, f"f:{name}")
    return True
