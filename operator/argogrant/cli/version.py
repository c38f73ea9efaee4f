"""``argogrant version``: print the versions of the program and its libraries."""

from enum import StrEnum
from typing import Annotated

import typer

from argogrant import __version__


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
    if output is VersionFormat.TEXT:
        typer.echo(__version__)
    else:
        _print_versions(output)


def _print_versions(output: VersionFormat) -> None:
    # The plain version is printed without these imports, which take longer than it.
    import json  # noqa: PLC0415
    import platform  # noqa: PLC0415
    from importlib import metadata  # noqa: PLC0415

    import yaml  # noqa: PLC0415

    from argogrant.api.new_objects import API_VERSION  # noqa: PLC0415

    versions = {
        "version": __version__,
        "apiVersion": API_VERSION,
        "kubernetesClient": metadata.version("kubernetes"),
        "python": platform.python_version(),
    }
    if output is VersionFormat.JSON:
        typer.echo(json.dumps(versions, indent=2))
    else:
        typer.echo(yaml.safe_dump(versions, sort_keys=False), nl=False)
