"""Commands of administrators: allow, sweep and uninstall.

A CronJob runs ``sweep`` as a second path to every revocation, in case the operator is
down. The Helm chart runs ``allow`` before an installation or upgrade, and ``uninstall``
before a deletion.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import click

from argogrant.argocd.allowed_namespaces import (
    ALLOWED_NAMESPACES_ANNOTATION,
    MAX_NAMESPACES,
    read_allowed_namespaces,
)
from argogrant.argocd.appproject.members import SweptMembers
from argogrant.argocd.overlay import Swept
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.cli.errors import CommandError, run_command
from argogrant.cli.session import (
    APIServerNotReachable,
    client_config,
    connect,
    session,
    utc_now,
    where,
)
from argogrant.cli.terminal.tables import sanitize
from argogrant.controller.access_survey import DEFAULT_ARGOCD_NAMESPACE
from argogrant.controller.removal import (
    ProjectSweep,
    SweepFailed,
    sweep_config_map,
    sweep_projects,
)
from argogrant.controller.removal import uninstall as uninstall_namespace
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.kube.resources import CONFIG_MAPS

SWEEP_LIMIT: Final = "60s"
"""Time limit of a request: a CronJob starts the next sweep in its place."""


def allow(
    *,
    namespace: Sequence[str],
    argocd_namespace: str,
    context: str,
) -> None:
    """Add namespaces to those that may bind in an Argo CD."""
    names, place = run_command("allow", _allow(namespace, argocd_namespace, context))
    click.echo(
        f"{argocd_namespace}/{CONFIG_MAP_NAME} allows ArgoCDInstances of namespace"
        f" {', '.join(names)} ({place})"
    )


async def _allow(
    namespaces: Sequence[str], argocd_namespace: str, context: str
) -> tuple[tuple[str, ...], str]:
    """Return the namespaces that the annotation names now, and where that is.

    Raises:
        CommandError: A text is no name of a namespace, or there are too many.
        Conflict: The ConfigMap was changed meanwhile.
    """
    path = CONFIG_MAPS.path(argocd_namespace, CONFIG_MAP_NAME)
    async with session(context) as api:
        metadata = (await api.cluster.get(path))["metadata"]
        allowed = read_allowed_namespaces(metadata.get("annotations") or {}) or ()
        names = tuple(dict.fromkeys((*allowed, *namespaces)))
        annotations = {ALLOWED_NAMESPACES_ANNOTATION: ",".join(names)}
        if read_allowed_namespaces(annotations) != names:
            raise CommandError(
                f"{quote(','.join(namespaces))} contains a text that is no name of a"
                f" namespace, or there would be more than {MAX_NAMESPACES} names."
            )
        version = {"resourceVersion": metadata["resourceVersion"]}
        patch = {"metadata": {**version, "annotations": annotations}}
        await api.cluster.merge_patch(path, patch)
    return names, sanitize(api.place)


def sweep(argocd_namespace: str, *, is_everything: bool, context: str) -> None:
    """Remove expired bindings, or all of them, without the operator."""
    swept, projects, place = asyncio.run(
        _sweep(argocd_namespace, context, is_everything=is_everything)
    )
    suffix = where(place, argocd_namespace)
    failed = isinstance(swept, SweepFailed)
    prefix = f"sweep of {argocd_namespace}/argocd-rbac-cm:"
    if isinstance(swept, SweepFailed):
        click.echo(f"{prefix} {swept}", err=True)
    else:
        click.echo(
            f"{prefix} {swept.removed} removed, {swept.kept} kept, {swept.unreadable}"
            f" unreadable {suffix}"
        )
    prefix = f"sweep of the AppProjects in {argocd_namespace}:"
    if projects is None and not failed:
        click.echo(f"{prefix} skipped, no permission to list them", err=True)
    if projects is not None:
        for failure in projects.failures:
            click.echo(f"{prefix} {with_full_stop(failure)}", err=True)
        members = projects.members
        failed |= bool(projects.failures) or (is_everything and members.unreadable > 0)
        if members != SweptMembers():
            click.echo(
                f"{prefix} {members.removed} members and {members.tokens} tokens"
                f" removed, {members.kept} kept, {members.unreadable} projects"
                f" unreadable {suffix}"
            )
    if failed:
        raise click.exceptions.Exit(1)


async def _sweep(
    namespace: str, context: str, *, is_everything: bool
) -> tuple[Swept | SweepFailed, ProjectSweep | None, str]:
    """Sweep the ConfigMap and the AppProjects; a failure of one delays no other.

    The last value is where requests go, such as ``context one``.

    Nothing is printed in between: an output that cannot be written must not stop the
    second sweep.
    """
    try:
        config = client_config(context)
        cluster = await connect(config, limit=SWEEP_LIMIT)
    except APIServerNotReachable as error:
        return SweepFailed(str(error)), None, ""
    try:
        swept: Swept | SweepFailed
        try:
            swept = await sweep_config_map(
                cluster, namespace, utc_now, is_everything=is_everything
            )
        except SweepFailed as error:
            swept = error
        projects = await sweep_projects(
            cluster, namespace, utc_now, is_everything=is_everything
        )
        return swept, projects, config.place
    finally:
        await cluster.close()


def uninstall(
    *,
    namespace: Sequence[str],
    deployment: str,
    wait_seconds: float,
    argocd_namespace: Sequence[str],
) -> None:
    """Remove bindings and finalizers before uninstalling."""

    async def run() -> bool:
        failed = False
        try:
            config = client_config()
            cluster = await connect(config)
        except APIServerNotReachable as error:
            raise CommandError(str(error)) from error
        try:
            for one in namespace:
                click.echo(f"{one}: uninstalling {where(config.place, one)}")
                async for step in uninstall_namespace(
                    cluster,
                    one,
                    deployment=deployment,
                    wait_seconds=wait_seconds,
                    argocd_namespaces=(DEFAULT_ARGOCD_NAMESPACE, *argocd_namespace),
                ):
                    click.echo(step.text, err=step.failed)
                    failed |= step.failed
        finally:
            await cluster.close()
        return failed

    if run_command("uninstall", run()):
        raise click.exceptions.Exit(1)
