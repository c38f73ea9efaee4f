"""``argogrant version``: which one this is."""

import json
import platform
from enum import StrEnum
from importlib import metadata
from typing import Annotated

import typer
import yaml

from argogrant import __version__
from argogrant.api.new_objects import API_VERSION


class VersionFormat(StrEnum):
    """How it is written."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


def version(
    *,
    output: Annotated[
        VersionFormat,
        typer.Option("--output", "-o", help="For people, or for programs."),
    ] = VersionFormat.TEXT,
) -> None:
    """Print the version; for programs, also of what it speaks and runs on.

    Example: argogrant version -o json
    """
    about = {
        "version": __version__,
        "apiVersion": API_VERSION,
        "kubernetesClient": metadata.version("kubernetes"),
        "python": platform.python_version(),
    }
    match output:
        case VersionFormat.JSON:
            typer.echo(json.dumps(about, indent=2))
        case VersionFormat.YAML:
            typer.echo(yaml.safe_dump(about, sort_keys=False), nl=False)
        case VersionFormat.TEXT:
            typer.echo(__version__)
