"""``argogrant revoke``: end grants early."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import typer

from argogrant.api.accessgrant_view import read_told
from argogrant.api.new_objects import write_revocation
from argogrant.cli.change.arguments import UsageRefused
from argogrant.cli.change.submit import Telling, telling_of, usage
from argogrant.cli.change.wait import until_over, wait_for
from argogrant.cli.errors import CommandFailed, perform, refusal, remedy
from argogrant.cli.grant_lookup import grant_body
from argogrant.cli.options import (
    Answer,
    Context,
    DryRun,
    Format,
    GrantNames,
    Namespace,
    Selector,
    Timeout,
    Trial,
    Wait,
)
from argogrant.cli.session import Session, session
from argogrant.cli.terminal.grant_state import is_over
from argogrant.cli.terminal.serialize import object_name, written_objects
from argogrant.cli.terminal.tables import shown
from argogrant.grants.model.validation import quoted, sentence
from argogrant.kube.client import Body
from argogrant.kube.errors import ClusterError, Conflict, Forbidden, NotFound, Refused
from argogrant.kube.informer import listed
from argogrant.kube.resources import ACCESS_GRANTS, Collection


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """What somebody typed."""

    names: Sequence[str]
    selector: str
    """Instead of names; those that are over are not meant."""
    reason: str
    telling: Telling


def revoke(  # noqa: PLR0913
    names: GrantNames = None,
    *,
    selector: Selector = "",
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    wait: Wait = False,
    timeout: Timeout = "5m",
    dry_run: Trial = DryRun.NONE,
    output: Answer = Format.TABLE,
    namespace: Namespace = "",
    context: Context = "",
) -> None:
    """End grants at once and for good; they stay as a record.

    With --wait, the exit status is 0 once it is certain that Argo CD holds none of them
    any more. If one can not be revoked, the others are all the same, and it is 1.

    Example: argogrant revoke alice-hotfix --reason 'the ticket is closed' --wait
    """
    with usage():
        if bool(names) == bool(selector):
            raise UsageRefused("--selector", "give either names or labels")
        revocation = Revocation(
            names=list(dict.fromkeys(names or ())),
            selector=selector,
            reason=reason,
            telling=telling_of(output, wait=wait, timeout=timeout, dry_run=dry_run),
        )
    perform("revoke", _revoke_all(revocation, context, namespace))


async def _revoke_all(wanted: Revocation, context: str, namespace: str) -> None:
    """Revoke each; first all of them, then wait.

    Raises:
        CommandFailed: One of them could not be.
    """
    telling = wanted.telling
    bodies: dict[str, Body] = {}
    problems: list[str] = []
    async with session(context, namespace, dry_run=telling.is_trial) as asked:
        for name in wanted.names or await _labelled(asked, wanted.selector):
            with _noted(problems):
                bodies[name] = await _revoke(asked, name, wanted)
        if telling.patience is not None:
            for name, body in bodies.items():
                with _noted(problems, f"{name}: "):
                    bodies[name] = await _ended(asked, body, telling.patience, telling)
    if bodies and not telling.is_read:
        typer.echo(written_objects(list(bodies.values()), telling.output))
    if problems:
        raise CommandFailed("\n".join(problems))


@contextmanager
def _noted(problems: list[str], beginning: str = "") -> Iterator[None]:
    """Keep a failure for later, so that the others have their turn."""
    try:
        yield
    except CommandFailed as error:
        problems.append(f"{beginning}{error}")
    except ClusterError as error:
        problems.append(f"{beginning}{error} {remedy(error)}")


async def _labelled(asked: Session, selector: str) -> list[str]:
    """Name the grants with these labels that are not over.

    Raises:
        ClusterError: They can not be listed.
    """
    collection = Collection(ACCESS_GRANTS, asked.namespace, labels=selector)
    told = [read_told(body) async for body in listed(asked.cluster, collection)]
    names = [one.name for one in told if not (one.is_revoked or is_over(one))]
    if not names:
        where = quoted(asked.namespace)
        typer.echo(f"No grants with these labels give access in {where}.", err=True)
    return names


async def _revoke(asked: Session, name: str, wanted: Revocation) -> Body:
    """Revoke one; answers it as it is then.

    Raises:
        CommandFailed: It is not there, or that is refused.
        ClusterError: The API server does not answer.
    """
    body = await grant_body(asked, name)
    told = read_told(body)
    if told.is_revoked or is_over(told):
        state = "over" if is_over(told) else "revoked"
        _say(body, f"unchanged: it is {state} already", wanted.telling)
        return body
    path = ACCESS_GRANTS.path(asked.namespace, name)
    change = write_revocation(told.uid, wanted.reason)
    try:
        body = await asked.cluster.merge_patch(path, change)
    except (Refused, Forbidden, Conflict) as error:
        raise CommandFailed(refusal(error)) from error
    _say(body, f"revoked{wanted.telling.mark}", wanted.telling)
    return body


def _say(body: Body, what: str, telling: Telling) -> None:
    if telling.is_read:
        typer.echo(f"{object_name(body)} {what}")


async def _ended(
    asked: Session, body: Body, patience: timedelta, telling: Telling
) -> Body:
    """Wait until Argo CD holds a grant no more, and give it as it is then.

    Raises:
        CommandFailed: Not in time.
        ClusterError: The API server does not answer.
    """
    name, uid = body["metadata"]["name"], body["metadata"]["uid"]
    one = Collection(ACCESS_GRANTS, asked.namespace, name)
    outlook = await wait_for(asked.cluster, one, until_over(uid), patience)
    if telling.is_read:
        typer.echo(f"{shown(name)}: {sentence(shown(outlook.text))}")
    try:
        return await asked.cluster.get(ACCESS_GRANTS.path(asked.namespace, name))
    except NotFound:
        return body  # deleted, as what is over may be
