"""``argogrant operator``: run kopf, with the handlers of the operator, in this process.

A child process would find its modules by another import path: ``python -m kopf``
searches the current directory first.
"""

import os
import runpy
import sys
from functools import partial
from typing import Annotated

import typer

from argogrant.kube.own_namespace import own_namespace

_name = partial(typer.Option, metavar="NAME")
_seconds = partial(typer.Option, metavar="SECONDS", min=1)
_file = partial(typer.Option, metavar="FILE")


def operator(  # noqa: PLR0913
    namespace: Annotated[
        list[str], _name(help="Namespace with ArgoCDInstances; may be repeated.")
    ],
    *,
    leader_elect: Annotated[
        bool, typer.Option(help="Leader election with the Lease argogrant.")
    ] = True,
    lease_namespace: Annotated[
        str, _name(help="Namespace of the Lease.  [default: first --namespace]")
    ] = "",
    operator_namespace: Annotated[
        str,
        _name(
            help=(
                "Namespace whose ArgoCDInstances may bind in an Argo CD that names"
                " none.  [default: the pod's, else --lease-namespace, else the only"
                " --namespace]"
            )
        ),
    ] = "",
    lease_seconds: Annotated[
        float,
        _seconds(
            help="Duration of the Lease without renewal; the same for all replicas."
        ),
    ] = 15,
    identity: Annotated[
        str, _name(help="Identity in the Lease.  [default: host and process]")
    ] = "",
    accept_unverified_requesters: Annotated[
        bool,
        typer.Option(
            "--accept-unverified-requesters",
            help=(
                "Trust spec.requester and spec.approver without the admission policies."
            ),
        ),
    ] = False,
    port: Annotated[
        int,
        typer.Option(
            metavar="PORT", help="Port of /metrics, /livez and /readyz.", min=1
        ),
    ] = 8080,
    sweep_seconds: Annotated[
        float, _seconds(help="Interval of the full resync from lists.")
    ] = 60,
    audit_sink: Annotated[
        str,
        typer.Option(
            metavar="URL", help="URL that audit events are posted to; https:// only."
        ),
    ] = "",
    audit_sink_token_file: Annotated[
        str, _file(help="File with the bearer token of the sink.")
    ] = "",
    audit_sink_ca_file: Annotated[
        str, _file(help="File with CA certificates, instead of the system's.")
    ] = "",
    audit_spool: Annotated[
        str,
        typer.Option(
            metavar="DIRECTORY", help="Folder that buffers events for the sink."
        ),
    ] = "",
) -> None:
    """Run the operator. Logs go to stderr, audit events to stdout.

    Example: argogrant operator --namespace argogrant
    """
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
    os.environ.update(
        {f"ARGOGRANT_{name}": str(value) for name, value in settings.items()}
    )
    # The handlers are loaded as a module. A file path would put its folder first on
    # sys.path, where our modules would shadow those of the standard library.
    sys.argv = ["kopf", "run", "-m", "argogrant.handlers"]
    for one in namespace:
        sys.argv += ["--namespace", one]
    # typer formats exceptions for users of commands; a log needs the traceback.
    sys.excepthook = sys.__excepthook__
    runpy.run_module("kopf", run_name="__main__")


def _check_sink(url: str) -> None:
    """Reject the URL of an audit sink before the operator starts.

    Raises:
        typer.BadParameter: The URL is not accepted.
    """
    from argogrant.audit.http_sink import (  # noqa: PLC0415 - few operators have one
        InvalidSink,
        SinkTarget,
    )

    try:
        SinkTarget(url=url)
    except InvalidSink as error:
        raise typer.BadParameter(str(error), param_hint="--audit-sink") from error
