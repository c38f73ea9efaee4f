"""The closed sets of condition types and reasons, each with when it is used.

These sentences are the reference documentation: ``make generate`` writes
``docs/reference`` from them.
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
        "decides (Kubernetes RBAC)."
    ),
    Reason.BOUND: (
        "Argo CD's RBAC text holds the binding; the API server acknowledged the write. "
        "Argo CD allows what the role allows."
    ),
    Reason.BINDING: (
        "The grant is in force and its binding is being written. It takes about a "
        "second, since several grants share a write. If it stays, the ArgoCDInstance "
        "says why."
    ),
    Reason.SCHEDULED: "The grant begins later, at `spec.notBefore`.",
    Reason.EXPIRED: (
        "The end of the grant has come, and nothing of it is left in Argo CD's RBAC "
        "text; it never gives access again. For more time create a new grant."
    ),
    Reason.REVOKED: (
        "Somebody set `spec.revoked`, and nothing of the grant is left in Argo CD's "
        "RBAC text; it never gives access again."
    ),
    Reason.DELETED: (
        "The grant is being deleted, and nothing of it is left in Argo CD's RBAC text; "
        "somebody else's finalizer keeps the object. One that waits until its "
        "revocation is certain says what stands in the way instead."
    ),
    Reason.INVALID_GRANT: (
        "The object can not be understood, which only an older CRD, or none, lets "
        "pass; the message says why. Apply the CRDs of this version and create the "
        "grant anew."
    ),
    Reason.SUBJECT_REFUSED: (
        "The subject must not be bound: its text could mislead, or Argo CD uses it as "
        "a role, so that binding it would raise other people's rights."
    ),
    Reason.ROLE_REFUSED: (
        "The role's name must not be written into Argo CD's RBAC text: it holds "
        "something that a reader can not see, or is no name of a role. The message "
        "says what to write."
    ),
    Reason.ROLE_NOT_FOUND: (
        "Argo CD defines no such role; the grant is bound as soon as it appears. The "
        "message names roles that are spelled nearly so."
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
        "`spec.instance` names no ArgoCDInstance of this namespace, or one that is "
        "being deleted. The grant waits for one of that name."
    ),
    Reason.INSTANCE_UNAVAILABLE: (
        "Argo CD's configuration can not be read at the moment; the ArgoCDInstance "
        "says why. What is bound stays bound until its end; nothing is added. An end "
        "or a revocation that could not be written says this until it is."
    ),
    Reason.CONFIG_MAP_MISSING: (
        "`argocd-rbac-cm` is not there. It is never created by argogrant. Argo CD "
        "keeps its last rules in memory, so nothing can be granted or revoked: deleted "
        "grants are held, and ended ones that were bound say this, too. Restore the "
        "ConfigMap, or restart argocd-server to drop those rules."
    ),
    Reason.RBAC_TEXT_INVALID: (
        "Somebody else's line in `argocd-rbac-cm` can not be read, and Argo CD refuses "
        "everybody until it is mended; nothing is added meanwhile. Grants that run "
        "still end."
    ),
    Reason.RBAC_TEXT_FULL: (
        "`argocd-rbac-cm` has no room for another binding; the oldest grants were "
        "first. Revocations always go through. The others are bound as soon as grants "
        "end or somebody shortens the other keys."
    ),
    Reason.CONTESTED: (
        "Another program keeps changing `policy.argogrant.csv`. It is put back more "
        "and more slowly; what takes access away is not put off. The message names the "
        "field manager that did it."
    ),
    Reason.UNDISTURBED: "Nobody else changes `policy.argogrant.csv`.",
    Reason.CLOCK_SKEWED: (
        "The operator's clock differs from the API server's by two seconds or more. "
        "One that is behind is corrected; one that is ahead ends grants too early. "
        "Synchronise the clock of the operator's node."
    ),
    Reason.IN_SYNC: "The operator's clock agrees with the API server's.",
    Reason.OVERLAY_OWNED_BY_ANOTHER: (
        "Another ArgoCDInstance writes `policy.argogrant.csv` of this Argo CD; two "
        "writers would undo each other, so this one writes nothing. Delete one of the "
        "two; if that one is gone already, remove the key."
    ),
    Reason.CONVERGED: "What Argo CD has equals what is in force.",
    Reason.FORBIDDEN: (
        "The operator's own permissions are missing; the message names the request "
        "that was refused and the Role to give."
    ),
    Reason.UNAVAILABLE: (
        "The API server did not answer as it should; it is tried again, after at most "
        "five seconds each time."
    ),
    Reason.INVALID_INSTANCE: (
        "The ArgoCDInstance can not be understood, which only an older CRD, or none, "
        "lets pass; the message says why. What is bound stays until its end; nothing "
        "is added."
    ),
    Reason.VALID: "Argo CD can read every line of its RBAC text.",
    Reason.MALFORMED_LINE: (
        "A line that argogrant did not write can not be read; the message names its "
        "key, its number and what is wrong with it."
    ),
    Reason.UNKNOWN: (
        "The RBAC text could not be looked at: `argocd-rbac-cm` is missing, or can not "
        "be read. `Ready` says which."
    ),
}
"""When each reason is used, as the reference documentation prints it."""

Reasons = dict[bool | None, tuple[Reason, ...]]
"""Reasons by the status that they come with; None is Kubernetes' Unknown."""

GRANT_REASONS: dict[GrantCondition, Reasons] = {
    GrantCondition.APPROVED: {True: (Reason.POLICY_NOT_REQUIRED,)},
    GrantCondition.READY: {
        True: (Reason.BOUND,),
        False: (
            Reason.BINDING,
            Reason.SCHEDULED,
            Reason.ROLE_NOT_FOUND,
            Reason.PROJECT_INVALID,
            Reason.INSTANCE_NOT_FOUND,
            Reason.INSTANCE_UNAVAILABLE,
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
    GrantCondition.ENDED: {True: (Reason.EXPIRED, Reason.REVOKED)},
}
"""What is said with each condition of an AccessGrant."""

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
}
"""What is said with each condition of an ArgoCDInstance."""
