"""``argogrant revoke``: end grants early."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import typer

from argogrant.api.accessgrant_view import view_grant
from argogrant.api.new_objects import build_revocation_patch
from argogrant.cli.change.arguments import UsageRefused
from argogrant.cli.change.submit import (
    OutputOptions,
    parse_output_options,
    usage_errors,
)
from argogrant.cli.change.wait import has_ended, wait_for
from argogrant.cli.errors import CommandError, remedy, run_command, summarize_api_error
from argogrant.cli.grant_lookup import grant_body
from argogrant.cli.options import (
    Answer,
    Context,
    DryRun,
    DryRunOption,
    GrantNames,
    ListFormat,
    Namespace,
    Selector,
    Timeout,
    Wait,
)
from argogrant.cli.session import Session, session
from argogrant.cli.terminal.grant_state import is_over
from argogrant.cli.terminal.serialize import object_name, serialize_objects
from argogrant.cli.terminal.tables import sanitize
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.kube.client import Body
from argogrant.kube.errors import ClusterError, Conflict, Forbidden, Invalid, NotFound
from argogrant.kube.informer import list_all
from argogrant.kube.resources import ACCESS_GRANTS, Collection


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeArguments:
    """What somebody typed."""

    names: Sequence[str]
    selector: str
    """Instead of names; those that are over are not meant."""
    reason: str
    output: OutputOptions


def revoke(  # noqa: PLR0913
    names: GrantNames = None,
    *,
    selector: Selector = "",
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    wait: Wait = False,
    timeout: Timeout = "5m",
    dry_run: DryRunOption = DryRun.NONE,
    output: Answer = ListFormat.TABLE,
    namespace: Namespace = "",
    context: Context = "",
) -> None:
    """End grants at once and for good; they stay as a record.

    With --wait, the exit status is 0 once it is certain that Argo CD holds none of them
    any more. If one can not be revoked, the others are all the same, and it is 1.

    Example: argogrant revoke alice-hotfix --reason 'the ticket is closed' --wait
    """
    with usage_errors():
        if bool(names) == bool(selector):
            raise UsageRefused("--selector", "give either names or labels")
        revocation = RevokeArguments(
            names=list(dict.fromkeys(names or ())),
            selector=selector,
            reason=reason,
            output=parse_output_options(
                output, wait=wait, timeout=timeout, dry_run=dry_run
            ),
        )
    run_command("revoke", _revoke_all(revocation, context, namespace))


async def _revoke_all(wanted: RevokeArguments, context: str, namespace: str) -> None:
    """Revoke each; first all of them, then wait.

    Raises:
        CommandFailed: One of them could not be.
    """
    telling = wanted.output
    bodies: dict[str, Body] = {}
    problems: list[str] = []
    async with session(context, namespace, dry_run=telling.is_dry_run) as asked:
        for name in wanted.names or await _labelled(asked, wanted.selector):
            with _noted(problems):
                bodies[name] = await _revoke(asked, name, wanted)
        if telling.timeout is not None:
            for name, body in bodies.items():
                with _noted(problems, f"{name}: "):
                    bodies[name] = await _ended(asked, body, telling.timeout, telling)
    if bodies and not telling.is_read:
        typer.echo(serialize_objects(list(bodies.values()), telling.output))
    if problems:
        raise CommandError("\n".join(problems))


@contextmanager
def _noted(problems: list[str], beginning: str = "") -> Iterator[None]:
    """Keep a failure for later, so that the others have their turn."""
    try:
        yield
    except CommandError as error:
        problems.append(f"{beginning}{error}")
    except ClusterError as error:
        problems.append(f"{beginning}{error} {remedy(error)}")


async def _labelled(asked: Session, selector: str) -> list[str]:
    """Name the grants with these labels that are not over.

    Raises:
        ClusterError: They can not be listed.
    """
    collection = Collection(ACCESS_GRANTS, asked.namespace, labels=selector)
    told = [view_grant(body) async for body in list_all(asked.cluster, collection)]
    names = [one.name for one in told if not (one.is_revoked or is_over(one))]
    if not names:
        where = quote(asked.namespace)
        typer.echo(f"No grants with these labels give access in {where}.", err=True)
    return names


async def _revoke(asked: Session, name: str, wanted: RevokeArguments) -> Body:
    """Revoke one; answers it as it is then.

    Raises:
        CommandFailed: It is not there, or that is refused.
        ClusterError: The API server does not answer.
    """
    body = await grant_body(asked, name)
    told = view_grant(body)
    if told.is_revoked or is_over(told):
        state = "over" if is_over(told) else "revoked"
        _print(body, f"unchanged: it is {state} already", wanted.output)
        return body
    path = ACCESS_GRANTS.path(asked.namespace, name)
    change = build_revocation_patch(told.uid, wanted.reason)
    try:
        body = await asked.cluster.merge_patch(path, change)
    except (Invalid, Forbidden, Conflict) as error:
        raise CommandError(summarize_api_error(error)) from error
    _print(body, f"revoked{wanted.output.mark}", wanted.output)
    return body


def _print(body: Body, what: str, telling: OutputOptions) -> None:
    if telling.is_read:
        typer.echo(f"{object_name(body)} {what}")


async def _ended(
    asked: Session, body: Body, patience: timedelta, telling: OutputOptions
) -> Body:
    """Wait until Argo CD holds a grant no more, and give it as it is then.

    Raises:
        CommandFailed: Not in time.
        ClusterError: The API server does not answer.
    """
    name, uid = body["metadata"]["name"], body["metadata"]["uid"]
    one = Collection(ACCESS_GRANTS, asked.namespace, name)
    outlook = await wait_for(asked.cluster, one, uid, has_ended, patience)
    if telling.is_read:
        typer.echo(f"{sanitize(name)}: {with_full_stop(sanitize(outlook.text))}")
    try:
        return await asked.cluster.get(ACCESS_GRANTS.path(asked.namespace, name))
    except NotFound:
        return body  # deleted, as what is over may be
