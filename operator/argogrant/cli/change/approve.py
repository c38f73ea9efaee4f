"""``argogrant approve`` and ``argogrant deny``: decide about somebody's grant."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import typer

from argogrant.api.accessapproval import read_approval
from argogrant.api.new_objects import ApprovalRequest, build_approval
from argogrant.cli.change.approval_prompt import (
    DONE,
    NAMES,
    approval_name,
    role_risks,
    summary,
)
from argogrant.cli.change.submit import (
    OutputOptions,
    parse_output_options,
    usage_errors,
)
from argogrant.cli.change.wait import is_counted, wait_for
from argogrant.cli.errors import CommandError, run_command, summarize_api_error
from argogrant.cli.grant_lookup import GrantLookup, find_grant
from argogrant.cli.options import (
    Answer,
    Context,
    DryRun,
    DryRunOption,
    GrantName,
    ListFormat,
    Namespace,
    Timeout,
    Wait,
)
from argogrant.cli.session import Session, session, utc_now
from argogrant.cli.terminal.serialize import object_name, serialize_object
from argogrant.cli.terminal.tables import columns, sanitize, wrap
from argogrant.cli.terminal.times import when
from argogrant.grants.access.policy import ApprovalDecision
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reasons import GrantCondition
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.kube.client import Body
from argogrant.kube.errors import ClusterError, Conflict, Forbidden, Invalid, NotFound
from argogrant.kube.resources import (
    ACCESS_APPROVALS,
    ARGOCD_INSTANCES,
    Collection,
)
from argogrant.kube.whoami import who_am_i

Comment = Annotated[str, typer.Option(help="Why, for everybody who reads it.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask on a terminal.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalArguments:
    """What somebody typed."""

    name: str
    decision: ApprovalDecision
    comment: str
    is_sure: bool
    output: OutputOptions


def approve(  # noqa: PLR0913
    name: GrantName,
    *,
    comment: Comment = "",
    yes: Yes = False,
    wait: Wait = False,
    timeout: Timeout = "1m",
    dry_run: DryRunOption = DryRun.NONE,
    output: Answer = ListFormat.TABLE,
    namespace: Namespace = "",
    context: Context = "",
) -> None:
    """Agree to a grant that somebody asked for.

    It shows who gets which role until when and why, and on a terminal asks whether that
    is meant. With --wait, the exit status is 0 once the approval counts, else 1.

    Example: argogrant approve alice-hotfix --comment 'as agreed on the phone'
    """
    with usage_errors():
        telling = parse_output_options(
            output, wait=wait, timeout=timeout, dry_run=dry_run
        )
    decision = ApprovalArguments(
        name=name,
        decision=ApprovalDecision.APPROVE,
        comment=comment,
        is_sure=yes,
        output=telling,
    )
    run_command("approve", _decide(decision, context, namespace))


def deny(  # noqa: PLR0913
    name: GrantName,
    *,
    comment: Comment = "",
    yes: Yes = False,
    wait: Wait = False,
    timeout: Timeout = "1m",
    dry_run: DryRunOption = DryRun.NONE,
    output: Answer = ListFormat.TABLE,
    namespace: Namespace = "",
    context: Context = "",
) -> None:
    """Refuse a grant that somebody asked for, for good; one that runs ends.

    It shows who gets which role until when and why, and on a terminal asks whether that
    is meant. With --wait, the exit status is 0 once the refusal counts, else 1.

    Example: argogrant deny alice-hotfix --comment 'not during the freeze'
    """
    with usage_errors():
        telling = parse_output_options(
            output, wait=wait, timeout=timeout, dry_run=dry_run
        )
    decision = ApprovalArguments(
        name=name,
        decision=ApprovalDecision.DENY,
        comment=comment,
        is_sure=yes,
        output=telling,
    )
    run_command("deny", _decide(decision, context, namespace))


async def _decide(decision: ApprovalArguments, context: str, namespace: str) -> None:
    telling = decision.output
    async with session(context, namespace, dry_run=telling.is_dry_run) as asked:
        found = await find_grant(asked, decision.name)
        _check(decision, found)
        # What is decided about is shown in any case; programs read standard output.
        typer.echo(await _summary(asked, found), err=not telling.is_read)
        if not decision.is_sure and _is_at_a_terminal():
            typer.confirm(f"{decision.decision} this?", abort=True, err=True)
        made = await _approval(asked, decision, found.grant)
        if telling.timeout is not None:
            made = await _counted(asked, made, telling.timeout, telling)
        if not telling.is_read:
            typer.echo(serialize_object(made, telling.output))


def _check(decision: ApprovalArguments, found: GrantLookup) -> None:
    """Refuse what would change nothing.

    Raises:
        CommandFailed: The grant is over, or everybody who has to agree has agreed.
    """
    said = found.stored
    ended = said.conditions.get(GrantCondition.ENDED)
    if ended is not None and ended.status:
        raise CommandError(
            f"AccessGrant {quote(said.name)} is over:"
            f" {with_full_stop(sanitize(ended.message))}"
        )
    approved = said.conditions.get(GrantCondition.APPROVED)
    if (
        decision.decision is ApprovalDecision.APPROVE
        and approved is not None
        and approved.status
    ):
        raise CommandError(
            f"AccessGrant {quote(said.name)} needs no approval:"
            f" {with_full_stop(sanitize(approved.message))}"
        )


async def _summary(asked: Session, found: GrantLookup) -> str:
    path = ARGOCD_INSTANCES.path(asked.namespace, found.grant.instance)
    try:
        status: dict[str, Any] = (await asked.cluster.get(path)).get("status") or {}
    except (NotFound, Forbidden):
        status = {}
    traits = role_risks(status, found.grant)
    text = summary(found.grant, found.stored, traits, utc_now())
    width = columns()
    return "\n".join(wrap(line, width, NAMES) for line in text.splitlines())


def _is_at_a_terminal() -> bool:
    return typer.get_text_stream("stdin").isatty()


async def _approval(asked: Session, decision: ApprovalArguments, grant: Grant) -> Body:
    """Create the approval, unless the grant is another one by now.

    Raises:
        CommandFailed: It is, or the API server refuses.
        ClusterError: It does not answer.
    """
    me = await who_am_i(asked.cluster)
    vote = ApprovalRequest(
        name=approval_name(grant, decision.decision, me.username if me else ""),
        grant_name=grant.name,
        grant_uid=grant.uid,
        decision=decision.decision,
        comment=decision.comment,
    )
    now = await find_grant(asked, grant.name)
    if now.grant.uid != grant.uid:
        raise CommandError(
            f"AccessGrant {quote(grant.name)} was deleted and created anew while you"
            " looked at it; look at the new one first."
        )
    path = ACCESS_APPROVALS.path(asked.namespace)
    try:
        made = await asked.cluster.create(path, build_approval(vote, me))
    except Conflict as error:
        return await _earlier(asked, vote, decision.output, error)
    except (Invalid, Forbidden) as error:
        raise CommandError(summarize_api_error(error)) from error
    if decision.output.is_read:
        mark = decision.output.mark
        typer.echo(f"{object_name(made)} created{mark}: {DONE[vote.decision]}")
    return made


async def _earlier(
    asked: Session, vote: ApprovalRequest, telling: OutputOptions, error: ClusterError
) -> Body:
    """Say that the same decision is there already.

    Raises:
        CommandFailed: Something else has its name.
    """
    body = await asked.cluster.get(ACCESS_APPROVALS.path(asked.namespace, vote.name))
    there = read_approval(body)
    if (there.grant_uid, there.decision) != (vote.grant_uid, vote.decision):
        raise CommandError(
            f"there is another AccessApproval {quote(vote.name)}; look at it, and"
            " delete it if it is yours."
        ) from error
    if telling.is_read:
        typer.echo(
            f"{object_name(body)} unchanged: you {DONE[vote.decision]} this"
            f" {when(there.created_at, utc_now())}"
        )
    return body


async def _counted(
    asked: Session, made: Body, patience: timedelta, telling: OutputOptions
) -> Body:
    """Wait until an approval counts, and give it as it is then.

    Raises:
        CommandFailed: It never will, or not in time.
        ClusterError: The API server does not answer.
    """
    metadata = made["metadata"]
    one = Collection(ACCESS_APPROVALS, asked.namespace, metadata["name"])
    outlook = await wait_for(asked.cluster, one, metadata["uid"], is_counted, patience)
    if telling.is_read:
        typer.echo(with_full_stop(sanitize(outlook.text)))
    return await asked.cluster.get(ACCESS_APPROVALS.path(asked.namespace, one.name))
