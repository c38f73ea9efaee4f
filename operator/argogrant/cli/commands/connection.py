"""Options of every command that choose API server, credential and time-out.

They have kubectl's names and meanings, and can be given before the command or after it.
The help of ``argogrant`` lists them, that of a command does not. A command that has an
option of the same name keeps its own: ``argogrant request --user`` is a user of Argo
CD. Such an option is then given before the command.
"""

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, Final

import click

Settings = dict[str, Any]
_given: ContextVar[Settings | None] = ContextVar("given", default=None)
_FILE: Final[Settings] = {"metavar": "FILE", "type": click.Path()}
_OPTIONS: Final[tuple[tuple[tuple[str, ...], str, Settings], ...]] = (
    (
        ("--kubeconfig",),
        "Path of the kubeconfig file.  [default: KUBECONFIG, else ~/.kube/config]",
        _FILE,
    ),
    (("--context",), "Name of the kubeconfig context to use.  [default: current]", {}),
    (("--namespace", "-n"), "Namespace of the grants.", {}),
    (("--cluster",), "Name of the kubeconfig cluster to use.", {}),
    (("--user",), "Name of the kubeconfig user to use.", {}),
    (("--server", "-s"), "URL of the Kubernetes API server.", {"metavar": "URL"}),
    (("--as", "as_user"), "Username to impersonate.", {}),
    (
        ("--as-group", "as_groups"),
        "Group to impersonate; may be repeated.",
        {"multiple": True},
    ),
    (("--as-uid",), "UID to impersonate.", {}),
    (
        ("--as-user-extra",),
        "Extra field to impersonate; may be repeated.",
        {"multiple": True, "metavar": "KEY=VALUE"},
    ),
    (("--token",), "Bearer token for the API server.", {}),
    (("--client-certificate",), "Path of a client certificate for TLS.", _FILE),
    (("--client-key",), "Path of the key of the client certificate.", _FILE),
    (("--certificate-authority",), "Path of the CA certificates of the server.", _FILE),
    (
        ("--insecure-skip-tls-verify",),
        "Do not verify the certificate of the server.",
        {"is_flag": True},
    ),
    (("--tls-server-name",), "Host name in the certificate of the server.", {}),
    (("--proxy-url",), "Proxy for requests to the server.", {"metavar": "URL"}),
    (
        ("--request-timeout",),
        "Time to wait for a single request, such as 30s.  [default: no limit]",
        {"metavar": "DURATION"},
    ),
)


def connection_options(
    taken: Sequence[click.Parameter] | None = None,
) -> list[click.Option]:
    """Declare the options.

    Args:
        taken: Parameters of a command, which has the options without listing them;
            None for the whole program.
    """
    names = {name for one in taken or () for name in (*one.opts, one.name)}
    options = [
        click.Option(
            declarations,
            help=text,
            hidden=taken is not None,
            expose_value=False,
            callback=_remember,
            **settings,
        )
        for declarations, text, settings in _OPTIONS
    ]
    return [one for one in options if not names.intersection((*one.opts, one.name))]


def given_options() -> Settings:
    """Return the options of the command that runs, by the names of their parameters."""
    return dict(_given.get() or {})


def forget_options() -> None:
    """Forget the options of an earlier command line of this process."""
    _given.set(None)


def _remember(_: click.Context, option: click.Parameter, value: object) -> None:
    if value:
        _given.set({**given_options(), str(option.name): value})
