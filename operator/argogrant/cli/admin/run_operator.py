"""``argogrant operator``: kopf, with our handlers and these settings."""

import os
import sys
from typing import Annotated

import typer

from argogrant.audit.http_sink import InvalidSink, SinkTarget


def operator(  # noqa: PLR0913
    namespace: Annotated[
        list[str],
        typer.Option(metavar="NAME", help="A namespace to serve; may be repeated."),
    ],
    *,
    leader_elect: Annotated[
        bool,
        typer.Option(help="Wait for the Lease argogrant, so that one replica leads."),
    ] = True,
    lease_namespace: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Of the Lease.  [default: the first namespace]"
        ),
    ] = "",
    lease_seconds: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", help="How long others wait for a silent leader.", min=1
        ),
    ] = 15,
    identity: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The name in the Lease, as the pod's.  [default: host and process]",
        ),
    ] = "",
    accept_unverified_requesters: Annotated[
        bool,
        typer.Option(
            "--accept-unverified-requesters",
            help="Believe spec.requester and spec.approver without admission/.",
        ),
    ] = False,
    port: Annotated[
        int,
        typer.Option(metavar="PORT", help="Of /metrics, /livez and /readyz.", min=1),
    ] = 8080,
    sweep_seconds: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", help="How often everything is listed anew.", min=1
        ),
    ] = 60,
    audit_sink: Annotated[
        str,
        typer.Option(
            metavar="URL", help="Where audit events are posted, https:// only."
        ),
    ] = "",
    audit_sink_token_file: Annotated[
        str, typer.Option(metavar="FILE", help="The bearer token for the sink.")
    ] = "",
    audit_sink_ca_file: Annotated[
        str,
        typer.Option(
            metavar="FILE", help="Certificates to trust instead of the system's."
        ),
    ] = "",
    audit_spool: Annotated[
        str, typer.Option(metavar="FOLDER", help="In which events wait for the sink.")
    ] = "",
) -> None:
    """Run the operator: its log on standard error, the audit on standard output.

    Example: argogrant operator --namespace argogrant
    """
    if audit_sink:
        _check_sink(audit_sink)
    told = {
        "NAMESPACES": ",".join(namespace),
        "LEASE_NAMESPACE": (lease_namespace or namespace[0]) if leader_elect else "",
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
    os.environ.update({f"ARGOGRANT_{name}": str(value) for name, value in told.items()})
    command = [sys.executable, "-m", "kopf", "run", "-m", "argogrant.handlers"]
    for one in namespace:
        command += ["--namespace", one]
    os.execv(sys.executable, command)  # noqa: S606


def _check_sink(url: str) -> None:
    try:
        SinkTarget(url=url)
    except InvalidSink as error:
        raise typer.BadParameter(str(error), param_hint="--audit-sink") from error
