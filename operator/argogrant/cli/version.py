"""``argogrant version``: print the versions of the program and its libraries."""

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
    """Output formats of the version."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


def version(
    *,
    output: Annotated[
        VersionFormat, typer.Option("--output", "-o", help="Output format.")
    ] = VersionFormat.TEXT,
) -> None:
    """Print the version; with -o json also the API, Python and library versions.

    Example: argogrant version -o json
    """
    versions = {
        "version": __version__,
        "apiVersion": API_VERSION,
        "kubernetesClient": metadata.version("kubernetes"),
        "python": platform.python_version(),
    }
    match output:
        case VersionFormat.JSON:
            typer.echo(json.dumps(versions, indent=2))
        case VersionFormat.YAML:
            typer.echo(yaml.safe_dump(versions, sort_keys=False), nl=False)
        case VersionFormat.TEXT:
            typer.echo(__version__)
