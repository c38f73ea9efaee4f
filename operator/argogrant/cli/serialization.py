"""Objects and data in the formats of ``-o``, as in kubectl."""

import json
from enum import StrEnum

import yaml

from argogrant.cli.formats import ListFormat
from argogrant.cli.terminal.tables import sanitize
from argogrant.kube.client import Body


def serialize_data(data: object, output: StrEnum) -> str:
    """Serialize lists and mappings as JSON, or else YAML, without a final newline."""
    if output == ListFormat.JSON:
        return json.dumps(data, indent=2)
    return yaml.safe_dump(data, sort_keys=False).rstrip("\n")


def serialize_objects(output: ListFormat, *bodies: Body) -> str:
    """Serialize objects as kubectl does, one after the other."""
    if output is ListFormat.NAME:
        return "\n".join(map(object_name, bodies))
    gap = "\n---\n" if output is ListFormat.YAML else "\n"
    return gap.join(
        serialize_data(without_managed_fields(body), output) for body in bodies
    )


def without_managed_fields(body: Body) -> Body:
    """Return an object without ``metadata.managedFields``.

    Source: kubernetes/cli-runtime, ``pkg/printers/json.go``, omits managedFields.
    """
    metadata = {k: v for k, v in body["metadata"].items() if k != "managedFields"}
    return {**body, "metadata": metadata}


def object_name(body: Body) -> str:
    """Return the name that kubectl prints, such as ``accessgrant.argogrant.dev/x``."""
    group = body["apiVersion"].partition("/")[0]
    return sanitize(f"{body['kind'].lower()}.{group}/{body['metadata']['name']}")
