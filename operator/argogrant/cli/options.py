"""The options that commands share, by the words of kubectl."""

from enum import StrEnum
from typing import Annotated

import typer

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
    str, typer.Option("--instance", help="The ArgoCDInstance that it is about.")
]


class Format(StrEnum):
    """How something is written, by the words of kubectl."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


Output = Annotated[
    Format, typer.Option("--output", "-o", help="For people, or for programs.")
]
