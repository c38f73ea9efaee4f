"""Condition types, reasons, and the finding that carries a reason.

``reason_table`` describes each reason and lists the conditions in which it appears.
"""

from dataclasses import dataclass
from enum import StrEnum


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


class Reason(StrEnum):
    """Machine-readable cause of a condition; see ``REASONS`` in ``reason_table``."""

    POLICY_NOT_REQUIRED = "PolicyNotRequired"
    AUTO_APPROVED = "AutoApproved"
    APPROVED_BY_REVIEWERS = "ApprovedByReviewers"
    BREAK_GLASS = "BreakGlass"
    AWAITING_APPROVAL = "AwaitingApproval"
    NOT_ALLOWED = "NotAllowed"
    DENIED = "Denied"
    APPROVAL_TIMED_OUT = "ApprovalTimedOut"
    REQUESTER_UNVERIFIED = "RequesterUnverified"
    EXTENSION_REFUSED = "ExtensionRefused"
    ACCESS_POLICY_INVALID = "AccessPolicyInvalid"
    ACCESS_POLICIES_UNKNOWN = "AccessPoliciesUnknown"
    BOUND = "Bound"
    BINDING = "Binding"
    SCHEDULED = "Scheduled"
    EXPIRED = "Expired"
    REVOKED = "Revoked"
    DELETED = "Deleted"
    INVALID_GRANT = "InvalidGrant"
    SUBJECT_REFUSED = "SubjectRefused"
    ROLE_REFUSED = "RoleRefused"
    ROLE_NOT_FOUND = "RoleNotFound"
    PROJECT_INVALID = "ProjectInvalid"
    ABSOLUTE_END_REQUIRED = "AbsoluteEndRequired"
    INSTANCE_NOT_FOUND = "InstanceNotFound"
    INSTANCE_UNAVAILABLE = "InstanceUnavailable"
    CONFIG_MAP_MISSING = "ConfigMapMissing"
    RBAC_TEXT_INVALID = "RBACTextInvalid"
    RBAC_TEXT_FULL = "RBACTextFull"
    OVERLAY_OWNED_BY_ANOTHER = "OverlayOwnedByAnother"
    CONTESTED = "Contested"
    UNDISTURBED = "Undisturbed"
    CLOCK_SKEWED = "ClockSkewed"
    IN_SYNC = "InSync"
    CONVERGED = "Converged"
    FORBIDDEN = "Forbidden"
    UNAVAILABLE = "Unavailable"
    CERTIFICATE_REFUSED = "CertificateRefused"
    TOKEN_MISSING = "TokenMissing"  # noqa: S105
    TOKEN_REFUSED = "TokenRefused"  # noqa: S105
    INVALID_INSTANCE = "InvalidInstance"
    VALID = "Valid"
    MALFORMED_LINE = "MalformedLine"
    UNKNOWN = "Unknown"
    VERIFIED = "Verified"
    ADMISSION_POLICY_MISSING = "AdmissionPolicyMissing"
    ADMISSION_POLICY_CHANGED = "AdmissionPolicyChanged"
    ACCEPTED_UNVERIFIED = "AcceptedUnverified"
    COUNTS = "Counts"
    NOT_ENTITLED = "NotEntitled"
    SELF_APPROVAL = "SelfApproval"
    GRANT_NOT_FOUND = "GrantNotFound"
    ANOTHER_GRANT = "AnotherGrant"
    TOO_LATE = "TooLate"
    APPROVER_UNVERIFIED = "ApproverUnverified"
    COUNTED_ALREADY = "CountedAlready"
    NOT_NEEDED = "NotNeeded"
    INVALID_APPROVAL = "InvalidApproval"
    IN_USE = "InUse"
    INVALID_POLICY = "InvalidPolicy"
    MATCHABLE = "Matchable"
    LOCAL_ACCOUNT = "LocalAccount"
    SCOPES_INVALID = "ScopesInvalid"
    GIVEN_TO_EVERYBODY = "GivenToEverybody"
    ACCOUNT_DISABLED = "AccountDisabled"
    EMAIL_NOT_IN_SCOPES = "EmailNotInScopes"
    GROUPS_NOT_IN_SCOPES = "GroupsNotInScopes"
    NO_SINGLE_SIGN_ON = "NoSingleSignOn"
    NO_SUCH_ACCOUNT = "NoSuchAccount"
    FRESH = "Fresh"
    TOKEN_ENDING = "TokenEnding"  # noqa: S105 - a reason
    ROTATION_FAILED = "RotationFailed"


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
    """True if the fact is unknown, not false: keep an existing binding, add none."""
