"""Command whose work is imported when it runs."""

import inspect
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

import click

from argogrant.cli.commands.connection import connection_options

PACKAGE: Final = "argogrant.cli"
_TRUE: Final = ("1", "t", "T", "true", "TRUE", "True")
_FALSE: Final = ("0", "f", "F", "false", "FALSE", "False")


def load(function: str) -> Callable[..., Any]:
    """Import a function, such as ``change.request:request``."""
    module, _, name = function.partition(":")
    found: Callable[..., Any] = getattr(import_module(f"{PACKAGE}.{module}"), name)
    return found


def without_flag_values(command: click.Command, args: Sequence[str]) -> list[str]:
    """Replace ``--flag=true`` by ``--flag``, and ``--flag=false`` by ``--no-flag``.

    The latter is left out where there is no ``--no-flag``.

    Source: spf13/pflag, ``bool.go``; golang/go, ``strconv.ParseBool``.
    """
    flags = {
        name: one.secondary_opts[:1]
        for one in command.params
        if isinstance(one, click.Option) and one.is_flag
        for name in one.opts
        if name.startswith("--")
    }
    end = args.index("--") if "--" in args else len(args)
    kept: list[str] = []
    for arg in args[:end]:
        name, equals, value = arg.partition("=")
        if not equals or name not in flags or value not in (*_TRUE, *_FALSE):
            kept.append(arg)
        else:
            kept += [name] if value in _TRUE else flags[name]
    return [*kept, *args[end:]]


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

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; flags may have a value."""
        return super().parse_args(context, without_flag_values(self, args))

    def _run(self, **values: Any) -> None:  # noqa: ANN401
        load(self.function)(**values)
