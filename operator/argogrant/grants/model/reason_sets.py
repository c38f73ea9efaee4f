"""What is said of each kind: its conditions, and the reasons that come with them."""

from argogrant.grants.model.reasons import (
    ApprovalCondition,
    GrantCondition,
    InstanceCondition,
    PolicyCondition,
    Reason,
)

Reasons = dict[bool | None, tuple[Reason, ...]]
"""Reasons by the status that they come with; None is Kubernetes' Unknown."""

GRANT_REASONS: dict[GrantCondition, Reasons] = {
    GrantCondition.APPROVED: {
        True: (
            Reason.POLICY_NOT_REQUIRED,
            Reason.AUTO_APPROVED,
            Reason.APPROVED_BY_REVIEWERS,
            Reason.BREAK_GLASS,
        ),
        False: (
            Reason.AWAITING_APPROVAL,
            Reason.NOT_ALLOWED,
            Reason.DENIED,
            Reason.APPROVAL_TIMED_OUT,
            Reason.REQUESTER_UNVERIFIED,
            Reason.EXTENSION_REFUSED,
            Reason.ACCESS_POLICY_INVALID,
            Reason.ACCESS_POLICIES_UNKNOWN,
        ),
    },
    GrantCondition.READY: {
        True: (Reason.BOUND,),
        False: (
            Reason.BINDING,
            Reason.SCHEDULED,
            Reason.AWAITING_APPROVAL,
            Reason.NOT_ALLOWED,
            Reason.DENIED,
            Reason.APPROVAL_TIMED_OUT,
            Reason.REQUESTER_UNVERIFIED,
            Reason.EXTENSION_REFUSED,
            Reason.ACCESS_POLICY_INVALID,
            Reason.ACCESS_POLICIES_UNKNOWN,
            Reason.ROLE_NOT_FOUND,
            Reason.PROJECT_INVALID,
            Reason.INSTANCE_NOT_FOUND,
            Reason.INSTANCE_UNAVAILABLE,
            Reason.LEFT_BEHIND,
            Reason.CONFIG_MAP_MISSING,
            Reason.RBAC_TEXT_INVALID,
            Reason.RBAC_TEXT_FULL,
            Reason.OVERLAY_OWNED_BY_ANOTHER,
            Reason.SUBJECT_REFUSED,
            Reason.ROLE_REFUSED,
            Reason.ABSOLUTE_END_REQUIRED,
            Reason.INVALID_GRANT,
            Reason.EXPIRED,
            Reason.REVOKED,
            Reason.DELETED,
        ),
    },
    GrantCondition.EFFECTIVE: {
        True: (Reason.MATCHABLE, Reason.LOCAL_ACCOUNT),
        False: (
            Reason.SCOPES_INVALID,
            Reason.GIVEN_TO_EVERYBODY,
            Reason.ACCOUNT_DISABLED,
            Reason.EMAIL_NOT_IN_SCOPES,
            Reason.GROUPS_NOT_IN_SCOPES,
            Reason.NO_SINGLE_SIGN_ON,
            Reason.NO_SUCH_ACCOUNT,
        ),
    },
    GrantCondition.ENDED: {
        True: (
            Reason.EXPIRED,
            Reason.REVOKED,
            Reason.DENIED,
            Reason.APPROVAL_TIMED_OUT,
        )
    },
}
"""What is said with each condition of an AccessGrant."""

FINAL_REASONS = frozenset({Reason.DENIED, Reason.APPROVAL_TIMED_OUT})
"""Ends that stay although what brought them about may be deleted."""

REFUSED_REASONS = frozenset(
    {
        Reason.NOT_ALLOWED,
        Reason.REQUESTER_UNVERIFIED,
        Reason.EXTENSION_REFUSED,
        Reason.SUBJECT_REFUSED,
        Reason.ROLE_REFUSED,
        Reason.ABSOLUTE_END_REQUIRED,
        Reason.INVALID_GRANT,
    }
)
"""Reasons of ``Ready`` that are about what was asked for, not about Argo CD's state."""

INSTANCE_REASONS: dict[InstanceCondition, Reasons] = {
    InstanceCondition.READY: {
        True: (Reason.CONVERGED,),
        False: (
            Reason.RBAC_TEXT_INVALID,
            Reason.RBAC_TEXT_FULL,
            Reason.CONFIG_MAP_MISSING,
            Reason.OVERLAY_OWNED_BY_ANOTHER,
            Reason.FORBIDDEN,
            Reason.UNAVAILABLE,
            Reason.CERTIFICATE_REFUSED,
            Reason.TOKEN_MISSING,
            Reason.TOKEN_REFUSED,
            Reason.LEFT_BEHIND,
            Reason.INSTANCE_UNAVAILABLE,
            Reason.INVALID_INSTANCE,
        ),
    },
    InstanceCondition.RBAC_TEXT_VALID: {
        True: (Reason.VALID,),
        False: (Reason.MALFORMED_LINE,),
        None: (Reason.UNKNOWN,),
    },
    InstanceCondition.CONTESTED: {
        False: (Reason.UNDISTURBED,),
        True: (Reason.CONTESTED,),
    },
    InstanceCondition.CLOCK_IN_SYNC: {
        True: (Reason.IN_SYNC,),
        False: (Reason.CLOCK_SKEWED,),
    },
    InstanceCondition.REQUESTER_VERIFIED: {
        True: (Reason.VERIFIED,),
        False: (
            Reason.ADMISSION_POLICY_MISSING,
            Reason.ADMISSION_POLICY_CHANGED,
            Reason.ACCEPTED_UNVERIFIED,
        ),
        None: (Reason.UNKNOWN,),
    },
    InstanceCondition.TOKEN_FRESH: {
        True: (Reason.FRESH,),
        False: (Reason.TOKEN_ENDING, Reason.ROTATION_FAILED),
    },
}
"""What is said with each condition of an ArgoCDInstance."""

APPROVAL_REASONS: dict[ApprovalCondition, Reasons] = {
    ApprovalCondition.COUNTED: {
        True: (Reason.COUNTS,),
        False: (
            Reason.NOT_ENTITLED,
            Reason.SELF_APPROVAL,
            Reason.GRANT_NOT_FOUND,
            Reason.ANOTHER_GRANT,
            Reason.TOO_LATE,
            Reason.APPROVER_UNVERIFIED,
            Reason.COUNTED_ALREADY,
            Reason.NOT_NEEDED,
            Reason.INVALID_APPROVAL,
        ),
    },
}
"""What is said with each condition of an AccessApproval."""

POLICY_REASONS: dict[PolicyCondition, Reasons] = {
    PolicyCondition.READY: {
        True: (Reason.IN_USE,),
        False: (Reason.INVALID_POLICY,),
    },
}
"""What is said with each condition of an AccessPolicy."""
