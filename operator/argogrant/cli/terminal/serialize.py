"""Objects in the output formats of kubectl: JSON, YAML and names. Pure."""

import json
from collections.abc import Sequence

import yaml

from argogrant.cli.options import ListFormat
from argogrant.cli.terminal.tables import sanitize
from argogrant.kube.client import Body

READABLE = frozenset({ListFormat.TABLE, ListFormat.WIDE})
"""Formats for people, which contain sentences instead of objects."""


def serialize_object(body: Body, output: ListFormat) -> str:
    """Serialize an object as kubectl does."""
    if output is ListFormat.JSON:
        return json.dumps(without_managed_fields(body), indent=2)
    if output is ListFormat.YAML:
        return yaml.safe_dump(without_managed_fields(body), sort_keys=False).rstrip(
            "\n"
        )
    return object_name(body)


def without_managed_fields(body: Body) -> Body:
    """Return an object without ``metadata.managedFields``.

    Source: kubernetes/cli-runtime, ``pkg/printers/json.go``, omits managedFields.
    """
    metadata = {k: v for k, v in body["metadata"].items() if k != "managedFields"}
    return {**body, "metadata": metadata}


def serialize_objects(bodies: Sequence[Body], output: ListFormat) -> str:
    """Serialize several objects, one after the other."""
    gap = "\n---\n" if output is ListFormat.YAML else "\n"
    return gap.join(serialize_object(body, output) for body in bodies)


def object_name(body: Body) -> str:
    """Return the name of an object as kubectl prints it.

    For example ``accessgrant.argogrant.dev/alice``.
    """
    group = body["apiVersion"].partition("/")[0]
    return sanitize(f"{body['kind'].lower()}.{group}/{body['metadata']['name']}")
