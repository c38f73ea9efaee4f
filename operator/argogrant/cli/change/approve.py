"""``argogrant approve`` and ``argogrant deny``: record a decision about a grant."""

import hashlib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

import click

from argogrant.api.accessapproval import read_approval
from argogrant.api.accessgrant_view import StoredStatus
from argogrant.api.argocdinstance import Instance
from argogrant.api.json_fields import get_dict
from argogrant.api.new_objects import ApprovalRequest, build_approval
from argogrant.cli.access_rules import awaiting_caller
from argogrant.cli.change.readiness import describe_ceiling
from argogrant.cli.change.submit import (
    OutputOptions,
    parse_output_options,
    print_verdict,
    run_change,
)
from argogrant.cli.change.verdict import (
    describe_effect,
    effect_warnings,
    verdict_after_decision,
    verdict_on_approval,
)
from argogrant.cli.change.wait import is_counted, wait_until, watched_object
from argogrant.cli.choosing import can_be_revoked, chosen_names, require_names
from argogrant.cli.errors import (
    CommandError,
    collect_errors,
    raise_collected,
    summarize_api_error,
)
from argogrant.cli.formats import DryRun, ListFormat
from argogrant.cli.parsed_objects import GrantLookup, find_grant, parse_instance
from argogrant.cli.serialization import object_name
from argogrant.cli.session import Session, instance_body, utc_now
from argogrant.cli.terminal.grant_state import awaits_approval
from argogrant.cli.terminal.questions import confirm
from argogrant.cli.terminal.tables import NONE, columns, sanitize, wrap
from argogrant.cli.terminal.times import short, when
from argogrant.grants.access.policy import ApprovalDecision
from argogrant.grants.access.subject_rules import subject_caution
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reasons import GrantCondition
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.kube.client import Body
from argogrant.kube.errors import Conflict, Forbidden, Invalid
from argogrant.kube.permissions import who_am_i
from argogrant.kube.resources import ACCESS_APPROVALS

MAX_NAME: Final = 253
"""Source: Kubernetes, "Object Names and IDs", DNS subdomain names."""
DONE: Final = {ApprovalDecision.APPROVE: "approved", ApprovalDecision.DENY: "denied"}
LABEL_WIDTH: Final = 10
"""Width of the labels of the summary."""
DENIES: Final = "contains deny rules, which revoke other permissions of the subject"
PERSISTS: Final = (
    "permits access that outlives the grant (for details: argogrant roles -o wide)"
)


def _command(decision: ApprovalDecision) -> Callable[..., None]:
    """Make the function of the command for a decision."""
    verb = str(decision).lower()

    def command(  # noqa: PLR0913 - one for each option
        *,
        names: Sequence[str],
        comment: str,
        yes: bool,
        wait: bool,
        timeout: str,
        dry_run: DryRun,
        output: ListFormat,
        namespace: str,
        context: str,
    ) -> None:
        require_names(names)
        options = parse_output_options(
            output, wait=wait, timeout=timeout, dry_run=dry_run
        )

        async def decide_all(api: Session) -> None:
            approvals: list[Body] = []
            problems: list[str] = []
            fits, preferred = (
                (awaits_approval, awaiting_caller)
                if decision is ApprovalDecision.APPROVE
                else (can_be_revoked, None)
            )
            for name in await chosen_names(api, names, verb, fits, preferred):
                with collect_errors(problems):
                    await decide(api, name, approvals)
            options.echo("", *approvals)
            raise_collected(problems)

        async def decide(api: Session, name: str, approvals: list[Body]) -> None:
            found = await find_grant(api, name)
            _check_is_useful(decision, found.stored)
            # The approver always sees the summary, but programs read only the object
            # from stdout.
            click.echo(await _summary(api, found), err=not options.is_for_people)
            if not yes and _is_terminal():
                confirm(f"{decision} this grant?")
            approval = await _create(api, found.grant, decision, comment, options)
            created = approval["metadata"]["name"]
            instance = found.grant.instance
            if options.timeout is not None:
                watched = watched_object(api, ACCESS_APPROVALS, approval, instance)
                message = await wait_until(api, watched, is_counted, options.timeout)
                options.echo(message)
                path = ACCESS_APPROVALS.path(api.namespace, created)
                approval = await api.cluster.get(path)
            approvals.append(approval)
            if options.is_dry_run:
                return
            if options.timeout is None:
                counted = await verdict_on_approval(api, approval, instance)
                print_verdict(counted, options)
                if not counted.sentences:
                    return
            verdict = await verdict_after_decision(api, found.grant, created, decision)
            print_verdict(verdict, options, shown=effect_warnings(found.stored))

        run_change(verb, decide_all, options, context, namespace)

    return command


approve = _command(ApprovalDecision.APPROVE)
deny = _command(ApprovalDecision.DENY)


def _check_is_useful(decision: ApprovalDecision, stored: StoredStatus) -> None:
    """Reject a decision that would change nothing.

    Raises:
        CommandError: The grant has ended, or is already approved.
    """
    problems = [(GrantCondition.ENDED, "has ended")]
    if decision is ApprovalDecision.APPROVE:
        problems.append((GrantCondition.APPROVED, "needs no approval"))
    for condition, problem in problems:
        if stored.condition_is_true(condition):
            message = with_full_stop(sanitize(stored.conditions[condition].message))
            raise CommandError(f"AccessGrant {quote(stored.name)} {problem}: {message}")


async def _summary(api: Session, found: GrantLookup) -> str:
    grant = found.grant
    instance: Instance | None = None
    status: Mapping[str, Any] = {}
    with suppress(CommandError, Forbidden):
        body = await instance_body(api, grant.instance)
        status = get_dict(body, "status")
        instance = parse_instance(grant.instance, body)
    risks = role_risks(status, grant)
    ceiling = describe_ceiling(
        grant.not_before or grant.created_at,
        grant.expires_at or grant.duration or timedelta(0),
        instance,
    )
    text = summary(grant, found.stored, risks, utc_now())
    if ceiling:
        text = f"{text}\n{'Maximum:':<{LABEL_WIDTH}} {ceiling}"
    width = columns()
    return "\n".join(wrap(line, width, LABEL_WIDTH + 1) for line in text.splitlines())


def summary(
    grant: Grant,
    stored: StoredStatus,
    risks: Sequence[str] | None,
    now: datetime,
    zone: tzinfo | None = None,
) -> str:
    """Format who requests which role, until when and why; the risks may be unknown."""
    unknown_risks = "unknown; the status of the ArgoCDInstance does not list this role"
    requester = sanitize(grant.requester.username) if grant.requester else NONE
    ready = stored.conditions.get(GrantCondition.READY)
    caution = subject_caution(stored.subject_rules)
    break_glass = " (break glass)" if grant.break_glass else ""
    rows = (
        ("Subject", f"{grant.subject.kind} {sanitize(grant.subject.name)}"),
        ("Role", f"{sanitize(grant.role.bound_as)}{break_glass}"),
        ("Risks", unknown_risks if risks is None else "; ".join(risks)),
        ("Caution", caution and sanitize(caution)),
        ("When", _when(grant, stored, now, zone)),
        ("Reason", sanitize(grant.justification)),
        ("Requester", f"{requester}, {when(grant.created_at, now, zone)}"),
        ("Status", sanitize(ready.message or ready.reason) if ready else ""),
        ("Effect", describe_effect(stored)),
    )
    return "\n".join(
        f"{name + ':':<{LABEL_WIDTH}} {text}" for name, text in rows if text
    )


def role_risks(status: Mapping[str, Any], grant: Grant) -> tuple[str, ...] | None:
    """Return the risks in the status of an ArgoCDInstance; None without the role."""
    wanted = (grant.role.name, grant.role.project)
    for role in status.get("roles") or ():
        if (role.get("name"), role.get("project")) == wanted:
            nothing = f"allows nothing: {sanitize(role.get('allowsNothing') or '')}"
            risks = (
                (role.get("allowsNothing"), nothing.removesuffix(".")),
                (role.get("hasDeny"), DENIES),
                (role.get("canPersist"), PERSISTS),
            )
            return tuple(text for is_present, text in risks if is_present)
    return None


def _when(
    grant: Grant, stored: StoredStatus, now: datetime, zone: tzinfo | None
) -> str:
    not_before, end = grant.not_before, stored.expires_at or grant.expires_at
    start = ""
    if not_before is not None and not_before > now:
        start = f"from {when(not_before, now, zone)} "
    if end is not None:
        return f"{start}until {when(end, now, zone)}"
    return f"{start}for {short(grant.duration or timedelta(0))} from its start"


def _is_terminal() -> bool:
    return sys.stdin.isatty()


async def _create(
    api: Session,
    grant: Grant,
    decision: ApprovalDecision,
    comment: str,
    options: OutputOptions,
) -> Body:
    """Create the AccessApproval, unless the grant was replaced in the meantime.

    Raises:
        CommandError: The grant was replaced, or the API server rejects the approval.
    """
    user = await who_am_i(api.cluster)
    request = ApprovalRequest(
        name=approval_name(grant, decision, user.username if user else ""),
        grant_name=grant.name,
        grant_uid=grant.uid,
        decision=decision,
        comment=comment,
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
    except Conflict:
        return await _existing(api, request, options)
    except (Invalid, Forbidden) as error:
        raise CommandError(summarize_api_error(error)) from error
    result = f"created{options.dry_run_suffix}: {DONE[request.decision]}"
    options.echo(f"{object_name(approval)} {result} {api.where}")
    return approval


def approval_name(grant: Grant, decision: ApprovalDecision, username: str) -> str:
    """Return the name of the approval that records a decision of a user.

    The name is deterministic: a repeated command creates no second object. The uid of
    the grant makes the name differ after the grant is created again.
    """
    text = f"{grant.uid}\n{decision}\n{username}"
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    approver = re.sub(r"[^a-z0-9]+", "-", username.partition("@")[0].lower())
    suffix = f"-{approver[-30:].strip('-')}-{digest}".replace("--", "-")
    return f"{grant.name[: MAX_NAME - len(suffix)].rstrip('.-')}{suffix}"


async def _existing(
    api: Session, request: ApprovalRequest, options: OutputOptions
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
        )
    result = f"unchanged: you {DONE[request.decision]} this grant"
    at = when(approval.created_at, utc_now())
    options.echo(f"{object_name(body)} {result} {at}")
    return body
