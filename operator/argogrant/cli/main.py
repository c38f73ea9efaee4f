"""The command ``argogrant``."""

import os
import sys
from typing import Annotated

import typer

from argogrant import __version__

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command()
def operator(
    namespace: Annotated[
        list[str], typer.Option(help="A namespace to serve; may be repeated.")
    ],
    sweep_seconds: Annotated[
        float, typer.Option(help="How often everything is listed anew.", min=1)
    ] = 60,
) -> None:
    """Run the operator.

    Example: argogrant operator --namespace argogrant
    """
    os.environ["ARGOGRANT_SWEEP_SECONDS"] = str(sweep_seconds)
    command = [sys.executable, "-m", "kopf", "run", "-m", "argogrant.handlers"]
    for one in namespace:
        command += ["--namespace", one]
    os.execv(sys.executable, command)  # noqa: S606


@app.command()
def version() -> None:
    """Print the version.

    Example: argogrant version
    """
    typer.echo(__version__)


if __name__ == "__main__":
    app()
