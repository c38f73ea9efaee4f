"""The command ``argogrant``."""

import typer

from argogrant import __version__
from argogrant.cli.approve import approve, deny
from argogrant.cli.can import can
from argogrant.cli.doctor import doctor
from argogrant.cli.extend import extend
from argogrant.cli.grants import list_grants
from argogrant.cli.request import request
from argogrant.cli.revoke import revoke
from argogrant.cli.report import report
from argogrant.cli.plan import plan
from argogrant.cli.roles import roles
from argogrant.cli.run import operator
from argogrant.cli.show import show_grant
from argogrant.cli.sweep import sweep
from argogrant.cli.uninstall import uninstall

app = typer.Typer(no_args_is_help=True, add_completion=False)
app.command()(operator)
app.command()(sweep)
app.command("list")(list_grants)
app.command("show")(show_grant)
app.command()(report)
app.command()(roles)
app.command()(request)
app.command()(approve)
app.command()(deny)
app.command()(extend)
app.command()(revoke)
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
