"""Command ``argogrant``, also installed as ``kubectl argogrant``.

Only the names, options and help of the commands are imported here. The module of a
command is imported when the command runs: all of them together take longer to import
than most commands take to run.
"""

import sys
from collections.abc import Sequence
from typing import Any, Final

import click

from argogrant import __version__
from argogrant.cli.commands import administration, change, inspection
from argogrant.cli.commands.command import load, without_flag_values
from argogrant.cli.commands.connection import connection_options, forget_options
from argogrant.cli.last_resort import contained
from argogrant.cli.terminal.questions import Interrupted

COMMANDS: Final = (
    change.REQUEST,
    change.APPROVE,
    change.DENY,
    change.EXTEND,
    change.REVOKE,
    inspection.LIST,
    inspection.SHOW,
    inspection.WHOAMI,
    inspection.ROLES,
    inspection.CAN,
    inspection.REVIEW,
    inspection.REPORT,
    administration.PLAN,
    administration.DOCTOR,
    administration.OPERATOR,
    administration.ALLOW,
    administration.SWEEP,
    administration.UNINSTALL,
    administration.COMPLETION,
    administration.VERSION,
)
INTERRUPTED: Final = 130
"""The user typed Ctrl-C: 128 plus the number of SIGINT, as in shells."""


class Commands(click.Group):
    """All commands, in the order of ``COMMANDS``."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the names in the order in which they were added."""
        return list(self.commands)

    def make_context(self, *args: Any, **settings: Any) -> click.Context:  # noqa: ANN401
        """Parse a new command line; options of an earlier one do not apply."""
        forget_options()
        return super().make_context(*args, **settings)

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Parse the options before the command; flags may have a value."""
        return super().parse_args(context, without_flag_values(self, args))

    def main(self, *args: Any, **settings: Any) -> Any:  # noqa: ANN401
        """Run a command; an exception that nobody foresaw ends in one line."""
        with contained():
            return super().main(*args, **settings)

    def invoke(self, context: click.Context) -> Any:  # noqa: ANN401
        """Run a command; Ctrl-C ends it with the exit status that shells expect."""
        try:
            return super().invoke(context)
        except (KeyboardInterrupt, Interrupted):
            raise click.exceptions.Exit(INTERRUPTED) from None


class Completion(click.Command):
    """Hidden command that prints completions for a shell; see ``completion``."""

    def __init__(self, name: str) -> None:
        super().__init__(name, hidden=True, callback=self._complete)

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Keep the words as they are, since options among them are to be completed."""
        context.params["words"] = tuple(args)
        return []

    def _complete(self, words: Sequence[str]) -> None:
        load("completion:complete")(app, self.name, words)


app = Commands(
    commands=[*COMMANDS, Completion("__complete"), Completion("__complete_line")],
    help="Time-bound, approved and audited access to Argo CD.",
    epilog="Use argogrant COMMAND --help for the options of a command and an example.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    params=[
        *connection_options(),
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=lambda context, _, value: _print_version(context, value),
            help="Print the version and exit.",
        ),
    ],
)


def _print_version(context: click.Context, value: bool) -> None:  # noqa: FBT001
    if value and not context.resilient_parsing:
        click.echo(__version__)
        context.exit()


def plugin() -> None:
    """Run as ``kubectl argogrant``; the help then shows this name."""
    app(prog_name="kubectl argogrant")


def complete_plugin() -> None:
    """Print completions for ``kubectl argogrant`` in the protocol of kubectl plugins.

    The arguments of the process are the words after the name of the plugin; the last
    one is incomplete.

    Source: https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/.
    """
    load("completion:complete_plugin")(app, sys.argv[1:])


if __name__ == "__main__":
    app()
