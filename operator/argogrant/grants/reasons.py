"""The closed sets of condition types and reasons, each with when it is used.

These sentences are the reference documentation: ``docs/reference/conditions.md`` is
generated from them.
"""

from enum import StrEnum


class GrantCondition(StrEnum):
    """The condition types of an AccessGrant, in the order in which they are shown."""

    APPROVED = "Approved"
    READY = "Ready"
    ENDED = "Ended"


class InstanceCondition(StrEnum):
    """The condition types of an ArgoCDInstance."""

    READY = "Ready"
    RBAC_TEXT_VALID = "RBACTextValid"
    CONTESTED = "Contested"
    CLOCK_IN_SYNC = "ClockInSync"


class Reason(StrEnum):
    """Why a condition is what it is; ``REASONS`` says when each is used."""

    POLICY_NOT_REQUIRED = "PolicyNotRequired"
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
    INVALID_INSTANCE = "InvalidInstance"
    VALID = "Valid"
    MALFORMED_LINE = "MalformedLine"
    UNKNOWN = "Unknown"


REASONS: dict[Reason, str] = {
    Reason.POLICY_NOT_REQUIRED: (
        "Nobody has to agree: whoever may create AccessGrants in this namespace "
        "decides."
    ),
    Reason.BOUND: (
        "Argo CD's RBAC text holds the binding; the API server acknowledged the write."
    ),
    Reason.BINDING: "The grant is in force and its binding is being written.",
    Reason.SCHEDULED: "The grant begins later, at `spec.notBefore`.",
    Reason.EXPIRED: "The end of the grant has come; Argo CD refuses again.",
    Reason.REVOKED: "Somebody set `spec.revoked`; Argo CD refuses again.",
    Reason.DELETED: (
        "The grant is being deleted; it vanishes as soon as its revocation was "
        "acknowledged."
    ),
    Reason.INVALID_GRANT: "The object can not be understood; the message says why.",
    Reason.SUBJECT_REFUSED: (
        "The subject must not be bound: its text could mislead, or Argo CD uses it as "
        "a role, so that binding it would raise other people's rights."
    ),
    Reason.ROLE_REFUSED: (
        "The role's name must not be written into Argo CD's RBAC text."
    ),
    Reason.ROLE_NOT_FOUND: (
        "Argo CD defines no such role; the grant is bound as soon as it appears."
    ),
    Reason.PROJECT_INVALID: (
        "Argo CD ignores every role of this AppProject, since one of its lines can not "
        "be read; the grant is bound as soon as the project is mended."
    ),
    Reason.ABSOLUTE_END_REQUIRED: (
        "A grant that Argo CD applies from Git must have `spec.expiresAt`: with a "
        "duration it would begin anew whenever Git re-creates it."
    ),
    Reason.INSTANCE_NOT_FOUND: (
        "`spec.instance` names no ArgoCDInstance of this namespace."
    ),
    Reason.INSTANCE_UNAVAILABLE: (
        "Argo CD's configuration can not be read or written at the moment; the "
        "ArgoCDInstance says why."
    ),
    Reason.CONFIG_MAP_MISSING: (
        "`argocd-rbac-cm` is not there. It is never created by argogrant. Argo CD "
        "keeps its last rules in memory until the ConfigMap is restored or "
        "argocd-server restarts."
    ),
    Reason.RBAC_TEXT_INVALID: (
        "Somebody else's line in `argocd-rbac-cm` can not be read, and Argo CD refuses "
        "everybody until it is mended; nothing is added meanwhile."
    ),
    Reason.RBAC_TEXT_FULL: (
        "`argocd-rbac-cm` has no room for another binding; the oldest grants were "
        "first. Revocations always go through."
    ),
    Reason.CONTESTED: (
        "Another program keeps changing `policy.argogrant.csv`. It is put back more "
        "and more slowly; what takes access away is not put off."
    ),
    Reason.UNDISTURBED: "Nobody else changes `policy.argogrant.csv`.",
    Reason.CLOCK_SKEWED: (
        "The operator's clock differs from the API server's by two seconds or more. "
        "One that is behind is corrected; one that is ahead ends grants too early."
    ),
    Reason.IN_SYNC: "The operator's clock agrees with the API server's.",
    Reason.OVERLAY_OWNED_BY_ANOTHER: (
        "Another ArgoCDInstance writes `policy.argogrant.csv` of this Argo CD; two "
        "writers would undo each other, so this one writes nothing."
    ),
    Reason.CONVERGED: "What Argo CD has equals what is in force.",
    Reason.FORBIDDEN: (
        "The operator's own permissions are missing; the message names them."
    ),
    Reason.UNAVAILABLE: "The API server did not answer as it should; it is retried.",
    Reason.INVALID_INSTANCE: (
        "The ArgoCDInstance can not be understood; the message says why."
    ),
    Reason.VALID: "Argo CD can read every line of its RBAC text.",
    Reason.MALFORMED_LINE: (
        "A line that argogrant did not write can not be read; the message names its "
        "key, its number and what is wrong with it."
    ),
    Reason.UNKNOWN: "The RBAC text could not be looked at.",
}
"""When each reason is used, as the reference documentation prints it."""
