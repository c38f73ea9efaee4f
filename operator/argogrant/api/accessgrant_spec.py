"""What a person writes into an AccessGrant, with the texts of `kubectl explain`."""

from typing import Literal

from pydantic import ConfigDict, Field

from argogrant.api.cel_rules import ROLE_RULES, SPEC_RULES, SUBJECT_RULES, TEXT_RULE
from argogrant.api.identity import IdentityModel
from argogrant.api.schema import Duration, Instant, Model, ObjectName, validations
from argogrant.grants.model.validation import MAX_NAME_LENGTH, PROJECT_NAME


class SubjectModel(Model):
    """Who receives access."""

    kind: Literal["User", "Group"] = Field(
        description=(
            "What the name is meant to be: User, or Group for an SSO group. It is for"
            " readers: Argo CD compares bare strings and knows no such difference, so a"
            " grant for the user alice also reaches the members of an SSO group alice."
        )
    )
    name: str = Field(
        min_length=1,
        max_length=MAX_NAME_LENGTH,
        description=(
            "The string that Argo CD sees in the person's token, such as"
            " alice@example.com, on-call or a user id; upper and lower case count. It"
            " is the user id (sub), the name of a local account, or a value of a claim"
            " that scopes in argocd-rbac-cm lists: an e-mail address matches only if"
            " email is among them. A string that nobody has gives access to nobody."
        ),
        json_schema_extra=validations(*SUBJECT_RULES),
    )


class RoleModel(Model):
    """The Argo CD role that is given."""

    model_config = ConfigDict(json_schema_extra=validations(*ROLE_RULES))

    name: str = Field(
        min_length=1,
        max_length=MAX_NAME_LENGTH,
        description=(
            "Without project: a global role as Argo CD calls it, such as role:deployer"
            " or role:readonly. With project: the bare name of a role of that project,"
            " such as deployer. A role that does not exist yet is waited for"
            " (RoleNotFound); status.roles of the ArgoCDInstance lists those that do."
        ),
        json_schema_extra=validations(TEXT_RULE),
    )
    project: str | None = Field(
        None,
        min_length=1,
        max_length=253,
        pattern=f"^{PROJECT_NAME.pattern}$",
        description=(
            "The AppProject whose role this is, such as team-a; left out for a global"
            " role. What Argo CD calls proj:team-a:deployer is written as project:"
            " team-a and name: deployer."
        ),
    )


class RevocationModel(Model):
    """Why the grant was revoked."""

    justification: str = Field(
        max_length=1024,
        description=(
            "A sentence for the record, such as: the ticket was closed. It is shown in"
            " the grant's conditions."
        ),
    )


class AccessGrantSpec(Model):
    """Who may do what in Argo CD, from when until when, and why."""

    model_config = ConfigDict(json_schema_extra=validations(*SPEC_RULES))

    instance: ObjectName = Field(
        "default",
        description=(
            "Which Argo CD: the name of an ArgoCDInstance in the grant's own namespace."
            " While there is none of that name, the grant waits (InstanceNotFound)."
        ),
    )
    subject: SubjectModel = Field(
        description="Who receives access: a user or an SSO group, as Argo CD sees it."
    )
    role: RoleModel = Field(
        description=(
            "What they receive: one Argo CD role, global or of an AppProject. It must"
            " be defined in Argo CD; a grant never defines a role."
        )
    )
    expires_at: Instant | None = Field(
        None,
        description=(
            "The end as a point in time (RFC 3339), such as 2026-11-24T18:00:00Z or"
            " 2026-11-24T19:00:00+01:00; from that second on Argo CD refuses. Write"
            " exactly one of expiresAt and duration. Fractions of a second are dropped."
            " An end in the past gives no access at all (Expired). After creation it"
            " can move earlier, never later; for more time create a new grant."
        ),
    )
    duration: Duration | None = Field(
        None,
        description=(
            "How long access lasts, in hours, minutes and seconds, such as 90m or"
            " 2h30m; counted from the latest of the grant's creation, notBefore, and"
            " the last approval that it needs. Write exactly one of expiresAt and"
            " duration. Fractions of a second are dropped; less than a second is"
            " refused, and more than the instance's maxDuration ends there. A grant"
            " that Argo CD applies from Git must use expiresAt (AbsoluteEndRequired): a"
            " duration would begin anew whenever Git re-creates the grant."
        ),
    )
    not_before: Instant | None = Field(
        None,
        description=(
            "A later start (RFC 3339), for a planned maintenance window, such as"
            " 2026-11-24T16:00:00Z; until then the grant is Scheduled. Left out, or in"
            " the past, the grant starts when it is created and approved. Fractions of"
            " a second are rounded up."
        ),
    )
    justification: str | None = Field(
        None,
        max_length=1024,
        description=(
            "Why the access is needed, for whoever reads the grant later: a sentence or"
            " a ticket, such as: roll out the hotfix for ticket 4711. An AccessPolicy"
            " can demand one, and say what has to be in it. It can not change after"
            " creation."
        ),
    )
    requester: IdentityModel | None = Field(
        None,
        description=(
            "Who asks: exactly the user who creates the grant. The admission policies"
            " in admission/ fill it in or demand it, and refuse everybody else's name;"
            " where they are not installed, nobody vouches for it and AccessPolicies"
            " admit nobody (RequesterUnverified). It can not change after creation."
        ),
    )
    extends: ObjectName | None = Field(
        None,
        description=(
            "The name of a grant of the same subject, role and instance that this one"
            " continues, before that one has ended: for more time. The binding stays"
            " while either is in force. An AccessPolicy can limit how many follow each"
            " other (maxExtensions). It can not change after creation."
        ),
    )
    break_glass: bool | None = Field(
        None,
        description=(
            "true asks for access in an emergency: at once and without approval, if an"
            " AccessPolicy allows it (breakGlass), for a short time, and shown loudly"
            " everywhere. It needs a justification. It can not change after creation."
        ),
    )
    revoked: bool | None = Field(
        None,
        description=(
            "true ends the access at once and for good, and keeps the grant as a"
            " record; it can not be set back. A grant that is created revoked never"
            " gives access. Left out or false, the grant runs until its end."
        ),
    )
    revocation: RevocationModel | None = Field(
        None,
        description=(
            "Why the grant was revoked. It is optional, goes together with revoked:"
            " true, and can not change once it is set."
        ),
    )
