"""``argogrant revoke``: end grants early."""

from datetime import timedelta
from typing import Annotated

import typer

from argogrant.api.creation import write_revocation
from argogrant.cli.failing import CommandFailed, perform, remedy
from argogrant.cli.found import found_grant
from argogrant.cli.options import Context, GrantNames, Namespace, Timeout, Wait
from argogrant.cli.outlook import until_over
from argogrant.cli.petition import patience_of
from argogrant.cli.refusals import refusal
from argogrant.cli.session import Session, session
from argogrant.cli.submission import usage
from argogrant.cli.tables import shown
from argogrant.cli.waiting import wait_for
from argogrant.grants.names import sentence
from argogrant.grants.reasons import GrantCondition
from argogrant.kube.failures import ClusterError, Conflict, Forbidden, Refused
from argogrant.kube.resources import ACCESS_GRANTS, Collection


def revoke(  # noqa: PLR0913
    names: GrantNames,
    *,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    wait: Wait = False,
    timeout: Timeout = "5m",
    namespace: Namespace = "",
    context: Context = "",
) -> None:
    """End grants at once and for good; they stay as a record.

    With --wait, the exit status is 0 once it is certain that Argo CD holds none of them
    any more. If one can not be revoked, the others are all the same, and it is 1.

    Example: argogrant revoke alice-hotfix --reason 'the ticket is closed' --wait
    """
    with usage():
        patience = patience_of(timeout, wait=wait)
    perform("revoke", _revoke_all(names, reason, patience, context, namespace))


async def _revoke_all(
    names: list[str],
    reason: str,
    patience: timedelta | None,
    context: str,
    namespace: str,
) -> None:
    """Revoke each; first all of them, then wait.

    Raises:
        CommandFailed: One of them could not be.
    """
    async with session(context, namespace) as asked:
        problems, revoked = [], []
        for name in dict.fromkeys(names):
            try:
                revoked.append((name, await _revoke(asked, name, reason)))
            except CommandFailed as error:
                problems.append(str(error))
            except ClusterError as error:
                problems.append(f"{error} {remedy(error)}")
        for name, uid in revoked if patience is not None else ():
            try:
                await _wait(asked, name, uid, patience or timedelta(0))
            except CommandFailed as error:
                problems.append(f"{name}: {error}")
    if problems:
        raise CommandFailed("\n".join(problems))


async def _revoke(asked: Session, name: str, reason: str) -> str:
    """Revoke one; answers its uid.

    Raises:
        CommandFailed: It is not there, or that is refused.
        ClusterError: The API server does not answer.
    """
    found = await found_grant(asked, name)
    if found.grant.revoked:
        typer.echo(f"{found.full_name} unchanged: it is revoked already")
        return found.grant.uid
    if found.said.is_said(GrantCondition.ENDED):
        typer.echo(f"{found.full_name} unchanged: it is over already")
        return found.grant.uid
    path = ACCESS_GRANTS.path(asked.namespace, name)
    change = write_revocation(found.grant.uid, reason)
    try:
        await asked.cluster.merge_patch(path, change)
    except (Refused, Forbidden, Conflict) as error:
        raise CommandFailed(refusal(error)) from error
    typer.echo(f"{found.full_name} revoked")
    return found.grant.uid


async def _wait(asked: Session, name: str, uid: str, patience: timedelta) -> None:
    one = Collection(ACCESS_GRANTS, asked.namespace, name)
    outlook = await wait_for(asked.cluster, one, until_over(uid), patience)
    typer.echo(f"{shown(name)}: {sentence(shown(outlook.text))}")
