"""Objects as the API server gave them: for programs, or by their names. Pure."""

import json
from collections.abc import Sequence

import yaml

from argogrant.cli.options import Format
from argogrant.cli.terminal.tables import shown
from argogrant.kube.client import Body

READABLE = frozenset({Format.TABLE, Format.WIDE})
"""Formats in which sentences are told, not objects."""


def written_object(body: Body, output: Format) -> str:
    """Write an object as kubectl does."""
    if output is Format.JSON:
        return json.dumps(plain(body), indent=2)
    if output is Format.YAML:
        return yaml.safe_dump(plain(body), sort_keys=False).rstrip("\n")
    return object_name(body)


def plain(body: Body) -> Body:
    """Leave out who manages which field.

    Source: kubernetes/cli-runtime, ``pkg/printers/json.go``, omits managedFields.
    """
    metadata = {k: v for k, v in body["metadata"].items() if k != "managedFields"}
    return {**body, "metadata": metadata}


def written_objects(bodies: Sequence[Body], output: Format) -> str:
    """Write several objects, one after the other."""
    gap = "\n---\n" if output is Format.YAML else "\n"
    return gap.join(written_object(body, output) for body in bodies)


def object_name(body: Body) -> str:
    """Name an object as kubectl does: ``accessgrant.argogrant.dev/alice``."""
    group = body["apiVersion"].partition("/")[0]
    return shown(f"{body['kind'].lower()}.{group}/{body['metadata']['name']}")
