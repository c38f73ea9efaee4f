"""``argogrant version``: print the versions of the program and its libraries."""

import click

from argogrant import __version__
from argogrant.cli.formats import DocumentFormat


def version(
    *,
    output: DocumentFormat,
) -> None:
    """Print the version of the program."""
    if output is DocumentFormat.TEXT:
        click.echo(__version__)
    else:
        _print_versions(output)


def _print_versions(output: DocumentFormat) -> None:
    # The plain version is printed without these imports, which take longer than it.
    import json  # noqa: PLC0415
    import platform  # noqa: PLC0415
    from importlib import metadata  # noqa: PLC0415

    import yaml  # noqa: PLC0415

    from argogrant.api.new_objects import API_VERSION  # noqa: PLC0415

    versions = {
        "version": __version__,
        "apiVersion": API_VERSION,
        "aiohttp": metadata.version("aiohttp"),
        "python": platform.python_version(),
    }
    if output is DocumentFormat.JSON:
        click.echo(json.dumps(versions, indent=2))
    else:
        click.echo(yaml.safe_dump(versions, sort_keys=False), nl=False)
