"""``argogrant plan``: the changes that the operator would write to Argo CD."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

from argogrant.cli import session as connecting
from argogrant.cli.errors import EXIT_ERROR, CommandError, run_command
from argogrant.cli.options import Context, InstanceName, Namespace
from argogrant.cli.session import argocd_of, instance_of, session
from argogrant.cli.simulate.manifests import dry_run_create, read_grants
from argogrant.cli.simulate.plan_diff import as_diff, as_json, changes_of
from argogrant.cli.terminal.tables import has_colours, sanitize
from argogrant.controller.preview import Preview, preview
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import with_full_stop

DIFFERENT = 1
"""Exit status if the operator would write something, as in ``kubectl diff``."""


class PlanFormat(StrEnum):
    """Output formats of ``plan``."""

    DIFF = "diff"
    JSON = "json"


def plan(  # noqa: PLR0913
    *,
    file: Annotated[
        str,
        typer.Option(
            "--filename", "-f", help="File with AccessGrants to assume as applied."
        ),
    ] = "",
    namespace: Namespace = "",
    instance: InstanceName = "default",
    context: Context = "",
    argocd_context: Annotated[
        str, typer.Option(help="Kubeconfig context of Argo CD's cluster, if another.")
    ] = "",
    accept_unverified_requesters: Annotated[
        bool,
        typer.Option(
            "--accept-unverified-requesters", help="Same option of the operator."
        ),
    ] = False,
    output: Annotated[
        PlanFormat, typer.Option("--output", "-o", help="Output format.")
    ] = PlanFormat.DIFF,
) -> None:
    """Show what the operator would write to Argo CD now, as a diff.

    Read-only, with your own permissions, and planned with the operator's code. Exit
    status: 0 for no difference, 1 for differences, 2 for an error.

    Example: argogrant plan -f examples/01-temporary-role/grant.yaml
    """
    previewed = run_command(
        "plan",
        _preview(
            (namespace, instance),
            contexts=(context, argocd_context),
            file=file,
            accepts_unverified=accept_unverified_requesters,
        ),
        error_status=EXIT_ERROR,
    )
    changes, notes = changes_of(previewed), tuple(_notes(previewed))
    if output is PlanFormat.JSON:
        typer.echo(as_json(changes, notes, previewed))
    else:
        if changes:
            typer.echo(as_diff(changes, coloured=has_colours()))
        for note in notes:
            typer.echo(f"argogrant plan: {sanitize(note)}", err=True)
    if changes:
        raise typer.Exit(DIFFERENT)


async def _preview(
    instance_ref: tuple[str, str],
    *,
    contexts: tuple[str, str],
    file: str,
    accepts_unverified: bool,
) -> Preview:
    (namespace, name), (context, argocd_context) = instance_ref, contexts
    bodies = read_grants(file) if file else ()
    async with session(context, namespace, dry_run=True) as home:
        instance = await instance_of(home, name)
        grants = [await dry_run_create(home, body) for body in bodies]
        async with argocd_of(home, instance, argocd_context) as cluster:
            previewed = await preview(
                home.cluster,
                cluster,
                namespace=home.namespace,
                name=name,
                argocd_namespace=instance.argocd_namespace,
                clock=connecting.utc_now,
                hypothetical=grants,
                accepts_unverified=accepts_unverified,
            )
    _check_is_complete(previewed)
    return previewed


def _check_is_complete(previewed: Preview) -> None:
    """Reject an incomplete plan.

    Raises:
        CommandError: The operator can write nothing, or part of its input is unknown.
    """
    if (
        previewed.verification.reason is Reason.UNKNOWN
        and previewed.has_access_policies
    ):
        raise CommandError(
            f"cannot determine whether requesters are verified:"
            f" {previewed.verification.problem}"
        )
    if previewed.plan.overlay is None and previewed.plan.blocked is not None:
        raise CommandError(previewed.plan.blocked.message)


def _notes(previewed: Preview) -> Iterator[str]:
    """Return which grants would have no binding, and why."""
    if previewed.plan.blocked is not None:
        yield previewed.plan.blocked.message
    elif previewed.plan.capacity_finding is not None:
        yield previewed.plan.capacity_finding.message
    yield from sorted({one.message for one in previewed.plan.obstacles.values()})
    for decision in previewed.dry_run:
        if decision.finding is not None:
            finding = decision.finding
            yield with_full_stop(
                f"{decision.grant.name} would not be bound, {finding.reason}:"
                f" {finding.message}"
            )
