"""Table of all reasons: where each one appears and what it means.

One entry per reason. The sets at the end are derived from the entries, and ``make
generate`` writes ``docs/reference`` from them. A new reason needs its name in
``Reason`` and one entry here.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, TypeVar

from argogrant.grants.model.reasons import (
    ApprovalCondition,
    GrantCondition,
    InstanceCondition,
    PolicyCondition,
    Reason,
)


class ConditionStatus(NamedTuple):
    """A condition type and one of its statuses; None is Kubernetes' Unknown."""

    type: GrantCondition | InstanceCondition | ApprovalCondition | PolicyCondition
    status: bool | None


APPROVED: Final = ConditionStatus(GrantCondition.APPROVED, status=True)
NOT_APPROVED: Final = ConditionStatus(GrantCondition.APPROVED, status=False)
GRANT_READY: Final = ConditionStatus(GrantCondition.READY, status=True)
GRANT_NOT_READY: Final = ConditionStatus(GrantCondition.READY, status=False)
EFFECTIVE: Final = ConditionStatus(GrantCondition.EFFECTIVE, status=True)
NOT_EFFECTIVE: Final = ConditionStatus(GrantCondition.EFFECTIVE, status=False)
ENDED: Final = ConditionStatus(GrantCondition.ENDED, status=True)

INSTANCE_READY: Final = ConditionStatus(InstanceCondition.READY, status=True)
INSTANCE_NOT_READY: Final = ConditionStatus(InstanceCondition.READY, status=False)
TEXT_VALID: Final = ConditionStatus(InstanceCondition.RBAC_TEXT_VALID, status=True)
TEXT_INVALID: Final = ConditionStatus(InstanceCondition.RBAC_TEXT_VALID, status=False)
TEXT_UNKNOWN: Final = ConditionStatus(InstanceCondition.RBAC_TEXT_VALID, status=None)
CONTESTED: Final = ConditionStatus(InstanceCondition.CONTESTED, status=True)
NOT_CONTESTED: Final = ConditionStatus(InstanceCondition.CONTESTED, status=False)
CLOCK_IN_SYNC: Final = ConditionStatus(InstanceCondition.CLOCK_IN_SYNC, status=True)
CLOCK_SKEWED: Final = ConditionStatus(InstanceCondition.CLOCK_IN_SYNC, status=False)
VERIFIED: Final = ConditionStatus(InstanceCondition.REQUESTER_VERIFIED, status=True)
UNVERIFIED: Final = ConditionStatus(InstanceCondition.REQUESTER_VERIFIED, status=False)
VERIFICATION_UNKNOWN: Final = ConditionStatus(
    InstanceCondition.REQUESTER_VERIFIED, status=None
)
TOKEN_FRESH: Final = ConditionStatus(InstanceCondition.TOKEN_FRESH, status=True)
TOKEN_NOT_FRESH: Final = ConditionStatus(InstanceCondition.TOKEN_FRESH, status=False)

COUNTED: Final = ConditionStatus(ApprovalCondition.COUNTED, status=True)
NOT_COUNTED: Final = ConditionStatus(ApprovalCondition.COUNTED, status=False)
POLICY_READY: Final = ConditionStatus(PolicyCondition.READY, status=True)
POLICY_NOT_READY: Final = ConditionStatus(PolicyCondition.READY, status=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonEntry:
    """Properties of one reason."""

    conditions: tuple[ConditionStatus, ...]
    """Conditions in which the reason appears, with their status."""
    description: str
    """Text of the reference documentation; Markdown, whole sentences."""
    is_refusal: bool = False
    """True if the cause is the grant's own spec rather than the state of Argo CD."""
    is_recorded: bool = False
    """True if the end holds even if the object that caused it is deleted: the stored
    condition ``Ended`` is its only record. (``Expired`` and ``Revoked`` are final too,
    but the operator derives them again from the spec and the time.)"""


REASONS: Final[dict[Reason, ReasonEntry]] = {
    Reason.POLICY_NOT_REQUIRED: ReasonEntry(
        conditions=(APPROVED,),
        description=(
            "No approval is required: without any AccessPolicy, anyone who can create "
            "AccessGrants in this namespace can grant any role (Kubernetes RBAC)."
        ),
    ),
    Reason.AUTO_APPROVED: ReasonEntry(
        conditions=(APPROVED,),
        description=(
            "An AccessPolicy allows the grant without approval; the message names the "
            "policy."
        ),
    ),
    Reason.APPROVED_BY_REVIEWERS: ReasonEntry(
        conditions=(APPROVED,),
        description=(
            "The grant has as many approvals as its AccessPolicy requires; the message "
            "names the policy and the approvers."
        ),
    ),
    Reason.BREAK_GLASS: ReasonEntry(
        conditions=(APPROVED,),
        description=(
            "The grant requests emergency access (`spec.breakGlass`): it needs no "
            "approval, its duration is short, and lists and audit events mark it."
        ),
    ),
    Reason.AWAITING_APPROVAL: ReasonEntry(
        conditions=(NOT_APPROVED, GRANT_NOT_READY),
        description=(
            "The grant does not have enough approvals yet, or one that it had no "
            "longer counts. The message says how many are missing and who may approve."
        ),
    ),
    Reason.NOT_ALLOWED: ReasonEntry(
        conditions=(NOT_APPROVED, GRANT_NOT_READY),
        description=(
            "No AccessPolicy allows the grant, or a policy denies it. The message "
            "names the closest policy and the check that failed. If a policy allows "
            "the grant later, it takes effect until its end."
        ),
        is_refusal=True,
    ),
    Reason.DENIED: ReasonEntry(
        conditions=(NOT_APPROVED, GRANT_NOT_READY, ENDED),
        description=(
            "An approver denied the grant, which has ended permanently. The message "
            "names the approver and quotes the comment."
        ),
        is_recorded=True,
    ),
    Reason.APPROVAL_TIMED_OUT: ReasonEntry(
        conditions=(NOT_APPROVED, GRANT_NOT_READY, ENDED),
        description=(
            "The grant did not get enough approvals before the approval timeout; it "
            "has ended permanently. Create a new AccessGrant and request approval "
            "again."
        ),
        is_recorded=True,
    ),
    Reason.REQUESTER_UNVERIFIED: ReasonEntry(
        conditions=(NOT_APPROVED, GRANT_NOT_READY),
        description=(
            "AccessPolicies depend on the requester, and the requester of this grant "
            "is not verified: the grant names none, or it was created while the "
            "admission policies of `admission/` were not installed."
        ),
        is_refusal=True,
    ),
    Reason.EXTENSION_REFUSED: ReasonEntry(
        conditions=(NOT_APPROVED, GRANT_NOT_READY),
        description=(
            "This grant cannot extend the grant that `spec.extends` names: that grant "
            "does not exist, is for another subject, role or instance, or had already "
            "ended."
        ),
        is_refusal=True,
    ),
    Reason.ACCESS_POLICY_INVALID: ReasonEntry(
        conditions=(NOT_APPROVED, GRANT_NOT_READY),
        description=(
            "An AccessPolicy is invalid; only an outdated or missing CRD accepts such "
            "an object. It could deny what another policy allows, so the operator adds "
            "no binding until it is fixed. Existing bindings stay until the grants "
            "expire."
        ),
    ),
    Reason.ACCESS_POLICIES_UNKNOWN: ReasonEntry(
        conditions=(NOT_APPROVED, GRANT_NOT_READY),
        description=(
            "The operator cannot read the AccessPolicies or AccessApprovals at the "
            "moment; the conditions of the ArgoCDInstance give the cause. Existing "
            "bindings stay until the grants expire; no binding is added."
        ),
    ),
    Reason.BOUND: ReasonEntry(
        conditions=(GRANT_READY,),
        description=(
            "Argo CD's RBAC policy contains the binding, and the API server has "
            "acknowledged the write. Argo CD allows what the role allows."
        ),
    ),
    Reason.BINDING: ReasonEntry(
        conditions=(GRANT_NOT_READY,),
        description=(
            "The grant is in force and the operator is writing its binding. This takes "
            "about a second, because several grants share a write. If it takes longer, "
            "the conditions of the ArgoCDInstance give the cause."
        ),
    ),
    Reason.SCHEDULED: ReasonEntry(
        conditions=(GRANT_NOT_READY,),
        description="The grant starts later, at `spec.notBefore`.",
    ),
    Reason.EXPIRED: ReasonEntry(
        conditions=(GRANT_NOT_READY, ENDED),
        description=(
            "The grant has expired and its binding is no longer in Argo CD's RBAC "
            "policy; it has ended permanently. For more time, create a new "
            "AccessGrant."
        ),
    ),
    Reason.REVOKED: ReasonEntry(
        conditions=(GRANT_NOT_READY, ENDED),
        description=(
            "`spec.revoked` is true and the binding is no longer in Argo CD's RBAC "
            "policy; the grant has ended permanently."
        ),
    ),
    Reason.DELETED: ReasonEntry(
        conditions=(GRANT_NOT_READY,),
        description=(
            "The grant is being deleted and its binding is no longer in Argo CD's RBAC "
            "policy; a finalizer of another program keeps the object. While the "
            "revocation is not confirmed, the reason is the cause of the delay."
        ),
    ),
    Reason.INVALID_GRANT: ReasonEntry(
        conditions=(GRANT_NOT_READY,),
        description=(
            "The AccessGrant is invalid; only an outdated or missing CRD accepts such "
            "an object. The message gives the cause. Apply the CRDs of this version "
            "and create the grant again."
        ),
        is_refusal=True,
    ),
    Reason.SUBJECT_REFUSED: ReasonEntry(
        conditions=(GRANT_NOT_READY,),
        description=(
            "The subject must not be bound: its name is misleading, or Argo CD uses "
            "it as a role, so a binding would grant the new role to all subjects of "
            "that role."
        ),
        is_refusal=True,
    ),
    Reason.ROLE_REFUSED: ReasonEntry(
        conditions=(GRANT_NOT_READY,),
        description=(
            "The role's name must not be written to Argo CD's RBAC policy: it contains "
            "an invisible character or is not a valid name of a role. The message says "
            "what to write."
        ),
        is_refusal=True,
    ),
    Reason.ROLE_NOT_FOUND: ReasonEntry(
        conditions=(GRANT_NOT_READY,),
        description=(
            "Argo CD defines no such role. The operator binds the grant as soon as the "
            "role is defined. The message lists roles with similar names."
        ),
    ),
    Reason.PROJECT_INVALID: ReasonEntry(
        conditions=(GRANT_NOT_READY,),
        description=(
            "Argo CD ignores all roles of this AppProject because it cannot parse one "
            "of the project's lines. The operator binds the grant as soon as the "
            "project is fixed."
        ),
    ),
    Reason.ABSOLUTE_END_REQUIRED: ReasonEntry(
        conditions=(GRANT_NOT_READY,),
        description=(
            "A grant that Argo CD applies from Git must have `spec.expiresAt`. With a "
            "duration, it would start again whenever Argo CD re-creates it."
        ),
        is_refusal=True,
    ),
    Reason.INSTANCE_NOT_FOUND: ReasonEntry(
        conditions=(GRANT_NOT_READY,),
        description=(
            "`spec.instance` names no ArgoCDInstance in this namespace, or one that is "
            "being deleted. The grant takes effect when an ArgoCDInstance with that "
            "name exists."
        ),
    ),
    Reason.INSTANCE_UNAVAILABLE: ReasonEntry(
        conditions=(GRANT_NOT_READY, INSTANCE_NOT_READY),
        description=(
            "The operator cannot read Argo CD's configuration at the moment; the "
            "conditions of the ArgoCDInstance give the cause. Existing bindings stay "
            "until the grants expire; no binding is added. An expired or revoked grant "
            "keeps this reason until its binding is removed."
        ),
    ),
    Reason.CONFIG_MAP_MISSING: ReasonEntry(
        conditions=(GRANT_NOT_READY, INSTANCE_NOT_READY),
        description=(
            "`argocd-rbac-cm` does not exist, and argogrant never creates it. The "
            "operator cannot add or remove bindings, and Argo CD keeps its last rules "
            "in memory: deleted grants keep their finalizer, and ended grants that "
            "were bound also have this reason. Restore the ConfigMap, or restart "
            "argocd-server to drop those rules."
        ),
    ),
    Reason.RBAC_TEXT_INVALID: ReasonEntry(
        conditions=(GRANT_NOT_READY, INSTANCE_NOT_READY),
        description=(
            "Argo CD cannot parse a line in `argocd-rbac-cm` that argogrant does not "
            "manage, and denies all requests until that line is fixed. Until then the "
            "operator adds no binding; it still removes bindings of ended grants."
        ),
    ),
    Reason.RBAC_TEXT_FULL: ReasonEntry(
        conditions=(GRANT_NOT_READY, INSTANCE_NOT_READY),
        description=(
            "`argocd-rbac-cm` has no space for another binding; the oldest grants are "
            "bound first. Revocations are always written. The operator binds the other "
            "grants as soon as grants end or other keys of the ConfigMap get shorter."
        ),
    ),
    Reason.CONTESTED: ReasonEntry(
        conditions=(CONTESTED,),
        description=(
            "Another program keeps changing `policy.argogrant.csv`. The operator "
            "restores it with an increasing delay; changes that revoke access are not "
            "delayed. The message names the field manager of the other program."
        ),
    ),
    Reason.UNDISTURBED: ReasonEntry(
        conditions=(NOT_CONTESTED,),
        description="No other program changes `policy.argogrant.csv`.",
    ),
    Reason.CLOCK_SKEWED: ReasonEntry(
        conditions=(CLOCK_SKEWED,),
        description=(
            "The operator's clock differs from the API server's by two seconds or "
            "more. The operator corrects a clock that is behind; a clock that is ahead "
            "ends grants too early. Synchronize the clock of the operator's node."
        ),
    ),
    Reason.IN_SYNC: ReasonEntry(
        conditions=(CLOCK_IN_SYNC,),
        description="The operator's clock agrees with the API server's.",
    ),
    Reason.OVERLAY_OWNED_BY_ANOTHER: ReasonEntry(
        conditions=(GRANT_NOT_READY, INSTANCE_NOT_READY),
        description=(
            "Another ArgoCDInstance manages `policy.argogrant.csv` of this Argo CD. "
            "This one writes nothing, because two writers would revert each other. "
            "Delete one of the two ArgoCDInstances; if the other one no longer exists, "
            "remove the key."
        ),
    ),
    Reason.CONVERGED: ReasonEntry(
        conditions=(INSTANCE_READY,),
        description="Argo CD's RBAC policy matches the grants that are in force.",
    ),
    Reason.FORBIDDEN: ReasonEntry(
        conditions=(INSTANCE_NOT_READY,),
        description=(
            "The operator lacks permissions. It checks each of them with the API "
            "server; the message names all that are missing and the Roles that grant "
            "them. If that check is not possible, the message names the request that "
            "was forbidden."
        ),
    ),
    Reason.UNAVAILABLE: ReasonEntry(
        conditions=(INSTANCE_NOT_READY,),
        description=(
            "A request to the API server failed. The operator retries, with at most "
            "five seconds between attempts."
        ),
    ),
    Reason.CERTIFICATE_REFUSED: ReasonEntry(
        conditions=(INSTANCE_NOT_READY,),
        description=(
            "The certificate of the remote cluster's API server cannot be verified, so "
            "the operator sends nothing to it. The message gives the cause. Put the "
            "certificate of the signing authority in `spec.cluster.caBundle`."
        ),
    ),
    Reason.TOKEN_MISSING: ReasonEntry(
        conditions=(INSTANCE_NOT_READY,),
        description=(
            "There is no token for the remote cluster: the Secret of "
            "`spec.cluster.tokenSecret` does not exist, lacks the key, or has an empty "
            "value. The message says how to create it."
        ),
    ),
    Reason.TOKEN_REFUSED: ReasonEntry(
        conditions=(INSTANCE_NOT_READY,),
        description=(
            "The remote cluster rejects the token: it has expired or was revoked. The "
            "message says how to create a new one and where to put it; the operator "
            "uses it at once."
        ),
    ),
    Reason.INVALID_INSTANCE: ReasonEntry(
        conditions=(INSTANCE_NOT_READY,),
        description=(
            "The ArgoCDInstance is invalid; only an outdated or missing CRD accepts "
            "such an object. The message gives the cause. Existing bindings stay until "
            "the grants expire; no binding is added."
        ),
    ),
    Reason.VALID: ReasonEntry(
        conditions=(TEXT_VALID,),
        description="Argo CD can parse every line of its RBAC policy.",
    ),
    Reason.MALFORMED_LINE: ReasonEntry(
        conditions=(TEXT_INVALID,),
        description=(
            "Argo CD cannot parse a line that argogrant does not manage; the message "
            "names its key, its line number and the error."
        ),
    ),
    Reason.UNKNOWN: ReasonEntry(
        conditions=(TEXT_UNKNOWN, VERIFICATION_UNKNOWN),
        description=(
            "The operator could not read the objects that this condition depends on: "
            "`argocd-rbac-cm` for `RBACTextValid`, the admission policies for "
            "`RequesterVerified`. `Ready` or the message gives the cause."
        ),
    ),
    Reason.VERIFIED: ReasonEntry(
        conditions=(VERIFIED,),
        description=(
            "The API server verifies requesters and approvers with the admission "
            "policies of `admission/`."
        ),
    ),
    Reason.ADMISSION_POLICY_MISSING: ReasonEntry(
        conditions=(UNVERIFIED,),
        description=(
            "An admission policy that verifies requesters and approvers is not "
            "installed or cannot be read; until it is, no AccessPolicy matches. The "
            "message names it."
        ),
    ),
    Reason.ADMISSION_POLICY_CHANGED: ReasonEntry(
        conditions=(UNVERIFIED,),
        description=(
            "An admission policy that verifies requesters and approvers has been "
            "modified; until it is restored, no AccessPolicy matches. The message "
            "names the difference."
        ),
    ),
    Reason.ACCEPTED_UNVERIFIED: ReasonEntry(
        conditions=(UNVERIFIED,),
        description=(
            "The operator runs with `--accept-unverified-requesters` and accepts the "
            "requesters and approvers that objects name: anyone who can create these "
            "objects can impersonate any user."
        ),
    ),
    Reason.COUNTS: ReasonEntry(
        conditions=(COUNTED,),
        description="The approval or denial counts.",
    ),
    Reason.NOT_ENTITLED: ReasonEntry(
        conditions=(NOT_COUNTED,),
        description=(
            "No AccessPolicy that could allow the grant names this approver; the "
            "message says who may approve."
        ),
    ),
    Reason.SELF_APPROVAL: ReasonEntry(
        conditions=(NOT_COUNTED,),
        description=(
            "The approver requested the grant or would receive the access. Another "
            "approver is required."
        ),
    ),
    Reason.GRANT_NOT_FOUND: ReasonEntry(
        conditions=(NOT_COUNTED,),
        description=(
            "No AccessGrant with that name exists in the approval's namespace."
        ),
    ),
    Reason.ANOTHER_GRANT: ReasonEntry(
        conditions=(NOT_COUNTED,),
        description=(
            "The AccessGrant with that name is not the one that was approved: the "
            "approved grant was deleted and created again with another uid."
        ),
    ),
    Reason.TOO_LATE: ReasonEntry(
        conditions=(NOT_COUNTED,),
        description="The approval was created after the approval timeout.",
    ),
    Reason.APPROVER_UNVERIFIED: ReasonEntry(
        conditions=(NOT_COUNTED,),
        description=(
            "The approver is not verified: the approval names none, or it was created "
            "while the admission policies of `admission/` were not installed."
        ),
    ),
    Reason.COUNTED_ALREADY: ReasonEntry(
        conditions=(NOT_COUNTED,),
        description="Another approval by the same approver already counts.",
    ),
    Reason.NOT_NEEDED: ReasonEntry(
        conditions=(NOT_COUNTED,),
        description=(
            "The grant needs no approval or has ended, so the approval has no effect."
        ),
    ),
    Reason.INVALID_APPROVAL: ReasonEntry(
        conditions=(NOT_COUNTED,),
        description=(
            "The AccessApproval is invalid; only an outdated or missing CRD accepts "
            "such an object. The message gives the cause."
        ),
    ),
    Reason.IN_USE: ReasonEntry(
        conditions=(POLICY_READY,),
        description="The policy is in use.",
    ),
    Reason.INVALID_POLICY: ReasonEntry(
        conditions=(POLICY_NOT_READY,),
        description=(
            "The AccessPolicy is invalid; only an outdated or missing CRD accepts such "
            "an object. Until it is fixed or deleted, no binding is added."
        ),
    ),
    Reason.MATCHABLE: ReasonEntry(
        conditions=(EFFECTIVE,),
        description=(
            "Argo CD compares the subject with a claim of users' tokens; the message "
            "names the claim. Only the identity provider knows whether a user's token "
            "contains the value."
        ),
    ),
    Reason.LOCAL_ACCOUNT: ReasonEntry(
        conditions=(EFFECTIVE,),
        description="The subject is a local account of Argo CD.",
    ),
    Reason.SCOPES_INVALID: ReasonEntry(
        conditions=(NOT_EFFECTIVE,),
        description=(
            "`scopes` of `argocd-rbac-cm` is not a YAML list. Until it is, Argo CD "
            "loads no change of that ConfigMap, neither grants nor revocations."
        ),
    ),
    Reason.GIVEN_TO_EVERYBODY: ReasonEntry(
        conditions=(NOT_EFFECTIVE,),
        description=(
            "`policy.default` of `argocd-rbac-cm` gives the role to every signed-in "
            "user; neither the grant nor its end changes anything."
        ),
    ),
    Reason.ACCOUNT_DISABLED: ReasonEntry(
        conditions=(NOT_EFFECTIVE,),
        description=(
            "The subject is a local account that is disabled or has neither the "
            "capability `login` nor `apiKey`."
        ),
    ),
    Reason.EMAIL_NOT_IN_SCOPES: ReasonEntry(
        conditions=(NOT_EFFECTIVE,),
        description=(
            "The subject is an e-mail address, and `scopes` of `argocd-rbac-cm` names "
            "no claim that contains one. The message says what to write."
        ),
    ),
    Reason.GROUPS_NOT_IN_SCOPES: ReasonEntry(
        conditions=(NOT_EFFECTIVE,),
        description=(
            "The subject is a group, and `scopes` of `argocd-rbac-cm` names no claim "
            "that contains groups. The message says what to write."
        ),
    ),
    Reason.NO_SINGLE_SIGN_ON: ReasonEntry(
        conditions=(NOT_EFFECTIVE,),
        description=(
            "The subject is a group, but `argocd-cm` configures no identity provider, "
            "and local accounts have no groups."
        ),
    ),
    Reason.NO_SUCH_ACCOUNT: ReasonEntry(
        conditions=(NOT_EFFECTIVE,),
        description=(
            "No user can sign in with this name: `argocd-cm` has no such local account "
            "and configures no identity provider."
        ),
    ),
    Reason.FRESH: ReasonEntry(
        conditions=(TOKEN_FRESH,),
        description="The token for the remote cluster does not expire soon.",
    ),
    Reason.TOKEN_ENDING: ReasonEntry(
        conditions=(TOKEN_NOT_FRESH,),
        description=(
            "The token for the remote cluster has expired or expires soon, and token "
            "rotation is off: less than a fifth of its lifetime and less than a week "
            "is left. Write a new token to the Secret, or set "
            "`spec.cluster.tokenRotation`."
        ),
    ),
    Reason.ROTATION_FAILED: ReasonEntry(
        conditions=(TOKEN_NOT_FRESH,),
        description=(
            "A new token for the remote cluster was due and could not be requested, "
            "did not work, or could not be stored; the message gives the cause. The "
            "present token stays in use until it expires. The operator retries, with "
            "at most five minutes between attempts."
        ),
    ),
}

_Type = TypeVar("_Type", bound=StrEnum)
ReasonsByStatus = dict[bool | None, tuple[Reason, ...]]


def _reasons_of(condition_types: type[_Type]) -> dict[_Type, ReasonsByStatus]:
    """Group the reasons of one kind by condition type and status.

    Condition types of different kinds may have equal names (``Ready``), so entries are
    selected by the enum and not by the name.
    """
    found: dict[_Type, ReasonsByStatus] = {one: {} for one in condition_types}
    for reason, entry in REASONS.items():
        for condition_type, status in entry.conditions:
            if isinstance(condition_type, condition_types):
                reasons = found[condition_type]
                reasons[status] = (*reasons.get(status, ()), reason)
    return found


GRANT_REASONS: Final = _reasons_of(GrantCondition)
INSTANCE_REASONS: Final = _reasons_of(InstanceCondition)
APPROVAL_REASONS: Final = _reasons_of(ApprovalCondition)
POLICY_REASONS: Final = _reasons_of(PolicyCondition)

REFUSED_REASONS: Final = frozenset(
    reason for reason, entry in REASONS.items() if entry.is_refusal
)
FINAL_REASONS: Final = frozenset(
    reason for reason, entry in REASONS.items() if entry.is_recorded
)
DESCRIPTIONS: Final = {reason: entry.description for reason, entry in REASONS.items()}
