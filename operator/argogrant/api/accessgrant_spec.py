"""Spec of an AccessGrant, with the field descriptions of ``kubectl explain``."""

from typing import Literal

from pydantic import ConfigDict, Field

from argogrant.api.cel_rules import ROLE_RULES, SPEC_RULES, SUBJECT_RULES, TEXT_RULE
from argogrant.api.identity import IdentityModel
from argogrant.api.schema import Duration, Instant, Model, ObjectName, validations
from argogrant.grants.model.validation import MAX_NAME_LENGTH, PROJECT_NAME


class SubjectModel(Model):
    """Subject that receives access."""

    kind: Literal["User", "Group"]
    """Kind of the subject: User, or Group for an SSO group. It is informational: Argo
    CD compares only names, so a grant for the user alice also applies to the members of
    an SSO group alice."""
    name: str = Field(
        min_length=1,
        max_length=MAX_NAME_LENGTH,
        json_schema_extra=validations(*SUBJECT_RULES),
    )
    """Name of the subject as it appears in the Argo CD token, such as alice@example.com
    or on-call; case-sensitive. It can be a user id (sub), the name of a local account,
    or a value of a claim that scopes in argocd-rbac-cm lists. An e-mail address matches
    only if scopes contains email. If no token contains the name, the grant has no
    effect; see the Effective condition."""


class RoleModel(Model):
    """Argo CD role to grant."""

    model_config = ConfigDict(json_schema_extra=validations(*ROLE_RULES))

    name: str = Field(
        min_length=1,
        max_length=MAX_NAME_LENGTH,
        json_schema_extra=validations(TEXT_RULE),
    )
    """Name of the role. Without project: a global role, such as role:deployer or
    role:readonly. With project: the bare name of a role of that AppProject, such as
    deployer. If the role does not exist, the grant waits until it does (RoleNotFound).
    status.roles of the ArgoCDInstance lists the existing roles."""
    project: str | None = Field(
        None, min_length=1, max_length=253, pattern=f"^{PROJECT_NAME.pattern}$"
    )
    """AppProject of the role, such as team-a. Omit it for a global role. Argo CD's role
    proj:team-a:deployer has project: team-a and name: deployer."""


class RevocationModel(Model):
    """Reason of a revocation."""

    justification: str = Field(max_length=1024)
    """Reason of the revocation, such as: the ticket was closed. The grant's conditions
    contain it."""


class AccessGrantSpec(Model):
    """Requested access: subject, role, time window and justification."""

    model_config = ConfigDict(json_schema_extra=validations(*SPEC_RULES))

    instance: ObjectName = "default"
    """Name of an ArgoCDInstance in the namespace of the grant. If it does not exist,
    the grant waits until it does (InstanceNotFound). Immutable."""
    subject: SubjectModel
    """Argo CD user or SSO group that receives the role. Immutable."""
    role: RoleModel
    """Argo CD role to grant: a global role or a role of an AppProject. The role must be
    defined in Argo CD; a grant never defines a role. Immutable."""
    expires_at: Instant | None = None
    """Time at which the grant expires (RFC 3339), such as 2026-11-24T18:00:00Z or
    2026-11-24T19:00:00+01:00. From this second on Argo CD denies access. Exactly one of
    expiresAt and duration is required. Fractions of a second are dropped. A time in the
    past grants no access (Expired). After creation it can only become earlier; for more
    time, create another grant."""
    duration: Duration | None = None
    """Duration of the access in hours, minutes and seconds, such as 90m or 2h30m. It
    starts at the latest of creation, notBefore, and the last required approval. Exactly
    one of expiresAt and duration is required. The minimum is 1s; fractions of a second
    are dropped. A longer duration than maxDuration of the ArgoCDInstance is shortened
    to it. A grant that Argo CD applies from Git must set expiresAt
    (AbsoluteEndRequired), because a duration would restart whenever Git re-creates the
    grant. Immutable."""
    not_before: Instant | None = None
    """Earliest start of the access (RFC 3339), such as 2026-11-24T16:00:00Z for a
    planned maintenance window. Until then the grant is Scheduled. If it is omitted or
    in the past, the grant starts when it is created and approved. Fractions of a second
    are rounded up. Immutable."""
    justification: str | None = Field(None, max_length=1024)
    """Reason of the request, such as: roll out the hotfix for ticket 4711. An
    AccessPolicy can require a justification and its format. Immutable."""
    requester: IdentityModel | None = None
    """Kubernetes user who creates the grant. The admission policies in admission/ set
    this field or require it, and reject the name of another user. If they are not
    installed, the requester is not verified and no AccessPolicy matches
    (RequesterUnverified). Immutable."""
    extends: ObjectName | None = None
    """Name of the grant that this grant extends. That grant must have the same subject,
    role and instance, and must not have ended. The binding stays in Argo CD while
    either grant is active. An AccessPolicy can limit the number of extensions
    (maxExtensions). Immutable."""
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
