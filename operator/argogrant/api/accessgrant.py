"""AccessGrant: models, conversion from JSON, and status."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import ConfigDict, Field

from argogrant.api.accessgrant_view import last_bound_at
from argogrant.api.cel_rules import (
    ROLE_RULES,
    SPEC_RULES,
    SUBJECT_RULES,
    TEXT_RULE,
)
from argogrant.api.conditions import (
    MAX_MESSAGE_LENGTH,
    ConditionList,
    StatusModel,
    write_conditions,
)
from argogrant.api.json_fields import (
    get_dict,
    get_dicts,
    get_list,
    get_str,
    get_text_map,
    get_time,
)
from argogrant.api.metadata_limits import metadata_problem
from argogrant.api.recreating_tools import find_mark
from argogrant.api.schema import (
    ATOMIC,
    MAX_USERNAME_LENGTH,
    Duration,
    IdentityModel,
    Instant,
    Model,
    ObjectName,
    VisibleText,
    must,
    object_name,
    read_identity,
    read_spec,
    validations,
)
from argogrant.grants.access.evaluation import PolicyResult
from argogrant.grants.access.policy import Approval, ApprovalDecision
from argogrant.grants.access.subject_rules import MAX_RULES
from argogrant.grants.checks import RECORD_ANNOTATION
from argogrant.grants.conditions import (
    BindingOutcome,
    MemberFacts,
    grant_conditions,
    is_over,
)
from argogrant.grants.decide import MAX_DETAILS, Decision, DesiredBinding
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.grant import (
    AccessRecord,
    Grant,
    PlacedMember,
    RecordedFinding,
    RoleRef,
    Subject,
    SubjectKind,
)
from argogrant.grants.model.reasons import FINAL_REASONS, GrantCondition, Reason
from argogrant.grants.model.record import parse_record
from argogrant.grants.model.validation import (
    MAX_NAME_LENGTH,
    PROJECT_NAME,
    quote,
    with_full_stop,
)
from argogrant.grants.model.window import format_instant, parse_duration, parse_instant


class SubjectModel(Model):
    """Subject that receives access."""

    kind: Literal["User", "Group"] = Field(
        json_schema_extra=must("be User or Group, such as kind: User")
    )
    """Kind of the subject: User, or Group for an SSO group. AccessPolicies distinguish
    the kinds. Argo CD does not: it compares only names, so a grant for the user alice
    also applies to the members of an SSO group alice."""
    name: str = Field(
        min_length=1,
        max_length=MAX_NAME_LENGTH,
        json_schema_extra=must(
            "be the name of a user or an SSO group of 1 to 256 characters, such as"
            " alice@example.com",
            *SUBJECT_RULES,
        ),
    )
    """Name of the subject as it appears in the Argo CD token, such as alice@example.com
    or on-call; case-sensitive. It can be a user ID (sub), the name of a local account,
    or a value of a claim that scopes in argocd-rbac-cm lists. An e-mail address matches
    only if scopes contains email. If no token contains the name, the grant has no
    effect; see the Effective condition."""


class RoleModel(Model):
    """Argo CD role to grant."""

    name: VisibleText = Field(
        min_length=1,
        max_length=MAX_NAME_LENGTH,
        json_schema_extra=must(
            "be the name of a role of 1 to 256 characters, such as role:deployer",
            TEXT_RULE,
        ),
    )
    """Name of the role. Without project: a global role, such as role:deployer or
    role:readonly. With project: the bare name of a role of that AppProject, such as
    deployer. If the role does not exist, the grant waits until it does (RoleNotFound).
    status.roles of the ArgoCDInstance lists the existing roles."""
    project: str | None = Field(
        None,
        min_length=1,
        max_length=253,
        pattern=f"^{PROJECT_NAME.pattern}$",
        json_schema_extra=object_name("an AppProject", "team-a"),
    )
    """AppProject of the role, such as team-a. Omit it for a global role. Argo CD's role
    proj:team-a:deployer has project: team-a and name: deployer."""


class RevocationModel(Model):
    """Reason of a revocation."""

    justification: str = Field(
        max_length=1024,
        json_schema_extra=must(
            "be the reason of the revocation in at most 1024 characters, such as: the"
            " ticket was closed"
        ),
    )
    """Reason of the revocation, such as: the ticket was closed. The grant's conditions
    contain it."""


class AccessGrantSpec(Model):
    """Requested access: subject, role, time window and justification."""

    model_config = ConfigDict(json_schema_extra=validations(*SPEC_RULES))

    instance: ObjectName = Field(
        "default", json_schema_extra=object_name("an ArgoCDInstance", "default")
    )
    """Name of an ArgoCDInstance in the namespace of the grant. If it does not exist,
    the grant waits until it does (InstanceNotFound). Immutable."""
    subject: SubjectModel = Field(
        json_schema_extra=must(
            "be the user or SSO group that receives the role, such as subject: {kind:"
            " User, name: alice@example.com}"
        )
    )
    """Argo CD user or SSO group that receives the role. Immutable."""
    role: RoleModel = Field(
        json_schema_extra=must(
            "be the Argo CD role to grant, such as role: {name: role:deployer}, or"
            " role: {project: team-a, name: deployer} for a role of an AppProject",
            *ROLE_RULES,
        )
    )
    """Argo CD role to grant: a global role or a role of an AppProject. The role must be
    defined in Argo CD; a grant never defines a role. Immutable."""
    expires_at: Instant | None = None
    """Time at which the grant expires (RFC 3339), such as 2026-11-24T18:00:00Z or
    2026-11-24T19:00:00+01:00. At this time the operator removes the binding. Exactly
    one of expiresAt and duration is required. Fractions of a second are dropped. A time
    in the past grants no access (Expired). After creation it can only become earlier;
    for more time, create another grant."""
    duration: Duration | None = None
    """Duration of the access in hours, minutes and seconds, such as 90m or 2h30m. It
    starts at the later of creation and the last required approval. Exactly
    one of expiresAt and duration is required. The minimum is 1s; fractions of a second
    are dropped. A duration longer than maxDuration of the ArgoCDInstance is shortened
    to maxDuration. If notBefore is set, the duration counts from notBefore, even if the
    grant is created or approved later. A grant that a service account requests, or that
    has a mark of a tool such as Argo CD, Flux or Helm, must set expiresAt, or notBefore
    beside duration (AbsoluteEndRequired), because a duration alone would start again
    whenever the grant is re-created. Immutable."""
    not_before: Instant | None = None
    """Earliest start of the access (RFC 3339), such as 2026-11-24T16:00:00Z for a
    planned maintenance window. Until then the grant is Scheduled. If it is omitted or
    in the past, the grant starts when it is created and approved. Fractions of a second
    are rounded up. Immutable."""
    justification: str | None = Field(
        None,
        max_length=1024,
        json_schema_extra=must(
            "be the reason of the request in at most 1024 characters, such as: roll out"
            " the hotfix for ticket 4711"
        ),
    )
    """Reason of the request, such as: roll out the hotfix for ticket 4711. An
    AccessPolicy can require a justification and its format. Immutable."""
    requester: IdentityModel | None = None
    """Kubernetes user who creates the grant. The admission policies in admission/ set
    this field or require it, and reject the name of another user. If they are not
    installed, the requester is not verified and no AccessPolicy matches
    (RequesterUnverified). Immutable."""
    extends: ObjectName | None = None
    """Name of the grant that this grant extends. That grant must have the same subject,
    role and instance. It must be older, must not have ended when this grant was
    created, and must not be revoked, denied or deleted before this grant starts; if
    that happens later, the binding of this grant stays until its end, but is not added
    again. The binding stays in Argo CD while either grant is active. An AccessPolicy
    can limit the number of extensions (maxExtensions); it also counts grants that
    follow without extends. Immutable."""
    break_glass: bool | None = None
    """true requests emergency access: without approval and for a short time, if an
    AccessPolicy allows it (breakGlass). It requires a justification. A label, a metric
    and the audit events mark the grant. Immutable."""
    revoked: bool | None = None
    """true revokes the grant immediately and permanently, and keeps the object as a
    record. It cannot be unset. A grant that is created with true never grants
    access."""
    revocation: RevocationModel | None = None
    """Reason of the revocation. Optional; it requires revoked: true, and it is
    immutable once it is set."""


TRACKING_ANNOTATION: Final = "argocd.argoproj.io/tracking-id"
"""Mark of Argo CD, by default; ``recreating_tools`` lists all marks."""
ABANDON_ANNOTATION: Final = "argogrant.dev/abandon"
"""``"true"`` on a deleted grant: do not wait until its revocation is confirmed."""
BREAK_GLASS_LABEL: Final = "argogrant.dev/break-glass"
"""``"true"`` on every grant with ``spec.breakGlass``; the operator sets it."""
FINALIZER: Final = "argogrant.dev/revoke"
"""Finalizer of grants that have, or are about to get, a binding in Argo CD."""


def read_grant(body: dict[str, Any]) -> Grant:
    """Parse an AccessGrant as the API server returns it.

    Of an object that exceeds the limits of its metadata, the groups of the requester
    are not kept: such objects must not fill the memory.

    Raises:
        InvalidGrant: The object does not match the CRD.
    """
    metadata, status = get_dict(body, "metadata"), get_dict(body, "status")
    spec, problem = _read_spec(body), metadata_problem(body)
    requester = read_identity(spec.requester)
    if requester is not None and problem:
        requester = replace(requester, groups=frozenset())
    revocation = spec.revocation
    return Grant(
        uid=get_str(metadata, "uid"),
        namespace=get_str(metadata, "namespace"),
        name=get_str(metadata, "name"),
        instance=spec.instance,
        subject=Subject(kind=SubjectKind(spec.subject.kind), name=spec.subject.name),
        role=RoleRef(name=spec.role.name, project=spec.role.project),
        created_at=parse_instant(get_str(metadata, "creationTimestamp")),
        expires_at=None if spec.expires_at is None else parse_instant(spec.expires_at),
        duration=None if spec.duration is None else parse_duration(spec.duration),
        not_before=_read_not_before(spec),
        frozen_end=_read_frozen_end(status),
        revoked=bool(spec.revoked),
        revocation_justification=revocation.justification if revocation else None,
        mark=find_mark(body),
        label_keys=frozenset() if problem else _read_label_keys(metadata),
        being_deleted="deletionTimestamp" in metadata,
        requester=requester,
        justification=spec.justification or "",
        extends=spec.extends,
        break_glass=bool(spec.break_glass),
        recorded_policy=get_str(status, "accessPolicy") or None,
        recorded_extension=_read_extension(status),
        recorded_finding=_read_finding(status),
        has_finalizer=FINALIZER in get_list(metadata, "finalizers"),
        metadata_problem=problem,
        member=_read_member(status),
        record=_read_record(metadata),
    )


def _read_member(status: Mapping[str, Any]) -> PlacedMember | None:
    since = get_time(status, "memberSince")
    if since is None:
        return None
    return PlacedMember(since=since, removed_at=get_time(status, "memberRemovedAt"))


def _read_label_keys(metadata: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(get_text_map(metadata, "labels")) - {BREAK_GLASS_LABEL}


def _read_record(metadata: Mapping[str, Any]) -> AccessRecord | None:
    annotations = get_dict(metadata, "annotations")
    if RECORD_ANNOTATION not in annotations:
        return None
    return parse_record(get_str(annotations, RECORD_ANNOTATION))


def _read_spec(body: dict[str, Any]) -> AccessGrantSpec:
    spec = read_spec(AccessGrantSpec, body.get("spec"))
    if (spec.expires_at is None) == (spec.duration is None):
        raise InvalidGrant("spec: exactly one of expiresAt and duration is required")
    return spec


def _read_not_before(spec: AccessGrantSpec) -> datetime | None:
    if spec.not_before is None:
        return None
    return parse_instant(spec.not_before, round_up=True)


def _read_frozen_end(status: Mapping[str, Any]) -> datetime | None:
    """Read the expiry that was fixed at activation; an earlier one is a forecast."""
    return get_time(status, "expiresAt") if "startedAt" in status else None


def _read_extension(status: Mapping[str, Any]) -> int | None:
    """Read how many grants this grant extended when it started."""
    return len(get_list(status, "extensionOf")) if "startedAt" in status else None


def _read_finding(status: Mapping[str, Any]) -> RecordedFinding | None:
    """Read the recorded end, because its cause may be deleted, such as a denial."""
    for condition in get_dicts(status, "conditions"):
        is_end = condition.get("type") == GrantCondition.ENDED
        reason = get_str(condition, "reason")
        if is_end and condition.get("status") == "True" and reason in FINAL_REASONS:
            return RecordedFinding(Reason(reason), get_str(condition, "message"))
    return None


MAX_RECORDED: Final = 32
"""Maximum number of approvals and of extended grants in a status."""
MAX_APPROVERS_NAMED: Final = 3
"""Maximum number of approvers in the message of a condition."""
_KEPT_CONDITIONS: Final = frozenset(
    {GrantCondition.APPROVED, GrantCondition.READY, GrantCondition.ENDED}
)
"""Conditions that stay as they are after the end."""


class ApprovalEntry(Model):
    """Approval or denial that counted."""

    name: ObjectName
    """Name of the AccessApproval."""
    approver: str = Field(max_length=MAX_USERNAME_LENGTH)
    """Kubernetes user name of the approver."""
    decision: Literal["Approve", "Deny"]
    """Decision of the approver: Approve or Deny."""
    at: Instant
    """Creation time of the AccessApproval."""


class SubjectRuleEntry(Model):
    """Rule for the subject itself."""

    where: str = Field(max_length=1024)
    """Location, such as policy.csv line 3."""
    rule: str = Field(max_length=1024)
    """The rule, such as 'p, my-org:ops, applications, delete, */*, allow'."""


class AccessGrantStatus(StatusModel):
    """Observed state of the grant. Only the operator writes it."""

    conditions: ConditionList = Field([])
    """Conditions of the grant. Approved: AccessPolicies allow the grant and all
    required approvals exist. Ready: Argo CD's RBAC policy contains the binding; if
    False, reason and message contain the cause and the remedy. Effective: Argo CD can
    match the subject; if False, the grant has no effect with the current configuration
    of Argo CD, and the message contains the remedy; absent if unknown. Ended: the grant
    has ended permanently; absent until this is confirmed."""
    started_at: Instant | None = None
    """Time at which the grant became active: the latest of creation, notBefore and the
    last required approval. Absent before that time, and if the grant ended before it
    started."""
    expires_at: Instant | None = None
    """Time at which the access expires: the earliest of the requested expiry and
    startedAt plus maxDuration of the ArgoCDInstance and of the AccessPolicy. Before
    startedAt is set it is a forecast; from then on it only becomes earlier. If the
    expiry is moved to the past, it is the time at which the operator learned of it.
    Absent while a duration waits for approvals."""
    ended_at: Instant | None = None
    """Time at which the grant ended: its expiry, or the earlier time at which the
    operator confirmed its revocation, denial or approval timeout. Absent while Argo CD
    may still allow access."""
    bound_as: str | None = Field(None, max_length=1024)
    """Role as it was written to Argo CD's RBAC policy, such as proj:team-a:deployer.
    Absent if it was never written."""
    member_since: Instant | None = None
    """Time from which the subject can have created tokens as a member that the operator
    added to a role of an AppProject (bindProjectRolesIn: AppProject), as in the
    annotation argogrant.dev/members of the AppProject. Another program can write the
    AppProject back without that annotation; the operator then knows its member by this
    field. Absent if the subject was already a member."""
    member_removed_at: Instant | None = None
    """Time at which the operator found that this member is no longer in the role. A
    member that comes back later is removed once more and reported (MembersReturned).
    Absent while it is a member."""
    access_policy: ObjectName | None = None
    """Name of the AccessPolicy that allows the grant. Absent if no AccessPolicy is
    required, or if none allows the grant yet."""
    approvals: list[ApprovalEntry] = Field(
        [], max_length=MAX_RECORDED, json_schema_extra=ATOMIC
    )
    """Approvals and denials that counted, oldest first, at most 32. Once the grant was
    approved, they stay listed if a later decision supersedes them or if their objects
    are deleted."""
    extension_of: list[ObjectName] = Field(
        [], max_length=MAX_RECORDED, json_schema_extra=ATOMIC
    )
    """Names of the extended grants: the grant in spec.extends, the grant that it
    extends, and so on; at most 32."""
    extended_by: ObjectName | None = None
    """Name of the grant that extends this grant."""
    subject_rules: list[SubjectRuleEntry] = Field(
        [], max_length=MAX_RULES, json_schema_extra=ATOMIC
    )
    """Rules that Argo CD has for the subject itself, and that it applies to a group or
    an address only because of this grant; at most 10. They are not part of the role.
    Absent if there are none."""
    url: str | None = Field(None, max_length=512)
    """URL of the Argo CD (spec.url of the ArgoCDInstance). Absent before the start, or
    if the instance has no URL."""
    access_details: str | None = Field(None, max_length=MAX_DETAILS)
    """Information for the user (spec.accessDetails of the ArgoCDInstance), with the
    subject, role, expiry and URL of this grant filled in. It is updated with the
    instance until the grant ends."""


def grant_status(
    decision: Decision,
    delivery: BindingOutcome,
    *,
    old: Mapping[str, Any],
    generation: int,
    now: datetime,
) -> dict[str, Any]:
    """Build the status of a grant, equal to the old one if nothing changed.

    Facts that the old status records are kept. ``delivery`` is the state of the binding
    in Argo CD's RBAC policy.
    """
    conditions = grant_conditions(decision, delivery)
    status = {
        **write_conditions(old, conditions, generation=generation, now=now),
        **_approval_fields(decision, old),
        **_times(decision, delivery, old, now),
        **_member_times(delivery.member, old, now),
        **_access_details(decision, old),
    }
    is_wanted = decision.desired_binding is not DesiredBinding.ABSENT
    if (delivery.is_bound and is_wanted) or "boundAs" in old:
        status["boundAs"] = decision.grant.role.bound_as
    account = "" if delivery.may_still_apply else describe_access_so_far(status)
    status["conditions"] = _keep_account(status, old, account)
    extended_by = decision.related.extended_by or old.get("extendedBy")
    if extended_by:
        status["extendedBy"] = extended_by
    subject_rules = [
        {"where": one.where, "rule": one.line} for one in decision.activated.first
    ]
    if decision.has_ended:
        subject_rules = old.get("subjectRules") or []
    if subject_rules:
        status["subjectRules"] = subject_rules
    return status


def _member_times(
    facts: MemberFacts, old: Mapping[str, Any], now: datetime
) -> dict[str, str]:
    """Build the times of the member; what is not certain stays as it was."""
    keys = ("memberSince", "memberRemovedAt")
    times = {key: old[key] for key in keys if key in old}
    if facts.since is not None:
        return {"memberSince": format_instant(facts.since)}
    if facts.is_absent and "memberSince" in times:
        times.setdefault("memberRemovedAt", format_instant(now))
    return times


def _keep_account(
    status: Mapping[str, Any], old: Mapping[str, Any], account: str
) -> list[dict[str, Any]]:
    """Return the conditions of a status, without losing the account of earlier ones.

    The first end of a grant stays reported, as does its approval: later changes of the
    grant, its approvals and its policies have no effect. Before that, a condition that
    reports the end or the loss of the approval also tells when the grant was active.
    """
    stored: dict[str, dict[str, Any]] = {}
    if "endedAt" in old and "endedAt" in status:
        stored = {one["type"]: dict(one) for one in get_dicts(old, "conditions")}
    return [
        _kept_condition(one, stored.get(one["type"])) or _with_account(one, account)
        for one in status["conditions"]
    ]


def _kept_condition(
    new: Mapping[str, Any], stored: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Return the stored condition of an ended grant, unless it is about something else.

    ``Ready`` stays only if it is False: no status makes an ended grant ready.
    """
    if stored is None or new["type"] not in _KEPT_CONDITIONS:
        return None
    is_ready = new["type"] == GrantCondition.READY
    return None if is_ready and stored.get("status") != new["status"] else stored


def _with_account(condition: dict[str, Any], account: str) -> dict[str, Any]:
    """Add when the grant was active to the end, and to the loss of the approval."""
    is_end = condition["type"] == GrantCondition.ENDED
    lost = (GrantCondition.APPROVED, "False")
    is_loss = (condition["type"], condition["status"]) == lost
    message = condition["message"]
    if not account or not (is_end or is_loss) or account in message:
        return condition
    text = f"{with_full_stop(message)} {account}"
    return {**condition, "message": text[:MAX_MESSAGE_LENGTH]}


def describe_access_so_far(status: Mapping[str, Any]) -> str:
    """Return from when until when a grant was active, and who approved it.

    Returns:
        A sentence; empty if the grant was never bound, or is bound.
    """
    start, end = get_time(status, "startedAt"), last_bound_at(status)
    if start is None or end is None:
        return ""
    approvers = [
        get_str(one, "approver")
        for one in get_dicts(status, "approvals")
        if one.get("decision") == ApprovalDecision.APPROVE
    ]
    listed = ", ".join(map(quote, approvers[:MAX_APPROVERS_NAMED]))
    rest = len(approvers) - MAX_APPROVERS_NAMED
    more = f" and {rest} more" if rest > 0 else ""
    approved = f", approved by {listed}{more}" if approvers else ""
    start_text, end_text = format_instant(start), format_instant(max(start, end))
    return f"It was active from {start_text} until {end_text}{approved}."


def _times(
    decision: Decision, delivery: BindingOutcome, old: Mapping[str, Any], now: datetime
) -> dict[str, str]:
    """Build the times; only an approved grant starts."""
    window, times = decision.window, {}
    end = window.end
    if end < now and decision.grant.frozen_end is not None:
        # An end that was moved to the past takes effect when the operator learns of it.
        end = max(end, min(now, decision.grant.frozen_end))
    if window.has_end:
        times["expiresAt"] = format_instant(end)
    if "startedAt" in old or decision.is_active(now):
        times["startedAt"] = old.get("startedAt") or format_instant(window.start)
    if is_over(decision, delivery):
        end = min(now, max(end, window.start))
        times["endedAt"] = old.get("endedAt") or format_instant(end)
    return times


def _access_details(decision: Decision, old: Mapping[str, Any]) -> dict[str, str]:
    """Build the information for the user; it stays unchanged after the end."""
    details = decision.access_details
    if details is None or "endedAt" in old:
        return {key: old[key] for key in ("url", "accessDetails") if key in old}
    fields = {"url": details.url, "accessDetails": details.details}
    return {key: value for key, value in fields.items() if value}


def _approval_fields(decision: Decision, old: Mapping[str, Any]) -> dict[str, Any]:
    """Build policy, approvals and extensions; they stay unchanged after the end."""
    result, chain = decision.policy_result, decision.related.chain
    fields: dict[str, Any] = {
        "accessPolicy": result.policy or _policy_of(old),
        "approvals": _approvals(result, old),
        "extensionOf": [grant.name for grant in chain[:MAX_RECORDED]],
    }
    if "endedAt" in old:
        fields = {key: old.get(key) for key in fields}
    elif "startedAt" in old and len(old.get("extensionOf") or ()) > len(chain):
        fields["extensionOf"] = old["extensionOf"]
    return {key: value for key, value in fields.items() if value}


def _policy_of(old: Mapping[str, Any]) -> str:
    """Return the policy of a started grant: lowering its maxDuration shortens it."""
    return str(old.get("accessPolicy", "")) if "startedAt" in old else ""


def _approvals(result: PolicyResult, old: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the decisions that count, after those that counted for an approved grant.

    Of too many, the first ones and the last one are kept.
    """
    decisions = [_approval(one) for one in result.approvals]
    if _was_approved(old):
        recorded = [dict(one) for one in get_dicts(old, "approvals")]
        known = {(get_str(one, "name"), get_str(one, "at")) for one in recorded}
        decisions = [
            *recorded,
            *(one for one in decisions if (one["name"], one["at"]) not in known),
        ]
    if len(decisions) <= MAX_RECORDED:
        return decisions
    return [*decisions[: MAX_RECORDED - 1], decisions[-1]]


def _was_approved(old: Mapping[str, Any]) -> bool:
    """Return whether a status records that the grant was approved."""
    return "startedAt" in old or any(
        (one.get("type"), one.get("status")) == (GrantCondition.APPROVED, "True")
        for one in get_dicts(old, "conditions")
    )


def _approval(approval: Approval) -> dict[str, str]:
    return {
        "name": approval.name,
        "approver": approval.approver.username if approval.approver else "",
        "decision": str(approval.decision),
        "at": format_instant(approval.created_at),
    }
