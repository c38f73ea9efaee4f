"""Command whose work is imported when it runs."""

import inspect
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

import click

from argogrant.cli.commands.connection import connection_options

PACKAGE: Final = "argogrant.cli"


def load(function: str) -> Callable[..., Any]:
    """Import a function, such as ``change.request:request``."""
    module, _, name = function.partition(":")
    found: Callable[..., Any] = getattr(import_module(f"{PACKAGE}.{module}"), name)
    return found


class Command(click.Command):
    """Command that passes its parameters to a function, which it imports first.

    It also accepts the options that choose API server and credential (``connection``).

    Args:
        name: Name of the command.
        function: Module and function in ``argogrant.cli``.
        short_help: Text in the list of commands.
        help: Description and example.
        params: Arguments and options; the function has an argument for each.
    """

    def __init__(
        self,
        name: str,
        function: str,
        short_help: str,
        help: str,  # noqa: A002 - the name in click
        params: Sequence[click.Parameter],
    ) -> None:
        super().__init__(
            name,
            help=inspect.cleandoc(help),
            short_help=short_help,
            params=[*params, *connection_options(params)],
            callback=self._run,
        )
        self.function = function

    def _run(self, **values: Any) -> None:  # noqa: ANN401
        load(self.function)(**values)
