"""Limits of the metadata of argogrant's objects.

Kubernetes limits the annotations of an object, and nothing else of its metadata. An
object of more than a megabyte can be created, but every later write of it can fail:
etcd stores at most 1.5 MiB, and a write adds to the object. A grant could then be
neither revoked nor deleted, and some hundred of them fill the memory of the operator.

``admission/argogrant-limits.yaml`` makes the API server reject such objects. The
operator checks the same limits, for clusters without that file, and also the size of
the whole object, which CEL cannot measure: ``metadata.managedFields`` grows with every
field manager, and CEL sees only its number of entries.

The limits leave room for kubectl (``last-applied-configuration``), Helm and Argo CD.

Source: Kubernetes, ``ValidateAnnotationsSize`` and ``ValidateObjectMeta`` in
``apimachinery/pkg/api/validation``; etcd, ``DefaultMaxRequestBytes``.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from argogrant.api.json_fields import (
    get_dict,
    get_dicts,
    get_list,
    get_str,
    get_text_map,
)
from argogrant.grants.checks import RECORD_ANNOTATION

MAX_ENTRIES: Final[Mapping[str, int]] = {
    "labels": 32,
    "annotations": 32,
    "finalizers": 16,
    "ownerReferences": 16,
}
"""Number of entries by the field of the metadata. An entry of the fields without a
limit in ``MAX_CHARACTERS`` has at most 380 characters: Kubernetes checks its syntax."""
MAX_CHARACTERS: Final[Mapping[str, int]] = {
    "annotations": 64 * 1024,
    "ownerReferences": 8 * 1024,
}
"""Characters of all entries together."""
OWNER_FIELDS: Final = ("apiVersion", "kind", "name", "uid")
MAX_OBJECT_BYTES: Final = 256 * 1024
"""Bytes of the object as JSON. A sixth of what etcd stores: the rest is for the status,
for a revocation, and for the field managers of both."""


def metadata_problem(body: Mapping[str, Any]) -> str:
    """Return which limit an object exceeds, as a clause; empty if none.

    The record that the operator adds to the annotations does not count as an entry.

    Args:
        body: The object as the API server returns it.
    """
    metadata = get_dict(body, "metadata")
    for field, most in MAX_ENTRIES.items():
        entries = get_dict(metadata, field) or get_list(metadata, field)
        count = len(entries) - (RECORD_ANNOTATION in entries)
        if count > most:
            return f"metadata.{field} has {count} entries, and at most {most} may exist"
    for field, most in MAX_CHARACTERS.items():
        count = _characters(metadata, field)
        if count > most:
            return f"metadata.{field} has {count} characters, and at most {most} may be"
    size = len(json.dumps(body, separators=(",", ":")))
    if size > MAX_OBJECT_BYTES:
        return f"the object has {size} bytes, and at most {MAX_OBJECT_BYTES} may be"
    return ""


def _characters(metadata: Mapping[str, Any], field: str) -> int:
    texts = get_text_map(metadata, field).items()
    owners = get_dicts(metadata, field)
    return sum(len(key) + len(value) for key, value in texts) + sum(
        len(get_str(one, name)) for one in owners for name in OWNER_FIELDS
    )
