"""``argogrant plan``: what the operator would write into Argo CD now."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

from argogrant.cli import session as connecting
from argogrant.cli.argocd_reader import argocd_of
from argogrant.cli.errors import EXIT_ERROR, CommandError, run_command
from argogrant.cli.options import Context, InstanceName, Namespace
from argogrant.cli.session import instance_of, session
from argogrant.cli.simulate.manifests import dry_run_create, read_grants
from argogrant.cli.simulate.plan_diff import as_diff, as_json, changes_of
from argogrant.cli.terminal.tables import has_colours, sanitize
from argogrant.controller.preview import Preview, preview
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import with_full_stop

DIFFERENT = 1
"""The exit status if something would be written, as of ``kubectl diff``."""


class PlanFormat(StrEnum):
    """For people, or for programs."""

    DIFF = "diff"
    JSON = "json"


def plan(  # noqa: PLR0913
    *,
    file: Annotated[
        str,
        typer.Option(
            "--filename", "-f", help="As if the AccessGrants of this file were applied."
        ),
    ] = "",
    namespace: Namespace = "",
    instance: InstanceName = "default",
    context: Context = "",
    argocd_context: Annotated[
        str, typer.Option(help="The context of Argo CD's cluster, if that is another.")
    ] = "",
    accept_unverified_requesters: Annotated[
        bool,
        typer.Option(
            "--accept-unverified-requesters", help="The operator runs with this option."
        ),
    ] = False,
    output: Annotated[
        PlanFormat, typer.Option("--output", "-o", help="For people, or programs.")
    ] = PlanFormat.DIFF,
) -> None:
    """Show what the operator would write into Argo CD now, as a diff.

    It plans as the operator does and only reads, with your own rights. Exit status:
    0 for no difference, 1 for some, 2 for trouble.

    Example: argogrant plan -f examples/01-temporary-role/grant.yaml
    """
    found = run_command(
        "plan",
        _read(
            (namespace, instance),
            contexts=(context, argocd_context),
            file=file,
            accepts_unverified=accept_unverified_requesters,
        ),
        trouble=EXIT_ERROR,
    )
    changes, notes = changes_of(found), tuple(_notes(found))
    if output is PlanFormat.JSON:
        typer.echo(as_json(changes, notes, found))
    else:
        if changes:
            typer.echo(as_diff(changes, coloured=has_colours()))
        for note in notes:
            typer.echo(f"argogrant plan: {sanitize(note)}", err=True)
    if changes:
        raise typer.Exit(DIFFERENT)


async def _read(
    named: tuple[str, str],
    *,
    contexts: tuple[str, str],
    file: str,
    accepts_unverified: bool,
) -> Preview:
    (namespace, name), (context, argocd_context) = named, contexts
    bodies = read_grants(file) if file else ()
    async with session(context, namespace, dry_run=True) as ours:
        instance = await instance_of(ours, name)
        grants = [await dry_run_create(ours, body) for body in bodies]
        async with argocd_of(ours, instance, argocd_context) as cluster:
            found = await preview(
                ours.cluster,
                cluster,
                namespace=ours.namespace,
                name=name,
                argocd_namespace=instance.argocd_namespace,
                clock=connecting.utc_now,
                supposed=grants,
                accepts_unverified=accepts_unverified,
            )
    _check(found)
    return found


def _check(found: Preview) -> None:
    """Refuse to show half a plan.

    Raises:
        CommandFailed: Nothing can be written, or not all that decides is known.
    """
    if found.verification.reason is Reason.UNKNOWN and found.has_access_policies:
        raise CommandError(
            f"it is not known whether requesters are verified:"
            f" {found.verification.problem}"
        )
    if found.plan.overlay is None and found.plan.blocked is not None:
        raise CommandError(found.plan.blocked.message)


def _notes(found: Preview) -> Iterator[str]:
    """Say what would not be written although it is wanted, and why."""
    if found.plan.blocked is not None:
        yield found.plan.blocked.message
    elif found.plan.capacity_finding is not None:
        yield found.plan.capacity_finding.message
    yield from sorted({one.message for one in found.plan.obstacles.values()})
    for decision in found.dry_run:
        if decision.finding is not None:
            finding = decision.finding
            yield with_full_stop(
                f"{decision.grant.name} would not be bound, {finding.reason}:"
                f" {finding.message}"
            )
