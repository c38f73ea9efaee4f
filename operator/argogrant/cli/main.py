"""Command ``argogrant``, also installed as ``kubectl argogrant``."""

import sys

import typer
from typer.completion import completion_init  # type: ignore[attr-defined]

from argogrant.cli.admin import operator, sweep, uninstall, version
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

# Answer the shell's completion requests without adding typer's own options for them.
completion_init()
app = typer.Typer(
    help="Time-bound, approved and audited access to Argo CD.",
    epilog="Use argogrant COMMAND --help for the options of a command and an example.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command()(request)
app.command()(approve)
app.command()(deny)
app.command(short_help="Extend a grant, or shorten it.")(extend)
app.command(short_help="Revoke grants at once and permanently.")(revoke)
app.command("list", short_help="List grants: subjects, roles, states and ends.")(
    list_grants
)
app.command("show", short_help="Explain why a grant gives access, or why not.")(
    show_grant
)
app.command(short_help="List the roles that a grant can name.")(roles)
app.command(short_help="Check whether Argo CD allows a request, and by which rule.")(
    can
)
app.command(short_help="Report past access: subjects, times, reasons and approvers.")(
    report
)
app.command(short_help="Show what the operator would write to Argo CD, as a diff.")(
    plan
)
app.command(short_help="Diagnose an installation and print remedies.")(doctor)
app.command(short_help="Run the operator.")(operator)
app.command(short_help="Remove expired bindings, without the operator.")(sweep)
app.command(short_help="Remove all bindings and finalizers before uninstalling.")(
    uninstall
)
app.command()(completion)
app.command(short_help="Print the version.")(version)


def plugin() -> None:
    """Run as ``kubectl argogrant``; the help then shows this name."""
    app(prog_name="kubectl argogrant")


def complete_plugin() -> None:
    """Print completions for ``kubectl argogrant``."""
    answer_kubectl(app, sys.argv[1:])


if __name__ == "__main__":
    app()
