"""``argogrant approve`` and ``argogrant deny``: decide about somebody's grant."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import typer

from argogrant.api.accessapproval import read_approval
from argogrant.api.new_objects import Vote, write_vote
from argogrant.cli.change.approval_prompt import (
    DONE,
    NAMES,
    summary,
    traits_of,
    vote_name,
)
from argogrant.cli.change.submit import Telling, telling_of, usage
from argogrant.cli.change.wait import until_counted, wait_for
from argogrant.cli.errors import CommandFailed, perform, refusal
from argogrant.cli.grant_lookup import Found, found_grant
from argogrant.cli.options import (
    Answer,
    Context,
    DryRun,
    Format,
    GrantName,
    Namespace,
    Timeout,
    Trial,
    Wait,
)
from argogrant.cli.session import Session, session, utc_now
from argogrant.cli.terminal.serialize import object_name, written_object
from argogrant.cli.terminal.tables import columns, folded, shown
from argogrant.cli.terminal.times import when
from argogrant.grants.access.policy import Verdict
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reasons import GrantCondition
from argogrant.grants.model.validation import quoted, sentence
from argogrant.kube.client import Body
from argogrant.kube.errors import ClusterError, Conflict, Forbidden, NotFound, Refused
from argogrant.kube.resources import (
    ACCESS_APPROVALS,
    ARGOCD_INSTANCES,
    Collection,
)
from argogrant.kube.whoami import who_am_i

Comment = Annotated[str, typer.Option(help="Why, for everybody who reads it.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask on a terminal.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What somebody typed."""

    name: str
    verdict: Verdict
    comment: str
    is_sure: bool
    telling: Telling


def approve(  # noqa: PLR0913
    name: GrantName,
    *,
    comment: Comment = "",
    yes: Yes = False,
    wait: Wait = False,
    timeout: Timeout = "1m",
    dry_run: Trial = DryRun.NONE,
    output: Answer = Format.TABLE,
    namespace: Namespace = "",
    context: Context = "",
) -> None:
    """Agree to a grant that somebody asked for.

    It shows who gets which role until when and why, and on a terminal asks whether that
    is meant. With --wait, the exit status is 0 once the approval counts, else 1.

    Example: argogrant approve alice-hotfix --comment 'as agreed on the phone'
    """
    with usage():
        telling = telling_of(output, wait=wait, timeout=timeout, dry_run=dry_run)
    decision = Decision(
        name=name,
        verdict=Verdict.APPROVE,
        comment=comment,
        is_sure=yes,
        telling=telling,
    )
    perform("approve", _decide(decision, context, namespace))


def deny(  # noqa: PLR0913
    name: GrantName,
    *,
    comment: Comment = "",
    yes: Yes = False,
    wait: Wait = False,
    timeout: Timeout = "1m",
    dry_run: Trial = DryRun.NONE,
    output: Answer = Format.TABLE,
    namespace: Namespace = "",
    context: Context = "",
) -> None:
    """Refuse a grant that somebody asked for, for good; one that runs ends.

    It shows who gets which role until when and why, and on a terminal asks whether that
    is meant. With --wait, the exit status is 0 once the refusal counts, else 1.

    Example: argogrant deny alice-hotfix --comment 'not during the freeze'
    """
    with usage():
        telling = telling_of(output, wait=wait, timeout=timeout, dry_run=dry_run)
    decision = Decision(
        name=name,
        verdict=Verdict.DENY,
        comment=comment,
        is_sure=yes,
        telling=telling,
    )
    perform("deny", _decide(decision, context, namespace))


async def _decide(decision: Decision, context: str, namespace: str) -> None:
    telling = decision.telling
    async with session(context, namespace, dry_run=telling.is_trial) as asked:
        found = await found_grant(asked, decision.name)
        _check(decision, found)
        # What is decided about is shown in any case; programs read standard output.
        typer.echo(await _summary(asked, found), err=not telling.is_read)
        if not decision.is_sure and _is_at_a_terminal():
            typer.confirm(f"{decision.verdict} this?", abort=True, err=True)
        made = await _vote(asked, decision, found.grant)
        if telling.patience is not None:
            made = await _counted(asked, made, telling.patience, telling)
        if not telling.is_read:
            typer.echo(written_object(made, telling.output))


def _check(decision: Decision, found: Found) -> None:
    """Refuse what would change nothing.

    Raises:
        CommandFailed: The grant is over, or everybody who has to agree has agreed.
    """
    said = found.said
    ended = said.conditions.get(GrantCondition.ENDED)
    if ended is not None and ended.status:
        raise CommandFailed(
            f"AccessGrant {quoted(said.name)} is over: {sentence(shown(ended.message))}"
        )
    approved = said.conditions.get(GrantCondition.APPROVED)
    if decision.verdict is Verdict.APPROVE and approved is not None and approved.status:
        raise CommandFailed(
            f"AccessGrant {quoted(said.name)} needs no approval:"
            f" {sentence(shown(approved.message))}"
        )


async def _summary(asked: Session, found: Found) -> str:
    path = ARGOCD_INSTANCES.path(asked.namespace, found.grant.instance)
    try:
        status: dict[str, Any] = (await asked.cluster.get(path)).get("status") or {}
    except (NotFound, Forbidden):
        status = {}
    traits = traits_of(status, found.grant)
    text = summary(found.grant, found.said, traits, utc_now())
    width = columns()
    return "\n".join(folded(line, width, NAMES) for line in text.splitlines())


def _is_at_a_terminal() -> bool:
    return typer.get_text_stream("stdin").isatty()


async def _vote(asked: Session, decision: Decision, grant: Grant) -> Body:
    """Create the approval, unless the grant is another one by now.

    Raises:
        CommandFailed: It is, or the API server refuses.
        ClusterError: It does not answer.
    """
    me = await who_am_i(asked.cluster)
    vote = Vote(
        name=vote_name(grant, decision.verdict, me.username if me else ""),
        grant_name=grant.name,
        grant_uid=grant.uid,
        verdict=decision.verdict,
        comment=decision.comment,
    )
    now = await found_grant(asked, grant.name)
    if now.grant.uid != grant.uid:
        raise CommandFailed(
            f"AccessGrant {quoted(grant.name)} was deleted and created anew while you"
            " looked at it; look at the new one first."
        )
    path = ACCESS_APPROVALS.path(asked.namespace)
    try:
        made = await asked.cluster.create(path, write_vote(vote, me))
    except Conflict as error:
        return await _earlier(asked, vote, decision.telling, error)
    except (Refused, Forbidden) as error:
        raise CommandFailed(refusal(error)) from error
    if decision.telling.is_read:
        mark = decision.telling.mark
        typer.echo(f"{object_name(made)} created{mark}: {DONE[vote.verdict]}")
    return made


async def _earlier(
    asked: Session, vote: Vote, telling: Telling, error: ClusterError
) -> Body:
    """Say that the same decision is there already.

    Raises:
        CommandFailed: Something else has its name.
    """
    body = await asked.cluster.get(ACCESS_APPROVALS.path(asked.namespace, vote.name))
    there = read_approval(body)
    if (there.grant_uid, there.verdict) != (vote.grant_uid, vote.verdict):
        raise CommandFailed(
            f"there is another AccessApproval {quoted(vote.name)}; look at it, and"
            " delete it if it is yours."
        ) from error
    if telling.is_read:
        typer.echo(
            f"{object_name(body)} unchanged: you {DONE[vote.verdict]} this"
            f" {when(there.created_at, utc_now())}"
        )
    return body


async def _counted(
    asked: Session, made: Body, patience: timedelta, telling: Telling
) -> Body:
    """Wait until an approval counts, and give it as it is then.

    Raises:
        CommandFailed: It never will, or not in time.
        ClusterError: The API server does not answer.
    """
    metadata = made["metadata"]
    one = Collection(ACCESS_APPROVALS, asked.namespace, metadata["name"])
    question = until_counted(metadata["uid"])
    outlook = await wait_for(asked.cluster, one, question, patience)
    if telling.is_read:
        typer.echo(sentence(shown(outlook.text)))
    return await asked.cluster.get(ACCESS_APPROVALS.path(asked.namespace, one.name))
