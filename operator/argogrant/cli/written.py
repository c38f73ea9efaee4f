"""One object as the API server gave it: for programs, or by its name. Pure."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from argogrant.cli.options import Format
from argogrant.cli.tables import shown
from argogrant.kube.cluster import Body

READABLE = frozenset({Format.TABLE, Format.WIDE})
"""Formats in which sentences are told, not objects."""


def written_object(body: Body, output: Format) -> str:
    """Write an object as kubectl does; who manages which field is left out."""
    metadata = {k: v for k, v in body["metadata"].items() if k != "managedFields"}
    plain: Mapping[str, Any] = {**body, "metadata": metadata}
    if output is Format.JSON:
        return json.dumps(plain, indent=2)
    if output is Format.YAML:
        return yaml.safe_dump(plain, sort_keys=False).rstrip("\n")
    return object_name(body)


def object_name(body: Body) -> str:
    """Name an object as kubectl does: ``accessgrant.argogrant.dev/alice``."""
    group = body["apiVersion"].partition("/")[0]
    return shown(f"{body['kind'].lower()}.{group}/{body['metadata']['name']}")
