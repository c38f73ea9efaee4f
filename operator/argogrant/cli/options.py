"""Options that several commands share, named and described as in kubectl."""

from enum import StrEnum
from typing import Annotated

import typer

from argogrant.cli.completion import grant_names, instance_names

Namespace = Annotated[
    str,
    typer.Option(
        "--namespace",
        "-n",
        envvar="ARGOGRANT_NAMESPACE",
        show_envvar=False,
        help="Namespace of the grants.  [default: context's, or argogrant]",
    ),
]
Context = Annotated[
    str, typer.Option(help="Name of the kubeconfig context to use.  [default: current]")
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


Output = Annotated[ListFormat, typer.Option("--output", "-o", help="Output format.")]


class DryRun(StrEnum):
    """Dry-run strategies, as in kubectl."""

    NONE = "none"
    SERVER = "server"


DryRunOption = Annotated[
    DryRun,
    typer.Option(
        "--dry-run",
        metavar="STRATEGY",
        help="Strategy: none, or server to submit without persisting.",
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
Reason = Annotated[
    str, typer.Option("--reason", help="Justification, for approvers and audit.")
]
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
