"""Options that several commands share, and the formats of ``-o``, as in kubectl."""

import json
from enum import StrEnum
from typing import Annotated, Final

import typer
import yaml

from argogrant.cli.completion import grant_names, instance_names
from argogrant.cli.terminal.tables import sanitize
from argogrant.kube.client import Body

Namespace = Annotated[
    str,
    typer.Option(
        "--namespace",
        "-n",
        envvar="ARGOGRANT_NAMESPACE",
        show_envvar=False,
        help=(
            "Namespace of the grants.  [default: namespace of the context, else"
            " argogrant]"
        ),
    ),
]
Context = Annotated[
    str, typer.Option(help="Name of the kubeconfig context to use.  [default: current]")
]
ArgoCDContext = Annotated[
    str, typer.Option(help="Kubeconfig context of Argo CD's cluster, if another.")
]
InstanceName = Annotated[
    str,
    typer.Option(
        "--instance",
        help="Name of the ArgoCDInstance.",
        autocompletion=instance_names,
    ),
]
GrantName = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Name of the AccessGrant.", autocompletion=grant_names
    ),
]
GrantNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME", help="Names of AccessGrants.", autocompletion=grant_names
    ),
]
Selector = Annotated[
    str,
    typer.Option(
        "--selector", "-l", help="Selector (label query), such as key1=value1."
    ),
]


class ListFormat(StrEnum):
    """Output formats of lists and objects, as in kubectl."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


READABLE: Final = frozenset({ListFormat.TABLE, ListFormat.WIDE})
"""Formats for people, which contain sentences instead of objects."""
Output = Annotated[ListFormat, typer.Option("--output", "-o", help="Output format.")]
Answer = Annotated[
    ListFormat,
    typer.Option(
        "--output",
        "-o",
        metavar="FORMAT",
        help="Output format. One of: table, json, yaml, name.",
        show_default=False,
    ),
]
"""``Output`` of commands that print a sentence or an object."""


class TextOrJSON(StrEnum):
    """Output formats of answers: for people, and for programs."""

    TEXT = "text"
    JSON = "json"


class DryRun(StrEnum):
    """Dry-run strategies, as in kubectl."""

    NONE = "none"
    SERVER = "server"


DryRunOption = Annotated[
    DryRun,
    typer.Option(
        "--dry-run",
        metavar="STRATEGY",
        help="none, or server: submit the request without persisting it.",
    ),
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Wait until the change has taken effect.")
]
Timeout = Annotated[
    str, typer.Option(help="Length of time to wait before giving up, such as 90s.")
]
Zone = Annotated[
    str, typer.Option(help="Time zone, such as Europe/Paris.  [default: local]")
]


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
