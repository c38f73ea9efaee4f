"""The options that commands share, by the words of kubectl."""

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
        help="Where the grants are.  [default: the context's, or argogrant]",
    ),
]
Context = Annotated[
    str, typer.Option(help="The context of the kubeconfig.  [default: current]")
]
InstanceName = Annotated[
    str,
    typer.Option(
        "--instance",
        help="The ArgoCDInstance that it is about.",
        autocompletion=instance_names,
    ),
]
GrantName = Annotated[
    str,
    typer.Argument(metavar="NAME", help="The AccessGrant.", autocompletion=grant_names),
]
GrantNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="AccessGrants.", autocompletion=grant_names),
]


Selector = Annotated[
    str, typer.Option("--selector", "-l", help="Those with these labels, as k=v.")
]


class ListFormat(StrEnum):
    """How something is written, by the words of kubectl."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


Output = Annotated[
    ListFormat, typer.Option("--output", "-o", help="For people, or for programs.")
]


class DryRun(StrEnum):
    """Whether something is kept, by the words of kubectl."""

    NONE = "none"
    SERVER = "server"


DryRunOption = Annotated[
    DryRun,
    typer.Option("--dry-run", metavar="HOW", help="server: judged, but not kept."),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for what comes of it.")]
Timeout = Annotated[str, typer.Option(help="How long to wait.")]
Zone = Annotated[
    str, typer.Option(help="Of times, as Europe/Paris; else the machine's.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for whoever reads it.")]
Answer = Annotated[
    ListFormat,
    typer.Option(
        "--output",
        "-o",
        metavar="FORMAT",
        help="table, json, yaml or name.",
        show_default=False,
    ),
]
"""``Output`` of commands whose answer is a sentence or an object."""
