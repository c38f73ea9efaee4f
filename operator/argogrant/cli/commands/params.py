"""Arguments and options that several commands share, and how each one is declared."""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeVar

import click

from argogrant.cli.commands.command import load
from argogrant.cli.formats import DryRun, ListFormat

Choices = TypeVar("Choices", bound=Enum)
Complete = Callable[[click.Context, click.Parameter, str], list[str]]


class EnumChoice(click.Choice[Choices]):
    """Values of an enumeration; click would offer the names of its members."""

    def normalize_choice(self, choice: object, ctx: click.Context | None) -> str:
        """Return the value of a member, or the text itself."""
        value = choice.value if isinstance(choice, Enum) else choice
        return super().normalize_choice(value, ctx)


_GROUPS: Final = ("", "argogrant.dev", "v1alpha1.argogrant.dev")


class ObjectName(click.ParamType[str]):
    """Name of an object, also as ``TYPE/NAME``, in every form that kubectl accepts.

    Args:
        types: Singular, plural and short name of the kind.
    """

    name = "name"

    def __init__(self, *types: str) -> None:
        self._types = types

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the name without its type; any other text is returned unchanged.

        The API server's rules for names are checked where the name is used.
        """
        del param, ctx
        kind, _, name = value.partition("/")
        resource, _, group = kind.lower().partition(".")
        is_typed = resource in self._types and group in _GROUPS
        return name if is_typed else value


def option(
    *declarations: str,
    help: str,  # noqa: A002 - the name in click
    default: str | float = "",
    **settings: Any,  # noqa: ANN401
) -> click.Option:
    """Declare an option with a text or a number."""
    return click.Option(
        declarations,
        default=default,
        show_default=default != "",
        help=help,
        **settings,
    )


def flag(*declarations: str, help: str) -> click.Option:  # noqa: A002
    """Declare an option without a value."""
    return click.Option(declarations, is_flag=True, default=False, help=help)


def repeated(
    *declarations: str,
    help: str,  # noqa: A002
    required: bool = False,
    **settings: Any,  # noqa: ANN401
) -> click.Option:
    """Declare an option that may be repeated."""
    return click.Option(
        declarations, multiple=True, help=help, required=required, **settings
    )


def choice(
    *declarations: str,
    values: type[Enum],
    default: Enum,
    help: str,  # noqa: A002
    **settings: Any,  # noqa: ANN401
) -> click.Option:
    """Declare an option with one of the values of an enumeration."""
    return click.Option(
        declarations,
        type=EnumChoice(values),
        default=default.value,
        help=help,
        **{"show_default": True, **settings},
    )


def argument(
    name: str,
    metavar: str,
    help: str,  # noqa: A002
    **settings: Any,  # noqa: ANN401
) -> click.Argument:
    """Declare an argument."""
    return click.Argument([name], metavar=metavar, help=help, **settings)


def complete_with(function: str) -> Complete:
    """Return a completion by a function of ``object_names``, which it imports."""

    def complete(
        context: click.Context, _: click.Parameter, incomplete: str
    ) -> list[str]:
        names: list[str] = load(f"object_names:{function}")(context, incomplete)
        return names

    return complete


GRANT: Final = ObjectName("accessgrant", "accessgrants", "agrant")
INSTANCE: Final = ObjectName("argocdinstance", "argocdinstances", "argoinst")
COMPLETE_GRANTS: Final = complete_with("grant_names")
COMPLETE_INSTANCES: Final = complete_with("instance_names")
COMPLETE_ROLES: Final = complete_with("role_names")

NAMESPACE: Final = option(
    *("--namespace", "-n"),
    envvar="ARGOGRANT_NAMESPACE",
    help=(
        "Namespace of the grants.  [default: namespace of the context, else argogrant]"
    ),
)
CONTEXT: Final = option(
    "--context", help="Name of the kubeconfig context to use.  [default: current]"
)
ARGOCD_CONTEXT: Final = option(
    "--argocd-context", help="Kubeconfig context of Argo CD's cluster, if another."
)
ARGOCD_NAMESPACE: Final = option(
    "--argocd-namespace", default="argocd", help="Namespace of argocd-rbac-cm."
)
INSTANCE_NAME: Final = option(
    "--instance",
    default="default",
    type=INSTANCE,
    shell_complete=COMPLETE_INSTANCES,
    help="Name of the ArgoCDInstance.",
)
GRANT_NAMES: Final = argument(
    *("names", "NAME...", "Names of AccessGrants; without one, you choose."),
    nargs=-1,
    type=GRANT,
    shell_complete=COMPLETE_GRANTS,
)
SELECTOR: Final = option(
    *("--selector", "-l"), help="Selector (label query), such as key1=value1."
)
OUTPUT: Final = choice(
    *("--output", "-o"),
    values=ListFormat,
    default=ListFormat.TABLE,
    help="Output format.",
)
ANSWER: Final = choice(
    *("--output", "-o"),
    values=ListFormat,
    default=ListFormat.TABLE,
    metavar="FORMAT",
    show_default=False,
    help="Output format. One of: table, json, yaml, name.",
)
"""``OUTPUT`` of commands that print a sentence or an object."""
NO_HEADERS: Final = flag("--no-headers", help="Print no column headers.")
DRY_RUN: Final = choice(
    "--dry-run",
    values=DryRun,
    default=DryRun.NONE,
    metavar="STRATEGY",
    help="none, or server: submit the request without persisting it.",
)
WAIT: Final = flag("--wait", help="Wait until the change has taken effect.")
ZONE: Final = option(
    "--zone", help="Time zone, such as Europe/Paris.  [default: local]"
)


def timeout(default: str) -> click.Option:
    """Declare the time limit of ``--wait``."""
    return option(
        "--timeout",
        default=default,
        help="Length of time to wait before giving up, such as 90s.",
    )
