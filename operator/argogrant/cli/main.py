"""The command ``argogrant``, which is ``kubectl argogrant`` as well."""

import sys

import typer
from typer.completion import completion_init  # type: ignore[attr-defined]

from argogrant.cli.admin.run_operator import operator
from argogrant.cli.admin.sweep import sweep
from argogrant.cli.admin.uninstall import uninstall
from argogrant.cli.admin.version import version
from argogrant.cli.change.approve import approve, deny
from argogrant.cli.change.extend import extend
from argogrant.cli.change.request import request
from argogrant.cli.change.revoke import revoke
from argogrant.cli.completion import answer_kubectl, completion
from argogrant.cli.doctor.doctor import doctor
from argogrant.cli.inspect.list_grants import list_grants
from argogrant.cli.inspect.roles import roles
from argogrant.cli.inspect.show import show_grant
from argogrant.cli.report.report import report
from argogrant.cli.simulate.can import can
from argogrant.cli.simulate.plan import plan

completion_init()  # answers shells, without options of its own for that
app = typer.Typer(
    help="Time-bound, approved, audited access to Argo CD.",
    epilog="argogrant COMMAND --help has its options and an example.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command()(request)
app.command()(approve)
app.command(short_help="Refuse a grant, for good; one that runs ends.")(deny)
app.command()(extend)
app.command()(revoke)
app.command("list", short_help="Say who has which role until when.")(list_grants)
app.command("show", short_help="Say why a grant gives access, or why it does not.")(
    show_grant
)
app.command(short_help="List the roles that a grant can name.")(roles)
app.command(short_help="Tell whether Argo CD lets somebody do something, and why.")(can)
app.command(short_help="Say who had which role when, why, and who agreed.")(report)
app.command(short_help="Show what the operator would write into Argo CD, as a diff.")(
    plan
)
app.command()(doctor)
app.command(short_help="Run the operator.")(operator)
app.command()(sweep)
app.command(short_help="Remove every binding and finalizer, so that it can go.")(
    uninstall
)
app.command(short_help="Print the script that makes a shell complete words.")(
    completion
)
app.command(short_help="Print the version.")(version)


def plugin() -> None:
    """Run as ``kubectl argogrant``, by which name the help goes then."""
    app(prog_name="kubectl argogrant")


def complete_plugin() -> None:
    """Tell kubectl what may come next."""
    answer_kubectl(app, sys.argv[1:])


if __name__ == "__main__":
    app()
