"""``argogrant operator``: kopf, with our handlers and these settings."""

import os
import sys
from typing import Annotated

import typer


def operator(  # noqa: PLR0913
    namespace: Annotated[
        list[str], typer.Option(help="A namespace to serve; may be repeated.")
    ],
    *,
    leader_elect: Annotated[
        bool,
        typer.Option(help="Wait for the Lease argogrant, so that one replica leads."),
    ] = True,
    lease_namespace: Annotated[
        str, typer.Option(help="Where the Lease is.  [default: the first namespace]")
    ] = "",
    lease_seconds: Annotated[
        float, typer.Option(help="How long others wait for a silent leader.", min=1)
    ] = 15,
    identity: Annotated[
        str,
        typer.Option(
            help="The name in the Lease, as the pod's.  [default: host and process]"
        ),
    ] = "",
    port: Annotated[
        int, typer.Option(help="Where /metrics, /livez and /readyz are served.", min=1)
    ] = 8080,
    sweep_seconds: Annotated[
        float, typer.Option(help="How often everything is listed anew.", min=1)
    ] = 60,
) -> None:
    """Run the operator.

    Example: argogrant operator --namespace argogrant
    """
    told = {
        "NAMESPACES": ",".join(namespace),
        "LEASE_NAMESPACE": (lease_namespace or namespace[0]) if leader_elect else "",
        "LEASE_SECONDS": lease_seconds,
        "IDENTITY": identity,
        "PORT": port,
        "SWEEP_SECONDS": sweep_seconds,
    }
    os.environ.update({f"ARGOGRANT_{name}": str(value) for name, value in told.items()})
    command = [sys.executable, "-m", "kopf", "run", "-m", "argogrant.handlers"]
    for one in namespace:
        command += ["--namespace", one]
    os.execv(sys.executable, command)  # noqa: S606
