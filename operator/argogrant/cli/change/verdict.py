"""First report of the operator about a new object: what happens next, or why not.

A command that creates an AccessGrant or AccessApproval waits two seconds for it. Its
exit status then is 1 for an object that the operator refuses, and 0 for every other
one: also if a grant awaits approval, or if the operator does not report in time.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Final, NamedTuple

from argogrant.api.accessgrant_view import StoredStatus, read_stored_status, view_grant
from argogrant.cli.change.wait import (
    DELETED,
    ENDED_REASONS,
    NOT_YET,
    USUAL_DELAY,
    WaitCondition,
    WaitStatus,
    WatchedObject,
    current_condition,
    has_ended,
    is_counted,
    watch_status,
    watched_object,
    why_unprocessed,
)
from argogrant.cli.session import Session, utc_now
from argogrant.cli.terminal.tables import sanitize
from argogrant.cli.terminal.times import short, when
from argogrant.grants.access.policy import ApprovalDecision
from argogrant.grants.access.subject_rules import subject_caution
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reasons import REFUSED_REASONS, GrantCondition, Reason
from argogrant.grants.model.stored_condition import StoredCondition
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.kube.client import Body
from argogrant.kube.errors import ClusterError
from argogrant.kube.resources import ACCESS_APPROVALS, ACCESS_GRANTS

POLL_SECONDS: Final = 0.1


class Verdict(NamedTuple):
    """Sentences that a command prints about the first report."""

    sentences: Sequence[str] = ()
    """Next step, for standard output."""
    warnings: Sequence[str] = ()
    """Why the grant may have no effect, for standard error."""
    refusal: str = ""
    """Why the operator refuses the object; empty if it does not."""


async def verdict_on_grant(
    api: Session, body: Body, instance: str, zone: tzinfo | None = None
) -> Verdict:
    """Wait for the first report about a new grant."""
    watched = watched_object(api, ACCESS_GRANTS, body, instance)
    status = await _first_report(api, watched, _is_reported)
    name = body["metadata"]["name"]
    if status is None:
        return Verdict()
    if status.text == DELETED:
        return Verdict(refusal=f"AccessGrant {quote(name)} was deleted.")
    if status is NOT_YET:
        return Verdict(warnings=[await _silence(watched, "AccessGrant", name)])
    try:
        path = ACCESS_GRANTS.path(api.namespace, name)
        grant = read_stored_status(await api.cluster.get(path))
    except ClusterError:
        return Verdict()
    return judge_grant(grant, api.namespace, utc_now(), zone)


async def verdict_on_approval(api: Session, body: Body, instance: str) -> Verdict:
    """Wait for the first report about a new approval or denial."""
    watched = watched_object(api, ACCESS_APPROVALS, body, instance)
    status = await _first_report(api, watched, is_counted)
    name = body["metadata"]["name"]
    if status is None:
        return Verdict()
    if status is NOT_YET:
        return Verdict(warnings=[await _silence(watched, "AccessApproval", name)])
    text = with_full_stop(sanitize(status.text))
    if status.is_met is None:
        return Verdict(warnings=[text])
    if status.is_met:
        return Verdict([text])
    return Verdict(refusal=f"AccessApproval {quote(name)} does not count: {text}")


async def verdict_after_decision(
    api: Session, grant: Grant, approval: str, decision: ApprovalDecision
) -> Verdict:
    """Wait for the effect of a decision that counts on its grant.

    A grant that gives no access is a warning: the decision counts nevertheless.

    Args:
        api: Where the grant is.
        grant: The AccessGrant.
        approval: Name of the AccessApproval.
        decision: Decision in it.
    """
    is_denial = decision is ApprovalDecision.DENY
    condition = has_ended if is_denial else _is_reported_with(approval)
    body = {"metadata": {"name": grant.name, "uid": grant.uid}}
    watched = watched_object(api, ACCESS_GRANTS, body, grant.instance)
    status = await _first_report(api, watched, condition)
    name = sanitize(grant.name)
    if status is None:
        return Verdict()
    if status.text == DELETED:
        return Verdict(warnings=[f"AccessGrant {quote(name)} was deleted."])
    if is_denial:
        return await _after_denial(watched, name, status)
    if status is NOT_YET:
        warning = (
            f"AccessGrant {quote(name)} has no report about the approval after"
            f" {short(USUAL_DELAY)}. To see its state, run: argogrant show {name} -n"
            f" {api.namespace}"
        )
        return Verdict(warnings=[warning])
    try:
        path = ACCESS_GRANTS.path(api.namespace, grant.name)
        stored = read_stored_status(await api.cluster.get(path))
    except ClusterError:
        return Verdict()
    return judge_for_approver(stored, api.namespace, utc_now(), None)


async def _after_denial(
    watched: WatchedObject, name: str, status: WaitStatus
) -> Verdict:
    if status.is_met:
        return Verdict([with_full_stop(sanitize(status.text))])
    cause = await watched.explain() if status is NOT_YET else status.text
    return Verdict(warnings=[_unconfirmed_end(name, "denied", cause)])


def judge_for_approver(
    grant: StoredStatus, namespace: str, now: datetime, zone: tzinfo | None
) -> Verdict:
    """Return what an approval has led to, without what only the requester needs."""
    grant = replace(grant, details="", url="")
    verdict = judge_grant(grant, namespace, now, zone, approver="another approver")
    if not verdict.refusal:
        return verdict
    return Verdict(warnings=[verdict.refusal])


def _is_reported_with(approval: str) -> WaitCondition:
    """Return the condition that a report about a grant contains an approval."""

    def condition(grant: StoredStatus | None) -> WaitStatus:
        if grant is None:
            return WaitStatus(DELETED, is_met=False)
        ended = grant.conditions.get(GrantCondition.ENDED)
        if ended is not None and ended.status:
            return WaitStatus(ended.message, is_met=True)
        is_counted_here = any(one.name == approval for one in grant.approvals)
        # The approvals of another policy may have been enough.
        if is_counted_here or grant.condition_is_true(GrantCondition.APPROVED):
            return _is_reported(grant)
        return NOT_YET

    return condition


async def unconfirmed_revocations(api: Session, bodies: Iterable[Body]) -> list[str]:
    """Wait until the operator has ended revoked grants; return which it has not."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + USUAL_DELAY.total_seconds()
    pending = [(body, NOT_YET) for body in bodies]
    while True:
        pending = [
            (body, status)
            for body, status in [(one, await _end_of(api, one)) for one, _ in pending]
            if not status.is_met
        ]
        if not pending or loop.time() >= deadline:
            break
        await asyncio.sleep(POLL_SECONDS)
    return [await _unconfirmed(api, body, status) for body, status in pending]


async def _end_of(api: Session, body: Body) -> WaitStatus:
    """Return whether a revoked grant has ended, or cannot be read."""
    path = ACCESS_GRANTS.path(api.namespace, body["metadata"]["name"])
    try:
        grant = read_stored_status(await api.cluster.get(path))
    except ClusterError:
        return has_ended(None)
    return has_ended(grant if grant.uid == body["metadata"]["uid"] else None)


async def _unconfirmed(api: Session, body: Body, status: WaitStatus) -> str:
    grant, cause = view_grant(body), status.text
    if status is NOT_YET:
        cause = await why_unprocessed(api, grant.instance)
    return _unconfirmed_end(sanitize(grant.name), "revoked", cause)


def _unconfirmed_end(name: str, done: str, cause: str) -> str:
    return (
        f"{name} is {done}, but Argo CD may still allow it after"
        f" {short(USUAL_DELAY)}: {with_full_stop(sanitize(cause))}"
    )


def judge_grant(
    grant: StoredStatus,
    namespace: str,
    now: datetime,
    zone: tzinfo | None,
    *,
    approver: str = "an approver",
) -> Verdict:
    """Return the next step for the requester, or why the grant gives no access.

    Args:
        grant: Status of the grant.
        namespace: Namespace of the grant.
        now: Current time.
        zone: Time zone of the output; None for the local one.
        approver: Who has to approve, as the subject of a sentence.
    """
    ended = grant.conditions.get(GrantCondition.ENDED)
    ready = current_condition(grant, GrantCondition.READY)
    if ended is not None and ended.status:
        ready = ended._replace(status=False)
    if ready is None:
        return Verdict()
    text = with_full_stop(sanitize(ready.message or ready.reason))
    if ready.status:
        return Verdict([describe_access(grant, now, zone)], effect_warnings(grant))
    if ready.reason in REFUSED_REASONS | ENDED_REASONS:
        return Verdict(
            refusal=(
                f"AccessGrant {quote(grant.name)} gives no access"
                f" ({sanitize(ready.reason)}): {text}"
            )
        )
    warnings = effect_warnings(grant)
    if ready.reason == Reason.AWAITING_APPROVAL:
        command = f"argogrant approve {sanitize(grant.name)} -n {namespace}"
        return Verdict(
            [f"It awaits approval: {text} To approve, {approver} runs: {command}"],
            warnings,
        )
    if ready.reason == Reason.SCHEDULED:
        return Verdict([text], warnings)
    blocked = (
        f"{sanitize(grant.name)} gives no access yet ({sanitize(ready.reason)}): {text}"
    )
    return Verdict(warnings=[blocked, *warnings])


def describe_access(grant: StoredStatus, now: datetime, zone: tzinfo | None) -> str:
    """Return until when a grant is active, and how to log in."""
    end = f" until {when(grant.expires_at, now, zone)}" if grant.expires_at else ""
    lines = [f"{sanitize(grant.name)} is active{end}."]
    details = grant.details or grant.url
    lines += [sanitize(line) for line in details.splitlines() if line.strip()]
    return "\n".join(lines)


def effect_warnings(grant: StoredStatus) -> list[str]:
    """Return what the grant gives beyond its role, or why it may give nothing."""
    warnings = []
    if grant.subject_rules.total:
        warnings.append(sanitize(subject_caution(grant.subject_rules)))
    warnings.append(describe_effect(grant))
    return [one for one in warnings if one]


def describe_effect(grant: StoredStatus) -> str:
    """Return why a grant may give nothing; empty if nothing is known against it."""
    effective = grant.conditions.get(GrantCondition.EFFECTIVE)
    if effective is None or effective.status or not effective.message:
        return ""
    return sanitize(effective.message)


def _is_reported(grant: StoredStatus | None) -> WaitStatus:
    """Return whether the operator has reported more than that it writes the binding."""
    if grant is None:
        return WaitStatus(DELETED, is_met=False)
    ready: StoredCondition | None = current_condition(grant, GrantCondition.READY)
    if ready is None:
        return NOT_YET
    is_first = ready.reason != Reason.BINDING
    return WaitStatus(ready.message, is_met=True if is_first else None)


async def _first_report(
    api: Session, watched: WatchedObject, condition: WaitCondition
) -> WaitStatus | None:
    """Return the first report, or that there is none yet; None if it is unknown."""
    try:
        return await watch_status(api.cluster, watched, condition, USUAL_DELAY)
    except ClusterError:
        return None


async def _silence(watched: WatchedObject, kind: str, name: str) -> str:
    cause = await watched.explain()
    return (
        f"{kind} {quote(name)} has no report after {short(USUAL_DELAY)}:"
        f" {with_full_stop(sanitize(cause))}"
    )
