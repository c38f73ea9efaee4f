"""Condition types, all reasons with their meaning, and ``Finding``.

``docs/generate.py`` writes ``docs/reference`` from this module: the text below a reason
is its description there (Markdown, whole sentences).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, Self, TypeVar


class GrantCondition(StrEnum):
    """Condition types of an AccessGrant, in the order of its status."""

    APPROVED = "Approved"
    READY = "Ready"
    EFFECTIVE = "Effective"
    ENDED = "Ended"


class ApprovalCondition(StrEnum):
    """Condition types of an AccessApproval."""

    COUNTED = "Counted"


class PolicyCondition(StrEnum):
    """Condition types of an AccessPolicy."""

    READY = "Ready"


class InstanceCondition(StrEnum):
    """Condition types of an ArgoCDInstance."""

    READY = "Ready"
    RBAC_TEXT_VALID = "RBACTextValid"
    CONTESTED = "Contested"
    CLOCK_IN_SYNC = "ClockInSync"
    REQUESTER_VERIFIED = "RequesterVerified"
    TOKEN_FRESH = "TokenFresh"  # noqa: S105 - a condition type
    ROLES_ANALYZED = "RolesAnalyzed"
    MEMBERS_RETURNED = "MembersReturned"


ConditionType = GrantCondition | InstanceCondition | ApprovalCondition | PolicyCondition


class ConditionStatus(NamedTuple):
    """A condition type and one of its statuses; None is Kubernetes' Unknown."""

    type: ConditionType
    status: bool | None


def _statuses(condition: ConditionType) -> Iterator[ConditionStatus]:
    return (ConditionStatus(condition, status) for status in (True, False, None))


_APPROVED, _NOT_APPROVED, _ = _statuses(GrantCondition.APPROVED)
_READY, _NOT_READY, _ = _statuses(GrantCondition.READY)
_EFFECTIVE, _NOT_EFFECTIVE, _MAY_BE_EFFECTIVE = _statuses(GrantCondition.EFFECTIVE)
_ENDED, _, _ = _statuses(GrantCondition.ENDED)
_COUNTED, _NOT_COUNTED, _ = _statuses(ApprovalCondition.COUNTED)
_POLICY_READY, _POLICY_NOT_READY, _ = _statuses(PolicyCondition.READY)
_INSTANCE_READY, _INSTANCE_NOT_READY, _ = _statuses(InstanceCondition.READY)
_TEXT_VALID, _TEXT_INVALID, _TEXT_UNKNOWN = _statuses(InstanceCondition.RBAC_TEXT_VALID)
_CONTESTED, _NOT_CONTESTED, _ = _statuses(InstanceCondition.CONTESTED)
_CLOCK_IN_SYNC, _CLOCK_SKEWED, _ = _statuses(InstanceCondition.CLOCK_IN_SYNC)
_VERIFIED, _UNVERIFIED, _VERIFICATION_UNKNOWN = _statuses(
    InstanceCondition.REQUESTER_VERIFIED
)
_TOKEN_FRESH, _TOKEN_NOT_FRESH, _ = _statuses(InstanceCondition.TOKEN_FRESH)
_, _NOT_ANALYZED, _ = _statuses(InstanceCondition.ROLES_ANALYZED)
_MEMBERS_RETURNED, _, _ = _statuses(InstanceCondition.MEMBERS_RETURNED)


class Reason(StrEnum):
    """Machine-readable cause of a condition; where it appears, and what it means."""

    conditions: tuple[ConditionStatus, ...]

    def __new__(cls, value: str, *conditions: ConditionStatus) -> Self:
        """Create a member; its value is the reason as written in a status."""
        reason = str.__new__(cls, value)
        reason._value_ = value
        reason.conditions = conditions
        return reason

    POLICY_NOT_REQUIRED = "PolicyNotRequired", _APPROVED
    """No approval is required: without any AccessPolicy, anyone who can create
    AccessGrants in this namespace can grant any role (Kubernetes RBAC)."""
    AUTO_APPROVED = "AutoApproved", _APPROVED
    """An AccessPolicy allows the grant without approval; the message names the
    policy."""
    APPROVED_BY_REVIEWERS = "ApprovedByReviewers", _APPROVED
    """The grant has as many approvals as its AccessPolicy requires; the message names
    the policy and the approvers."""
    BREAK_GLASS = "BreakGlass", _APPROVED
    """The grant requests emergency access (`spec.breakGlass`): it needs no approval,
    its duration is short, and lists and audit events mark it."""
    AWAITING_APPROVAL = "AwaitingApproval", _NOT_APPROVED, _NOT_READY
    """The grant does not have enough approvals yet, or one that it had no longer
    counts. The message says how many are missing and who may approve."""
    NOT_ALLOWED = "NotAllowed", _NOT_APPROVED, _NOT_READY
    """No AccessPolicy allows the grant, or a policy denies it. The message names the
    closest policy and the check that failed. If a policy allows the grant later, it
    takes effect until its end."""
    SUBJECT_HAS_RULES = "SubjectHasRules", _NOT_APPROVED, _NOT_READY
    """The grant would give more than its role: Argo CD has rules for the subject itself
    (`p, my-org:ops, …`), which it applies to a group or an address only once a `g` line
    names it. The message names the rules and where they are. Move them to a role, or
    set `subjectRules: Accept` in the AccessPolicy. The grant takes effect, if policies
    allow it, as soon as the rules are gone."""
    QUOTA_EXCEEDED = "QuotaExceeded", _NOT_READY
    """The requester has as many older grants that have not ended as
    `maxOpenPerRequester` of the ArgoCDInstance allows. The grant takes effect, if
    policies allow it, as soon as enough of them have ended or are deleted."""
    DENIED = "Denied", _NOT_APPROVED, _NOT_READY, _ENDED
    """An approver denied the grant, which has ended permanently. The message names the
    approver and quotes the comment."""
    APPROVAL_TIMED_OUT = "ApprovalTimedOut", _NOT_APPROVED, _NOT_READY, _ENDED
    """The grant did not get enough approvals before the approval timeout; it has ended
    permanently. Create a new AccessGrant and request approval again."""
    REQUESTER_UNVERIFIED = "RequesterUnverified", _NOT_APPROVED, _NOT_READY
    """AccessPolicies depend on the requester, and the requester of this grant is not
    verified: the grant names none, or it was created while the admission policies of
    `admission/` were not installed."""
    EXTENSION_REFUSED = "ExtensionRefused", _NOT_APPROVED, _NOT_READY
    """This grant cannot extend the grant that `spec.extends` names: that grant does not
    exist, is for another subject, role or instance, or had already ended."""
    ACCESS_POLICY_INVALID = "AccessPolicyInvalid", _NOT_APPROVED, _NOT_READY
    """An AccessPolicy is invalid; only an outdated or missing CRD accepts such an
    object. It could deny what another policy allows, so the operator adds no binding
    until it is fixed. Existing bindings stay until the grants expire."""
    ACCESS_POLICIES_UNKNOWN = "AccessPoliciesUnknown", _NOT_APPROVED, _NOT_READY
    """The operator cannot read the AccessPolicies or AccessApprovals at the moment; the
    conditions of the ArgoCDInstance give the cause. Existing bindings stay until the
    grants expire; no binding is added."""
    BOUND = "Bound", _READY
    """Argo CD's RBAC policy contains the binding, and the API server has acknowledged
    the write. Argo CD allows what the role allows."""
    BINDING = "Binding", _NOT_READY
    """The grant is in force and the operator is writing its binding. This takes about a
    second, because several grants share a write. If it takes longer, the conditions of
    the ArgoCDInstance give the cause."""
    SCHEDULED = "Scheduled", _NOT_READY
    """The grant starts later, at `spec.notBefore`."""
    EXPIRED = "Expired", _NOT_READY, _ENDED
    """The grant has expired and its binding is no longer in Argo CD's RBAC policy; it
    has ended permanently. For more time, create a new AccessGrant. A copy of a grant
    (annotation `argogrant.dev/record`) expires when the original would."""
    REVOKED = "Revoked", _NOT_READY, _ENDED
    """`spec.revoked` is true, or the grant is a copy of one that was revoked. The
    binding is no longer in Argo CD's RBAC policy; the grant has ended permanently."""
    DELETED = "Deleted", _NOT_READY
    """The grant is being deleted and its binding is no longer in Argo CD's RBAC policy;
    a finalizer of another program keeps the object. While the revocation is not
    confirmed, the reason is the cause of the delay."""
    NOT_RECORDABLE = "NotRecordable", _NOT_READY
    """The operator cannot write its finalizer to the AccessGrant, or its metadata
    exceeds a limit; the message says which. Such a grant could neither be revoked nor
    deleted, so it is never bound, and an existing binding is removed. Create a new
    AccessGrant with fewer labels, annotations, finalizers and owner references."""
    INVALID_GRANT = "InvalidGrant", _NOT_READY
    """The AccessGrant is invalid; only an outdated or missing CRD accepts such an
    object. The message gives the cause. Apply the CRDs of this version and create the
    grant again."""
    SUBJECT_REFUSED = "SubjectRefused", _NOT_READY
    """The subject must not be bound: its name is misleading, or Argo CD uses it as a
    role, so a binding would grant the new role to all subjects of that role."""
    ROLE_REFUSED = "RoleRefused", _NOT_READY
    """The role's name must not be written to Argo CD's RBAC policy: it contains an
    invisible character or is not a valid name of a role. The message says what to
    write."""
    ROLE_NOT_FOUND = "RoleNotFound", _NOT_READY
    """Argo CD defines no such role. The operator binds the grant as soon as the role is
    defined. The message lists some roles with similar names."""
    PROJECT_INVALID = "ProjectInvalid", _NOT_READY
    """Argo CD ignores all roles of this AppProject because it cannot parse one of the
    project's lines, or the project exceeds a limit of argogrant. The operator binds the
    grant as soon as the project is fixed."""
    ABSOLUTE_END_REQUIRED = "AbsoluteEndRequired", _NOT_READY
    """A grant that a service account requests, or that has a mark of a tool such as
    Argo CD, Flux or Helm, must have `spec.expiresAt`, or `spec.notBefore` beside
    `spec.duration`. With a duration alone, it would start again whenever the tool
    re-creates it. The message names the mark."""
    INSTANCE_NOT_FOUND = "InstanceNotFound", _NOT_READY
    """`spec.instance` names no ArgoCDInstance in this namespace, or one that is being
    deleted. The grant takes effect when an ArgoCDInstance with that name exists."""
    INSTANCE_UNAVAILABLE = "InstanceUnavailable", _NOT_READY, _INSTANCE_NOT_READY
    """The operator cannot read Argo CD's configuration at the moment; the conditions of
    the ArgoCDInstance give the cause. Existing bindings stay until the grants expire;
    no binding is added. An expired or revoked grant keeps this reason until its binding
    is removed."""
    CONFIG_MAP_MISSING = "ConfigMapMissing", _NOT_READY, _INSTANCE_NOT_READY
    """`argocd-rbac-cm` does not exist, and argogrant never creates it. The operator
    cannot add or remove bindings, and Argo CD keeps its last rules in memory: deleted
    grants keep their finalizer, and ended grants that were bound also have this reason.
    Restore the ConfigMap, or restart argocd-server to drop those rules."""
    RBAC_TEXT_INVALID = "RBACTextInvalid", _NOT_READY, _INSTANCE_NOT_READY
    """Argo CD cannot parse a line in `argocd-rbac-cm` that argogrant does not manage,
    and denies all requests until that line is fixed; or the text exceeds a limit of
    argogrant. Until then the operator adds no binding; it still removes bindings of
    ended grants."""
    RBAC_TEXT_FULL = "RBACTextFull", _NOT_READY, _INSTANCE_NOT_READY
    """`argocd-rbac-cm` has no space for another binding, or none beyond the share of
    this requester; the oldest grants of a requester are bound first. Revocations are
    always written. The operator binds the other grants as soon as grants end or other
    keys of the ConfigMap get shorter."""
    CONTESTED = "Contested", _CONTESTED
    """Another program keeps changing `policy.argogrant.csv`, or the members of an
    AppProject. The operator restores them with an increasing delay; changes that revoke
    access are not delayed. The message lists each of them, and names the field manager
    of the other program if the API server has recorded it."""
    UNDISTURBED = "Undisturbed", _NOT_CONTESTED
    """No other program changes `policy.argogrant.csv`."""
    CLOCK_SKEWED = "ClockSkewed", _CLOCK_SKEWED
    """The operator's clock differs from the API server's by two seconds or more. The
    operator corrects a clock that is behind; a clock that is ahead ends grants too
    early. Synchronize the clock of the operator's node."""
    IN_SYNC = "InSync", _CLOCK_IN_SYNC
    """The operator's clock agrees with the API server's."""
    OVERLAY_OWNED_BY_ANOTHER = "OverlayOwnedByAnother", _NOT_READY, _INSTANCE_NOT_READY
    """Another ArgoCDInstance manages `policy.argogrant.csv` of this Argo CD. This one
    writes nothing, because two writers would revert each other. Delete one of the two
    ArgoCDInstances; if the other one no longer exists, remove the key."""
    NOT_ALLOWED_BY_ARGOCD = "NotAllowedByArgoCD", _NOT_READY, _INSTANCE_NOT_READY
    """The owner of the Argo CD does not allow ArgoCDInstances of this namespace: the
    annotation `argogrant.dev/allowed-namespaces` of its `argocd-rbac-cm` does not name
    the namespace. Nothing is bound, and what this ArgoCDInstance had bound is removed.
    The message of the ArgoCDInstance contains the command that allows it."""
    INTERNAL_ERROR = "InternalError", _NOT_APPROVED, _NOT_READY, _INSTANCE_NOT_READY
    """The operator failed in a way that it does not foresee; the message says at what.
    Grants that ended, were revoked or are deleted are still removed from Argo CD, and
    all that does not depend on the failed part goes on. What depends on it stays as it
    is, and no binding is added to it. Report the failure with the operator's log."""
    CONVERGED = "Converged", _INSTANCE_READY
    """Argo CD's RBAC policy matches the grants that are in force."""
    FORBIDDEN = "Forbidden", _INSTANCE_NOT_READY
    """The operator lacks permissions. It checks each of them with the API server; the
    message names all that are missing and the Roles that grant them. If that check is
    not possible, the message names the request that was forbidden."""
    WRITE_REFUSED = "WriteRefused", _INSTANCE_NOT_READY
    """The API server refuses a write of the operator, and will refuse it again until
    something else changes: an admission policy, plugin or webhook, a quota, an
    immutable ConfigMap, the size of an object, or a full database of the API server.
    The message names it. Ends and revocations that need this write wait for that
    change."""
    UNAVAILABLE = "Unavailable", _INSTANCE_NOT_READY
    """A request to the API server failed. The operator retries, with at most five
    seconds between attempts."""
    CERTIFICATE_REFUSED = "CertificateRefused", _INSTANCE_NOT_READY
    """The certificate of the remote cluster's API server cannot be verified, so the
    operator sends nothing to it. The message gives the cause. Put the certificate of
    the signing authority in `spec.cluster.caBundle`."""
    TOKEN_MISSING = "TokenMissing", _INSTANCE_NOT_READY
    """There is no token for the remote cluster: the Secret of
    `spec.cluster.tokenSecret` does not exist, lacks the key, or has an empty value. The
    message says how to create it."""
    TOKEN_REFUSED = "TokenRefused", _INSTANCE_NOT_READY
    """The API server rejects the operator's token: it has expired or was revoked. For
    a remote cluster, the message says how to create a new one and where to put it; the
    operator uses it at once."""
    INVALID_INSTANCE = "InvalidInstance", _INSTANCE_NOT_READY
    """The ArgoCDInstance is invalid; only an outdated or missing CRD accepts such an
    object. The message gives the cause. Existing bindings stay until the grants expire;
    no binding is added."""
    VALID = "Valid", _TEXT_VALID
    """Argo CD can parse every line of its RBAC policy."""
    MALFORMED_LINE = "MalformedLine", _TEXT_INVALID
    """Argo CD cannot parse a line that argogrant does not manage; the message names its
    key, its line number and the error."""
    UNKNOWN = "Unknown", _TEXT_UNKNOWN, _VERIFICATION_UNKNOWN
    """The operator could not read the objects that this condition depends on:
    `argocd-rbac-cm` for `RBACTextValid`, the admission policies for
    `RequesterVerified`; or `argocd-rbac-cm` exceeds a limit of argogrant. `Ready` or
    the message gives the cause."""
    VERIFIED = "Verified", _VERIFIED
    """The API server verifies requesters and approvers with the admission policies of
    `admission/`."""
    ADMISSION_POLICY_MISSING = "AdmissionPolicyMissing", _UNVERIFIED
    """An admission policy that verifies requesters and approvers is not installed or
    cannot be read; until it is, no AccessPolicy matches. The message names it."""
    ADMISSION_POLICY_CHANGED = "AdmissionPolicyChanged", _UNVERIFIED
    """An admission policy that verifies requesters and approvers has been modified;
    until it is restored, no AccessPolicy matches. The message names the difference."""
    ACCEPTED_UNVERIFIED = "AcceptedUnverified", _UNVERIFIED
    """The operator runs with `--accept-unverified-requesters` and accepts the
    requesters and approvers that objects name: anyone who can create these objects can
    impersonate any user."""
    COUNTS = "Counts", _COUNTED
    """The approval or denial counts."""
    NOT_ENTITLED = "NotEntitled", _NOT_COUNTED
    """No AccessPolicy that could allow the grant names this approver; the message says
    who may approve."""
    SELF_APPROVAL = "SelfApproval", _NOT_COUNTED
    """The approver requested the grant or would receive the access. Another approver is
    required."""
    GRANT_NOT_FOUND = "GrantNotFound", _NOT_COUNTED
    """No AccessGrant with that name exists in the approval's namespace."""
    ANOTHER_GRANT = "AnotherGrant", _NOT_COUNTED
    """The AccessGrant with that name is not the one that was approved: the approved
    grant was deleted and created again with another uid."""
    TOO_LATE = "TooLate", _NOT_COUNTED
    """The approval was created after the approval timeout."""
    APPROVER_UNVERIFIED = "ApproverUnverified", _NOT_COUNTED
    """The approver is not verified: the approval names none, or it was created while
    the admission policies of `admission/` were not installed."""
    COUNTED_ALREADY = "CountedAlready", _NOT_COUNTED
    """Another approval by the same approver already counts."""
    NOT_NEEDED = "NotNeeded", _NOT_COUNTED
    """The grant needs no approval or has ended, so the approval has no effect."""
    INVALID_APPROVAL = "InvalidApproval", _NOT_COUNTED
    """The AccessApproval is invalid; only an outdated or missing CRD accepts such an
    object. The message gives the cause."""
    IN_USE = "InUse", _POLICY_READY
    """The policy is in use."""
    INVALID_POLICY = "InvalidPolicy", _POLICY_NOT_READY
    """The AccessPolicy is invalid; only an outdated or missing CRD accepts such an
    object. Until it is fixed or deleted, no binding is added."""
    MATCHABLE = "Matchable", _EFFECTIVE
    """Argo CD compares the subject with a claim of users' tokens; the message names the
    claim. Only the identity provider knows whether a user's token contains the
    value."""
    LOCAL_ACCOUNT = "LocalAccount", _EFFECTIVE
    """The subject is a local account of Argo CD."""
    SIMILAR_NAME = "SimilarName", _MAY_BE_EFFECTIVE
    """The subject differs only in case, prefix or form from a name that is known: of
    the requester, of a `g` line, of a local account or of an earlier grant. Argo CD
    compares names exactly. The message contains the name that is probably meant."""
    FOREIGN_NAME = "ForeignName", _MAY_BE_EFFECTIVE
    """The subject has the form of a name that Argo CD usually does not have: with a
    prefix of Kubernetes (`oidc:`), of Amazon EKS (`arn:aws:…`), Rancher (`u-…`),
    OpenShift (`kube:admin`), Kubernetes itself (`system:…`), a role (`role:…`), or
    encoded by Dex. The message contains the name to use, if it is known."""
    SCOPES_INVALID = "ScopesInvalid", _NOT_EFFECTIVE
    """`scopes` of `argocd-rbac-cm` is not a YAML list. Until it is, Argo CD loads no
    change of that ConfigMap, neither grants nor revocations."""
    GIVEN_TO_EVERYBODY = "GivenToEverybody", _NOT_EFFECTIVE
    """`policy.default` of `argocd-rbac-cm` gives the role to every signed-in user;
    neither the grant nor its end changes anything."""
    ACCOUNT_DISABLED = "AccountDisabled", _NOT_EFFECTIVE
    """The subject is a local account that is disabled or has neither the capability
    `login` nor `apiKey`."""
    EMAIL_NOT_IN_SCOPES = "EmailNotInScopes", _NOT_EFFECTIVE
    """The subject is an e-mail address, and `scopes` of `argocd-rbac-cm` names no claim
    that contains one. The message says what to write."""
    GROUPS_NOT_IN_SCOPES = "GroupsNotInScopes", _NOT_EFFECTIVE
    """The subject is a group, and `scopes` of `argocd-rbac-cm` names no claim that
    contains groups. The message says what to write."""
    NO_SINGLE_SIGN_ON = "NoSingleSignOn", _NOT_EFFECTIVE
    """The subject is a group, but `argocd-cm` configures no identity provider, and
    local accounts have no groups."""
    NO_SUCH_ACCOUNT = "NoSuchAccount", _NOT_EFFECTIVE
    """No user can sign in with this name: `argocd-cm` has no such local account and
    configures no identity provider."""
    ROLE_ALLOWS_NOTHING = "RoleAllowsNothing", _NOT_EFFECTIVE
    """The role has rules, but Argo CD allows no request by them: an effect, a resource
    or an action that it does not know, an object that no request has, a pattern that is
    not valid, a policy for another subject, or deny rules for everything. The message
    names the rules, where they are, and what is wrong. A role of an AppProject that
    only allows to see the project, as each does, also counts."""
    FRESH = "Fresh", _TOKEN_FRESH
    """The token for the remote cluster does not expire soon."""
    TOKEN_ENDING = "TokenEnding", _TOKEN_NOT_FRESH
    """The token for the remote cluster has expired or expires soon, and token rotation
    is off: less than a fifth of its lifetime and less than a week is left. Write a new
    token to the Secret, or set `spec.cluster.tokenRotation`."""
    ROTATION_FAILED = "RotationFailed", _TOKEN_NOT_FRESH
    """A new token for the remote cluster was due and could not be requested, did not
    work, or could not be stored; the message gives the cause. The present token stays
    in use until it expires. The operator retries, with at most five minutes between
    attempts."""
    TOO_MANY_RULES = "TooManyRules", _NOT_ANALYZED
    """The RBAC policy of this Argo CD and its AppProjects are too large for the
    analysis of every role. Grants begin and end as usual; the message says which
    warnings about roles are missing or too strict."""
    ANALYSIS_FAILED = "AnalysisFailed", _NOT_ANALYZED
    """The analysis of the roles failed in a way that the operator does not foresee, so
    warnings about roles are missing. Grants begin and end as usual. Report the failure
    with the operator's log."""
    MEMBER_RETURNED = "MemberReturned", _MEMBERS_RETURNED
    """A member of an AppProject role came back after its grant had ended, was removed
    once more, and came back again. It may be a decision of an administrator, so the
    operator keeps it. It has the role without a grant and without an end.
    `argogrant review` lists such members: remove them from the AppProject, or
    acknowledge them."""
    MEMBER_REMOVED_AGAIN = "MemberRemovedAgain", _MEMBERS_RETURNED
    """A member of an AppProject role came back after its grant had ended, and was
    removed once more. Another program wrote back what it had read during the grant,
    such as an editor that was open. If it happens again, the member is kept. The
    condition disappears after `spec.retention`, or when it is acknowledged."""


REFUSED_REASONS: Final = frozenset(
    {
        Reason.NOT_ALLOWED,
        Reason.SUBJECT_HAS_RULES,
        Reason.REQUESTER_UNVERIFIED,
        Reason.EXTENSION_REFUSED,
        Reason.INVALID_GRANT,
        Reason.NOT_RECORDABLE,
        Reason.QUOTA_EXCEEDED,
        Reason.SUBJECT_REFUSED,
        Reason.ROLE_REFUSED,
        Reason.ABSOLUTE_END_REQUIRED,
    }
)
"""Reasons whose cause is the grant's own spec rather than the state of Argo CD."""
FINAL_REASONS: Final = frozenset({Reason.DENIED, Reason.APPROVAL_TIMED_OUT})
"""Reasons of an end that holds even if the object that caused it is deleted: the stored
condition ``Ended`` is its only record. (``Expired`` and ``Revoked`` are final too, but
the operator derives them again from the spec and the time.)"""

_Type = TypeVar("_Type", bound=StrEnum)


def _reasons_of(
    types: type[_Type],
) -> dict[_Type, dict[bool | None, tuple[Reason, ...]]]:
    """Group the reasons of one kind by condition type and status.

    Condition types of different kinds may have equal names (``Ready``), so reasons are
    selected by the enum and not by the name.
    """
    found: dict[_Type, dict[bool | None, tuple[Reason, ...]]] = {t: {} for t in types}
    for reason in Reason:
        for condition, status in reason.conditions:
            if isinstance(condition, types):
                reasons = found[condition]
                reasons[status] = (*reasons.get(status, ()), reason)
    return found


GRANT_REASONS: Final = _reasons_of(GrantCondition)
INSTANCE_REASONS: Final = _reasons_of(InstanceCondition)
APPROVAL_REASONS: Final = _reasons_of(ApprovalCondition)
POLICY_REASONS: Final = _reasons_of(PolicyCondition)


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of a failed check: why a grant is not in force.

    The message is read by the requester.
    """

    reason: Reason
    message: str
    is_final: bool = False
    """True if the grant has ended permanently; only a new grant grants access again."""
    is_unknown: bool = False
    """True if an existing binding stays and none is added: the fact is unknown, or the
    grant could not start any more."""
