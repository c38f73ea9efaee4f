"""``argogrant operator``: run kopf, with the handlers of the operator, in this process.

A child process would find its modules by another import path: ``python -m kopf``
searches the current directory first.
"""

import json
import os
import runpy
import sys
from collections.abc import Sequence

import click

from argogrant.cli.commands.connection import given_options
from argogrant.kube.own_namespace import own_namespace


def operator(  # noqa: PLR0913 - one for each option
    *,
    namespace: Sequence[str],
    leader_elect: bool,
    lease_namespace: str,
    operator_namespace: str,
    lease_seconds: float,
    identity: str,
    accept_unverified_requesters: bool,
    port: int,
    sweep_seconds: float,
    audit_sink: str,
    audit_sink_token_file: str,
    audit_sink_ca_file: str,
    audit_spool: str,
) -> None:
    """Configure the operator, and replace this process by it."""
    if audit_sink:
        _check_sink(audit_sink)
    settings = {
        "NAMESPACES": ",".join(namespace),
        "LEASE_NAMESPACE": (lease_namespace or namespace[0]) if leader_elect else "",
        "OPERATOR_NAMESPACE": operator_namespace
        or own_namespace(lease_namespace, namespace),
        "LEASE_SECONDS": lease_seconds,
        "IDENTITY": identity,
        "ACCEPT_UNVERIFIED_REQUESTERS": str(accept_unverified_requesters).lower(),
        "PORT": port,
        "SWEEP_SECONDS": sweep_seconds,
        "AUDIT_SINK": audit_sink,
        "AUDIT_SINK_TOKEN_FILE": audit_sink_token_file,
        "AUDIT_SINK_CA_FILE": audit_sink_ca_file,
        "AUDIT_SPOOL": audit_spool,
    }
    connection = {
        key: one for key, one in given_options().items() if key != "namespace"
    }
    if connection.pop("request_timeout", None):
        message = "the operator has time limits of its own"
        raise click.BadParameter(message, param_hint="--request-timeout")
    settings["CONNECTION"] = json.dumps(connection) if connection else ""
    os.environ.update(
        {f"ARGOGRANT_{name}": str(value) for name, value in settings.items()}
    )
    # The handlers are loaded as a module. A file path would put its folder first on
    # sys.path, where our modules would shadow those of the standard library.
    sys.argv = ["kopf", "run", "-m", "argogrant.handlers"]
    for one in namespace:
        sys.argv += ["--namespace", one]
    runpy.run_module("kopf", run_name="__main__")


def _check_sink(url: str) -> None:
    """Reject the URL of an audit sink before the operator starts.

    Raises:
        click.BadParameter: The URL is not accepted.
    """
    from argogrant.audit.http_sink import (  # noqa: PLC0415 - few operators have one
        InvalidSink,
        SinkTarget,
    )

    try:
        SinkTarget(url=url)
    except InvalidSink as error:
        raise click.BadParameter(str(error), param_hint="--audit-sink") from error
