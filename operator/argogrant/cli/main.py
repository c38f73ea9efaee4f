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
for name, command, short_help in (
    ("request", request, None),
    ("approve", approve, None),
    ("deny", deny, None),
    ("extend", extend, "Extend a grant, or shorten it."),
    ("revoke", revoke, "Revoke grants at once and permanently."),
    ("list", list_grants, "List grants: subjects, roles, states and ends."),
    ("show", show_grant, "Explain why a grant gives access, or why not."),
    ("roles", roles, "List the roles that a grant can name."),
    ("can", can, "Check whether Argo CD allows a request, and by which rule."),
    ("report", report, "Report past access: subjects, times, reasons and approvers."),
    ("plan", plan, "Show what the operator would write to Argo CD, as a diff."),
    ("doctor", doctor, "Diagnose an installation and print remedies."),
    ("operator", operator, "Run the operator."),
    ("sweep", sweep, "Remove expired bindings, without the operator."),
    ("uninstall", uninstall, "Remove all bindings and finalizers before uninstalling."),
    ("completion", completion, None),
    ("version", version, "Print the version."),
):
    app.command(name, short_help=short_help)(command)


def plugin() -> None:
    """Run as ``kubectl argogrant``; the help then shows this name."""
    app(prog_name="kubectl argogrant")


def complete_plugin() -> None:
    """Print completions for ``kubectl argogrant``."""
    answer_kubectl(app, sys.argv[1:])


if __name__ == "__main__":
    app()
