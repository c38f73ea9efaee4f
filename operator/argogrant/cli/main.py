"""Command ``argogrant``, also installed as ``kubectl argogrant``.

The module of a command is imported when the command runs: all of them together take
longer to import than most commands take to run.
"""

import contextlib
import io
import os
import shlex
import sys
from importlib import import_module
from typing import Any, Final

import typer
from typer.completion import completion_init  # type: ignore[attr-defined]
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command_from_info
from typer.models import CommandInfo

COMMANDS: Final = (
    (
        "request",
        "change.request:request",
        "Request a role: create an AccessGrant in your name.",
    ),
    ("approve", "change.approve:approve", "Approve a grant."),
    (
        "deny",
        "change.approve:deny",
        "Deny a grant permanently; an active grant ends.",
    ),
    ("extend", "change.extend:extend", "Extend a grant, or shorten it."),
    ("revoke", "change.revoke:revoke", "Revoke grants at once and permanently."),
    (
        "list",
        "inspect.list_grants:list_grants",
        "List grants: subjects, roles, states and ends.",
    ),
    (
        "show",
        "inspect.show:show_grant",
        "Explain why a grant gives access, or why not.",
    ),
    ("roles", "inspect.roles:roles", "List the roles that a grant can name."),
    (
        "can",
        "simulate.can:can",
        "Check whether Argo CD allows a request, and by which rule.",
    ),
    (
        "report",
        "report.report:report",
        "Report past access: subjects, times, reasons and approvers.",
    ),
    (
        "plan",
        "simulate.plan:plan",
        "Show what the operator would write to Argo CD, as a diff.",
    ),
    (
        "doctor",
        "doctor.doctor:doctor",
        "Diagnose an installation and print remedies.",
    ),
    ("operator", "run_operator:operator", "Run the operator."),
    (
        "allow",
        "admin:allow",
        "Allow namespaces to bind in an Argo CD.",
    ),
    (
        "sweep",
        "admin:sweep",
        "Remove expired bindings, without the operator.",
    ),
    (
        "uninstall",
        "admin:uninstall",
        "Remove all bindings and finalizers before uninstalling.",
    ),
    (
        "completion",
        "completion:completion",
        "Print the completion script for a shell.",
    ),
    ("version", "version:version", "Print the version."),
)
"""Name, function in ``argogrant.cli``, and short help of every command."""
NO_FILES: Final = ":4"
"""Source: ``ShellCompDirectiveNoFileComp``, https://github.com/spf13/cobra."""


class LazyCommand(TyperCommand):
    """Command whose module is imported when it runs, shows its help or is completed.

    Args:
        name: Name of the command.
        function: Module and function, such as ``change.request:request``.
        short_help: Text in the list of commands.
    """

    def __init__(self, name: str, function: str, short_help: str) -> None:
        super().__init__(name, short_help=short_help)
        self._function = function

    def load(self) -> Any:  # noqa: ANN401 - typer does not export the type
        """Import the module, and build the command from the function."""
        module, _, function = self._function.partition(":")
        callback = getattr(import_module(f"argogrant.cli.{module}"), function)
        info = CommandInfo(self.name, callback=callback, short_help=self.short_help)
        return get_command_from_info(
            info, pretty_exceptions_short=True, rich_markup_mode=None
        )

    def make_context(self, *args: Any, **settings: Any) -> Any:  # noqa: ANN401
        """Parse the arguments as the imported command."""
        return self.load().make_context(*args, **settings)


class Commands(TyperGroup):
    """All commands."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401
        super().__init__(**settings)
        for row in COMMANDS:
            self.add_command(LazyCommand(*row))


# Answer the shell's completion requests without adding typer's own options for them.
completion_init()
app = typer.Typer(
    cls=Commands,
    help="Time-bound, approved and audited access to Argo CD.",
    epilog="Use argogrant COMMAND --help for the options of a command and an example.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    callback=lambda: None,
)


def plugin() -> None:
    """Run as ``kubectl argogrant``; the help then shows this name."""
    app(prog_name="kubectl argogrant")


def complete_plugin() -> None:
    """Print completions for ``kubectl argogrant`` in the protocol of kubectl plugins.

    The arguments of the process are the words after the name of the plugin; the last
    one is incomplete.

    Source: https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/.
    """
    words = sys.argv[1:]
    os.environ["_ARGOGRANT_COMPLETE"] = "complete_bash"
    os.environ["COMP_WORDS"] = shlex.join(["argogrant", *words])
    os.environ["COMP_CWORD"] = str(len(words))
    output = io.StringIO()
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(output):
        app(args=[], prog_name="argogrant")
    names = [name for name in output.getvalue().splitlines() if name]
    sys.stdout.write("".join(f"{line}\n" for line in (*names, NO_FILES)))


if __name__ == "__main__":
    app()
