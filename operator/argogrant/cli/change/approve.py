"""``argogrant approve`` and ``argogrant deny``: record a decision about a grant."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import typer

from argogrant.api.accessapproval import read_approval
from argogrant.api.new_objects import ApprovalRequest, build_approval
from argogrant.cli.change.approval_prompt import (
    DONE,
    LABEL_WIDTH,
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
from argogrant.kube.permissions import who_am_i
from argogrant.kube.resources import (
    ACCESS_APPROVALS,
    ARGOCD_INSTANCES,
    Collection,
)

Comment = Annotated[
    str, typer.Option(help="Comment, stored in the approval and in the audit.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Skip the confirmation prompt.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalArguments:
    """Parsed command line of ``approve`` and ``deny``."""

    name: str
    decision: ApprovalDecision
    comment: str
    is_confirmed: bool
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
    """Approve a grant.

    Prints who requests which role, until when and why. On a terminal, asks for a
    confirmation. With --wait, the exit status is 0 if the approval counts, else 1.

    Example: argogrant approve alice-hotfix --comment 'as agreed on the phone'
    """
    with usage_errors():
        options = parse_output_options(
            output, wait=wait, timeout=timeout, dry_run=dry_run
        )
    arguments = ApprovalArguments(
        name=name,
        decision=ApprovalDecision.APPROVE,
        comment=comment,
        is_confirmed=yes,
        output=options,
    )
    run_command("approve", _decide(arguments, context, namespace))


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
    """Deny a grant permanently; an active grant ends.

    Prints who requests which role, until when and why. On a terminal, asks for a
    confirmation. With --wait, the exit status is 0 if the denial counts, else 1.

    Example: argogrant deny alice-hotfix --comment 'not during the freeze'
    """
    with usage_errors():
        options = parse_output_options(
            output, wait=wait, timeout=timeout, dry_run=dry_run
        )
    arguments = ApprovalArguments(
        name=name,
        decision=ApprovalDecision.DENY,
        comment=comment,
        is_confirmed=yes,
        output=options,
    )
    run_command("deny", _decide(arguments, context, namespace))


async def _decide(arguments: ApprovalArguments, context: str, namespace: str) -> None:
    options = arguments.output
    async with session(context, namespace, dry_run=options.is_dry_run) as api:
        found = await find_grant(api, arguments.name)
        _check_is_useful(arguments, found)
        # The approver always sees the summary, but programs read only the object from
        # stdout.
        typer.echo(await _summary(api, found), err=not options.is_for_people)
        if not arguments.is_confirmed and _is_terminal():
            typer.confirm(f"{arguments.decision} this grant?", abort=True, err=True)
        approval = await _create(api, arguments, found.grant)
        if options.timeout is not None:
            approval = await _wait(api, approval, options.timeout, options)
        if not options.is_for_people:
            typer.echo(serialize_object(approval, options.output))


def _check_is_useful(arguments: ApprovalArguments, found: GrantLookup) -> None:
    """Reject a decision that would change nothing.

    Raises:
        CommandError: The grant has ended, or is already approved.
    """
    stored = found.stored
    ended = stored.conditions.get(GrantCondition.ENDED)
    if ended is not None and ended.status:
        raise CommandError(
            f"AccessGrant {quote(stored.name)} has ended:"
            f" {with_full_stop(sanitize(ended.message))}"
        )
    approved = stored.conditions.get(GrantCondition.APPROVED)
    if (
        arguments.decision is ApprovalDecision.APPROVE
        and approved is not None
        and approved.status
    ):
        raise CommandError(
            f"AccessGrant {quote(stored.name)} needs no approval:"
            f" {with_full_stop(sanitize(approved.message))}"
        )


async def _summary(api: Session, found: GrantLookup) -> str:
    path = ARGOCD_INSTANCES.path(api.namespace, found.grant.instance)
    try:
        status: dict[str, Any] = (await api.cluster.get(path)).get("status") or {}
    except (NotFound, Forbidden):
        status = {}
    risks = role_risks(status, found.grant)
    text = summary(found.grant, found.stored, risks, utc_now())
    width = columns()
    return "\n".join(wrap(line, width, LABEL_WIDTH + 1) for line in text.splitlines())


def _is_terminal() -> bool:
    return typer.get_text_stream("stdin").isatty()


async def _create(api: Session, arguments: ApprovalArguments, grant: Grant) -> Body:
    """Create the AccessApproval, unless the grant was replaced in the meantime.

    Raises:
        CommandError: The grant was replaced, or the API server rejects the approval.
        ClusterError: A request failed.
    """
    user = await who_am_i(api.cluster)
    request = ApprovalRequest(
        name=approval_name(grant, arguments.decision, user.username if user else ""),
        grant_name=grant.name,
        grant_uid=grant.uid,
        decision=arguments.decision,
        comment=arguments.comment,
    )
    current = await find_grant(api, grant.name)
    if current.grant.uid != grant.uid:
        raise CommandError(
            f"AccessGrant {quote(grant.name)} was deleted and created again after it"
            " was shown. Run the command again to see the new grant."
        )
    path = ACCESS_APPROVALS.path(api.namespace)
    try:
        approval = await api.cluster.create(path, build_approval(request, user))
    except Conflict as error:
        return await _existing(api, request, arguments.output, error)
    except (Invalid, Forbidden) as error:
        raise CommandError(summarize_api_error(error)) from error
    if arguments.output.is_for_people:
        suffix = arguments.output.dry_run_suffix
        typer.echo(f"{object_name(approval)} created{suffix}: {DONE[request.decision]}")
    return approval


async def _existing(
    api: Session, request: ApprovalRequest, options: OutputOptions, error: ClusterError
) -> Body:
    """Return the approval that already records this decision.

    Raises:
        CommandError: An object with this name records another decision.
    """
    body = await api.cluster.get(ACCESS_APPROVALS.path(api.namespace, request.name))
    approval = read_approval(body)
    recorded = (approval.grant_uid, approval.decision)
    if recorded != (request.grant_uid, request.decision):
        raise CommandError(
            f"another AccessApproval {quote(request.name)} exists. Inspect it, and"
            " delete it if it is yours."
        ) from error
    if options.is_for_people:
        typer.echo(
            f"{object_name(body)} unchanged: you {DONE[request.decision]} this grant"
            f" {when(approval.created_at, utc_now())}"
        )
    return body


async def _wait(
    api: Session, approval: Body, limit: timedelta, options: OutputOptions
) -> Body:
    """Wait until an approval counts, and return it.

    Raises:
        CommandError: The approval does not count, or the timeout expired.
        ClusterError: A request failed.
    """
    metadata = approval["metadata"]
    collection = Collection(ACCESS_APPROVALS, api.namespace, metadata["name"])
    status = await wait_for(api.cluster, collection, metadata["uid"], is_counted, limit)
    if options.is_for_people:
        typer.echo(with_full_stop(sanitize(status.text)))
    return await api.cluster.get(ACCESS_APPROVALS.path(api.namespace, collection.name))
