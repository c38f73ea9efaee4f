"""Lenient views of AccessGrants and AccessApprovals, for display and for the audit log.

``read_grant`` and ``read_approval`` refuse an object that the CRD does not allow, but
objects from the time of an older CRD must still appear in a list. The readers here
never raise: a missing or malformed field is empty. No decision depends on them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from argogrant.api.json_fields import (
    get_dict,
    get_dicts,
    get_int,
    get_str,
    get_time,
)
from argogrant.grants.access.subject_rules import (
    MAX_RULES,
    NO_RULES,
    RuleList,
    SubjectRule,
)
from argogrant.grants.model.grant import RoleRef
from argogrant.grants.model.reasons import (
    REFUSED_REASONS,
    ApprovalCondition,
    GrantCondition,
    Reason,
)
from argogrant.grants.model.stored_condition import Conditions, StoredCondition

_STATUS: Final = {"True": True, "False": False}
_UNBOUND: Final = REFUSED_REASONS | {
    Reason.AWAITING_APPROVAL,
    Reason.ROLE_NOT_FOUND,
    Reason.PROJECT_INVALID,
}
"""Reasons for which Argo CD has no binding, unless the status has ``Ended``."""


def read_conditions(status: Mapping[str, Any]) -> Conditions:
    """Read the conditions of the status of any kind."""
    return {
        get_str(one, "type"): StoredCondition(
            status=_STATUS.get(get_str(one, "status")),
            reason=get_str(one, "reason"),
            message=get_str(one, "message"),
            since=get_str(one, "lastTransitionTime"),
        )
        for one in get_dicts(status, "conditions")
    }


class StoredApproval(NamedTuple):
    """Approval or denial that counted, as the status of a grant lists it."""

    name: str
    approver: str
    decision: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStatus:
    """Status of a grant or an approval, with the identity of the object."""

    uid: str
    name: str
    is_current: bool
    """The status describes the latest generation of the object."""
    conditions: Conditions = field(default_factory=dict)
    started_at: datetime | None = None
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    policy: str | None = None
    approvals: tuple[StoredApproval, ...] = ()
    has_been_bound: bool = False
    last_bound_at: datetime | None = None
    """Until when Argo CD had the binding; None if it never had it, or has it."""
    extended_by: str = ""
    subject_rules: RuleList = NO_RULES
    """Rules for the subject itself that the grant activates."""
    url: str = ""
    details: str = ""

    def condition_is_true(self, condition: str) -> bool:
        """Return whether a condition is present and True."""
        stored = self.conditions.get(condition)
        return stored is not None and stored.status is True


def read_stored_status(body: Mapping[str, Any]) -> StoredStatus:
    """Read the status of an AccessGrant or an AccessApproval."""
    return StoredStatus(**_status_fields(body))


def _status_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    metadata, status = get_dict(body, "metadata"), get_dict(body, "status")
    generation = get_int(metadata, "generation") or 1
    return {
        "uid": get_str(metadata, "uid"),
        "name": get_str(metadata, "name"),
        "is_current": get_int(status, "observedGeneration") >= generation,
        "conditions": read_conditions(status),
        "started_at": get_time(status, "startedAt"),
        "expires_at": get_time(status, "expiresAt"),
        "ended_at": get_time(status, "endedAt"),
        "policy": get_str(status, "accessPolicy") or None,
        "approvals": tuple(
            StoredApproval(**{key: get_str(one, key) for key in StoredApproval._fields})
            for one in get_dicts(status, "approvals")
        ),
        "has_been_bound": has_been_bound(status),
        "last_bound_at": last_bound_at(status),
        "extended_by": get_str(status, "extendedBy"),
        "subject_rules": _read_subject_rules(status),
        "url": get_str(status, "url"),
        "details": get_str(status, "accessDetails"),
    }


def _read_subject_rules(status: Mapping[str, Any]) -> RuleList:
    rules = tuple(
        SubjectRule(get_str(one, "where"), get_str(one, "rule"))
        for one in get_dicts(status, "subjectRules")[:MAX_RULES]
    )
    return RuleList(rules, len(rules))


def has_been_bound(status: Mapping[str, Any]) -> bool:
    """Return whether a status records that its grant was bound.

    ``boundAs`` alone is no proof: a grant whose checks are unknown keeps the binding
    that another grant has.
    """
    return "boundAs" in status and "startedAt" in status


def last_bound_at(status: Mapping[str, Any]) -> datetime | None:
    """Return until when Argo CD had the binding, as far as a status records it.

    Returns:
        None if the grant was never bound, is bound, or may be bound.
    """
    conditions = read_conditions(status)
    ready = conditions.get(GrantCondition.READY)
    ended = conditions.get(GrantCondition.ENDED)
    if not has_been_bound(status) or ready is None or ready.status is not False:
        return None
    if ready.reason not in _UNBOUND and not (ended and ended.status):
        return None
    instants = (get_time({"at": ready.since}, "at"), get_time(status, "endedAt"))
    return min((one for one in instants if one is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessGrantView(StoredStatus):
    """An AccessGrant with its spec and the status that the operator last wrote.

    ``expires_at`` is the requested ``expiresAt`` until the status has an expiry.
    """

    namespace: str
    created_at: datetime | None
    instance: str
    subject_kind: str
    subject: str
    role: str
    """Role as it is written to Argo CD, such as ``proj:team-a:deployer``."""
    requester: str
    justification: str
    duration: str
    not_before: datetime | None
    is_revoked: bool
    is_being_deleted: bool
    is_break_glass: bool
    extends: str


def view_grant(body: Mapping[str, Any]) -> AccessGrantView:
    """Read an AccessGrant as the API server returns it."""
    metadata, spec = get_dict(body, "metadata"), get_dict(body, "spec")
    subject, role = get_dict(spec, "subject"), get_dict(spec, "role")
    status = _status_fields(body)
    status["expires_at"] = status["expires_at"] or get_time(spec, "expiresAt")
    return AccessGrantView(
        **status,
        namespace=get_str(metadata, "namespace"),
        created_at=get_time(metadata, "creationTimestamp"),
        instance=get_str(spec, "instance"),
        subject_kind=get_str(subject, "kind"),
        subject=get_str(subject, "name"),
        role=RoleRef(
            name=get_str(role, "name"), project=get_str(role, "project") or None
        ).bound_as,
        requester=get_str(get_dict(spec, "requester"), "username"),
        justification=get_str(spec, "justification"),
        duration=get_str(spec, "duration"),
        not_before=get_time(spec, "notBefore"),
        is_revoked=bool(spec.get("revoked")),
        is_being_deleted="deletionTimestamp" in metadata,
        is_break_glass=bool(spec.get("breakGlass")),
        extends=get_str(spec, "extends"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessApprovalView:
    """An AccessApproval with its spec and whether the operator counted it."""

    name: str
    grant_name: str
    decision: str
    approver: str
    comment: str
    created_at: datetime | None
    counted: StoredCondition | None
    """The Counted condition; None until the operator has reported it."""


def view_approval(body: Mapping[str, Any]) -> AccessApprovalView:
    """Read an AccessApproval as the API server returns it."""
    metadata, spec = get_dict(body, "metadata"), get_dict(body, "spec")
    conditions = read_conditions(get_dict(body, "status"))
    return AccessApprovalView(
        name=get_str(metadata, "name"),
        grant_name=get_str(get_dict(spec, "grant"), "name"),
        decision=get_str(spec, "decision"),
        approver=get_str(get_dict(spec, "approver"), "username"),
        comment=get_str(spec, "comment"),
        created_at=get_time(metadata, "creationTimestamp"),
        counted=conditions.get(ApprovalCondition.COUNTED),
    )
