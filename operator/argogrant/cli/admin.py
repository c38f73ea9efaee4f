"""Commands for administrators: operator, sweep, uninstall, version.

A CronJob runs ``sweep`` as a second path to every revocation, in case the operator is
down. The Helm chart runs ``uninstall`` as its pre-delete hook.
"""

import asyncio
import json
import os
import platform
import sys
from enum import StrEnum
from functools import partial
from importlib import metadata
from typing import Annotated

import typer
import yaml

from argogrant import __version__
from argogrant.api.new_objects import API_VERSION
from argogrant.argocd.appproject.members import SweptMembers
from argogrant.argocd.overlay import Swept
from argogrant.audit.http_sink import InvalidSink, SinkTarget
from argogrant.cli.session import APIServerNotReachable, connect, utc_now
from argogrant.controller.removal import SweepFailed, sweep_config_map, sweep_projects
from argogrant.controller.removal import uninstall as uninstall_namespace

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
    lease_seconds: Annotated[
        float, _seconds(help="Duration of the Lease without renewal.")
    ] = 15,
    identity: Annotated[
        str, _name(help="Identity in the Lease.  [default: host and process]")
    ] = "",
    accept_unverified_requesters: Annotated[
        bool,
        typer.Option(
            "--accept-unverified-requesters",
            help="Trust spec.requester and spec.approver without admission/.",
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
        typer.Option(metavar="FOLDER", help="Folder that buffers events for the sink."),
    ] = "",
) -> None:
    """Run the operator. Logs go to stderr, audit events to stdout.

    Example: argogrant operator --namespace argogrant
    """
    if audit_sink:
        try:
            SinkTarget(url=audit_sink)
        except InvalidSink as error:
            raise typer.BadParameter(str(error), param_hint="--audit-sink") from error
    settings = {
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
    os.environ.update(
        {f"ARGOGRANT_{name}": str(value) for name, value in settings.items()}
    )
    # The handlers are loaded as a module. A file path would put its folder first on
    # sys.path, where our modules would shadow those of the standard library.
    command = [sys.executable, "-m", "kopf", "run", "-m", "argogrant.handlers"]
    for one in namespace:
        command += ["--namespace", one]
    os.execv(sys.executable, command)  # noqa: S606


def sweep(
    argocd_namespace: Annotated[
        str, typer.Option(help="Namespace of argocd-rbac-cm.")
    ] = "argocd",
) -> None:
    """Remove expired bindings from argocd-rbac-cm.

    Needs only this ConfigMap, and keeps lines that it cannot parse. With permission to
    list AppProjects, also removes expired members and the tokens that they issued. The
    exit status is 0 if everything expired was removed, also if there was nothing to
    remove, and 1 if a read or a write failed.

    Example: argogrant sweep --argocd-namespace argocd
    """
    prefix = f"sweep of {argocd_namespace}/argocd-rbac-cm:"
    try:
        swept, members = asyncio.run(_sweep(argocd_namespace))
    except SweepFailed as error:
        typer.echo(f"{prefix} {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(
        f"{prefix} {swept.removed} removed, {swept.kept} kept, {swept.unreadable}"
        " unreadable"
    )
    prefix = f"sweep of the AppProjects in {argocd_namespace}:"
    if members is None:
        typer.echo(f"{prefix} skipped, no permission to list them", err=True)
    elif isinstance(members, SweepFailed):
        typer.echo(f"{prefix} {members}", err=True)
        raise typer.Exit(1)
    elif members != SweptMembers():
        typer.echo(
            f"{prefix} {members.removed} members and {members.tokens} tokens removed,"
            f" {members.kept} kept, {members.unreadable} projects unreadable"
        )


async def _sweep(namespace: str) -> tuple[Swept, SweptMembers | SweepFailed | None]:
    try:
        cluster = await connect()
    except APIServerNotReachable as error:
        raise SweepFailed(f"no API server is configured: {error}") from error
    try:
        swept = await sweep_config_map(cluster, namespace, utc_now)
        try:
            return swept, await sweep_projects(cluster, namespace, utc_now)
        except SweepFailed as error:
            return swept, error
    finally:
        await cluster.close()


def uninstall(
    namespace: Annotated[
        list[str], typer.Option(help="Namespace to clean up; may be repeated.")
    ],
    *,
    deployment: Annotated[
        str, typer.Option(help="Deployment of the operator, scaled to 0 replicas.")
    ] = "",
    wait_seconds: Annotated[
        float, typer.Option(help="Seconds to wait for a running operator.", min=0)
    ] = 30,
) -> None:
    """Remove all bindings and finalizers of argogrant before uninstalling.

    Deletes the ArgoCDInstances, waits until a running operator has removed its
    bindings, stops the operator, and removes what is left. AccessGrants remain, without
    finalizers. The command can be repeated. The exit status is 0 if nothing is left,
    and 1 if something could not be removed.

    Example: argogrant uninstall --namespace argogrant --deployment argogrant
    """

    async def run() -> bool:
        failed = False
        cluster = await connect()
        try:
            for one in namespace:
                async for step in uninstall_namespace(
                    cluster, one, deployment=deployment, wait_seconds=wait_seconds
                ):
                    typer.echo(step.text, err=step.failed)
                    failed |= step.failed
        finally:
            await cluster.close()
        return failed

    if asyncio.run(run()):
        raise typer.Exit(1)


class VersionFormat(StrEnum):
    """Output formats of the version."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


def version(
    *,
    output: Annotated[
        VersionFormat, typer.Option("--output", "-o", help="Output format.")
    ] = VersionFormat.TEXT,
) -> None:
    """Print the version; with -o json also the API, Python and library versions.

    Example: argogrant version -o json
    """
    versions = {
        "version": __version__,
        "apiVersion": API_VERSION,
        "kubernetesClient": metadata.version("kubernetes"),
        "python": platform.python_version(),
    }
    match output:
        case VersionFormat.JSON:
            typer.echo(json.dumps(versions, indent=2))
        case VersionFormat.YAML:
            typer.echo(yaml.safe_dump(versions, sort_keys=False), nl=False)
        case VersionFormat.TEXT:
            typer.echo(__version__)
