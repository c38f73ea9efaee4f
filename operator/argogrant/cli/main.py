"""The command ``argogrant``."""

import typer

from argogrant import __version__
from argogrant.cli.can import can
from argogrant.cli.doctor import doctor
from argogrant.cli.plan import plan
from argogrant.cli.roles import roles
from argogrant.cli.run import operator
from argogrant.cli.sweep import sweep
from argogrant.cli.uninstall import uninstall

app = typer.Typer(no_args_is_help=True, add_completion=False)
app.command()(operator)
app.command()(sweep)
app.command()(roles)
app.command()(can)
app.command()(plan)
app.command()(doctor)
app.command()(uninstall)


@app.command()
def version() -> None:
    """Print the version.

    Example: argogrant version
    """
    typer.echo(__version__)


if __name__ == "__main__":
    app()
