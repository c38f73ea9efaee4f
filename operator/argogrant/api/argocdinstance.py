"""ArgoCDInstance: models, conversion from JSON, and status."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, field_validator

from argogrant.api.cel_rules import (
    DETAILS_RULES,
    INSTANCE_RULES,
    LABEL_KEY_PATTERN,
    OWNER_NAME_RULE,
    OWNERS_RULE,
    TEXT_RULE,
)
from argogrant.api.conditions import ConditionList, StatusModel, write_conditions
from argogrant.api.json_fields import get_dict, get_dicts, get_int, get_str
from argogrant.api.remote_cluster import (
    ArgoCDLocation,
    ClusterModel,
    RemoteCluster,
    read_remote_cluster,
)
from argogrant.api.schema import (
    ATOMIC,
    MAX_USERNAME_LENGTH,
    Duration,
    Instant,
    Model,
    NamespaceName,
    must,
    read_spec,
    validations,
)
from argogrant.argocd.appproject.ended_members import ReturnedMember
from argogrant.argocd.roles import DiscoveredRole
from argogrant.grants.access.policy import NO_OWNERS, Owners
from argogrant.grants.conditions import Condition
from argogrant.grants.decide import validate_template
from argogrant.grants.model.identity import IdentityKind, IdentityPattern
from argogrant.grants.model.window import format_instant, parse_duration

PersonKind = Annotated[
    Literal["User", "Group"],
    Field(json_schema_extra=must("be User or Group, such as kind: Group")),
]


class OwnerModel(Model):
    """Owner of an Argo CD."""

    kind: PersonKind
    """Kind of the owner in Kubernetes: User or Group."""
    name: str = Field(
        min_length=1,
        max_length=MAX_USERNAME_LENGTH,
        json_schema_extra=must(
            "be the name of one user or group of 1 to 512 characters, such as"
            " platform-team",
            TEXT_RULE,
            OWNER_NAME_RULE,
        ),
    )
    """Name of one user or group, such as platform-team. Patterns are not allowed."""


class ResourceOwnerModel(Model):
    """Label or annotation that names the owners of Argo CD's resources."""

    key: str = Field(
        min_length=1,
        max_length=317,
        pattern=LABEL_KEY_PATTERN,
        json_schema_extra=must(
            "be the key of a label or annotation: 1 to 317 letters, digits, '-', '_'"
            " and '.', after a domain and '/' if it has one, such as example.com/owner"
        ),
    )
    """Key of a label or annotation, such as example.com/owner. Its value on an
    AppProject names the owner of the project's roles; its value on argocd-rbac-cm names
    the owner of the global roles."""
    kind: PersonKind
    """Kind of the owner in Kubernetes: User or Group."""


class OwnersModel(Model):
    """Owners of an Argo CD and of its roles."""

    model_config = ConfigDict(json_schema_extra=validations(OWNERS_RULE))

    integration: list[OwnerModel] = Field(
        [],
        max_length=32,
        json_schema_extra=must(
            "have at most 32 entries, such as integration: [{kind: Group, name:"
            " platform-team}]",
            **ATOMIC,
        ),
    )
    """Owners of this Argo CD, for approvers of kind IntegrationOwner. They also own
    every role that has no owner."""
    resource: ResourceOwnerModel | None = None
    """Label or annotation that names the owner of a role, for approvers of kind
    ResourceOwner. It requires integration, for roles without an owner."""


class IdentityRuleModel(Model):
    """Mapping of Kubernetes user names to Argo CD user names."""

    strip_prefix: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        json_schema_extra=must(
            "be a prefix of 1 to 64 characters, such as 'oidc:'", TEXT_RULE
        ),
    )
    """Prefix of Kubernetes user names that Argo CD's user names lack, such as 'oidc:'
    if oidc:alice@example.com in Kubernetes is alice@example.com in Argo CD. Users
    without the prefix cannot request access for themselves. If omitted, the two user
    names must be equal."""


class ArgoCDInstanceSpec(Model):
    """Location of an Argo CD, limits for its grants, and its owners."""

    model_config = ConfigDict(json_schema_extra=validations(*INSTANCE_RULES))

    namespace: NamespaceName = "argocd"
    """Namespace of Argo CD, with argocd-rbac-cm and the AppProjects. The operator
    requires the Role of manifests/argocd-namespace.yaml there; without it the instance
    is not Ready (Forbidden). The owner of that Argo CD must allow the namespace of this
    ArgoCDInstance: with the annotation argogrant.dev/allowed-namespaces of
    argocd-rbac-cm, such as 'argogrant,team-b', or, without the annotation, if it is the
    operator's own namespace; otherwise the instance is not Ready (NotAllowedByArgoCD)
    and binds nothing. Immutable."""
    cluster: ClusterModel | None = None
    """Remote cluster in which Argo CD runs. If omitted, Argo CD runs in the cluster of
    this ArgoCDInstance. It can be neither added nor removed after creation."""
    url: str | None = Field(
        None,
        min_length=1,
        max_length=512,
        pattern=r"^https?://[^\s\"<>]+$",
        json_schema_extra=must(
            "be a URL that begins with https:// or http://, without spaces, quotation"
            " marks and angle brackets, in at most 512 characters, such as"
            " https://argocd.example.com"
        ),
    )
    """URL of Argo CD for users, such as https://argocd.example.com. The status of
    active grants contains it."""
    bind_project_roles_in: Literal["ConfigMap", "AppProject"] = Field(
        "ConfigMap",
        json_schema_extra=must(
            "be ConfigMap or AppProject, such as bindProjectRolesIn: AppProject"
        ),
    )
    """Where bindings to roles of AppProjects are written. ConfigMap: in argocd-rbac-cm,
    as for global roles. AppProject: in spec.roles[].groups of the project, which Argo
    CD's UI shows. Members of such a role can create project tokens; see
    removeTokens."""
    remove_tokens: bool = Field(
        default=True,
        description=(
            "Whether project tokens are removed with a member; only used with"
            " bindProjectRolesIn: AppProject. true: when a grant ends, the operator"
            " removes all tokens of the role that were created during the grant,"
            " because Argo CD does not record their creator. false: the tokens stay"
            " and remain valid after the grant."
        ),
    )
    max_duration: Duration = "24h"
    """Maximum duration of a grant in hours, minutes and seconds, such as 8h or 1h30m,
    counted from the start of the grant. A grant that requests more is shortened, not
    rejected; its Ready condition mentions it. Lowering the value shortens active
    grants; raising it does not extend them."""
    require_access_policy: bool = Field(
        default=False,
        description=(
            "Whether every grant requires an AccessPolicy that allows it. false: while"
            " no AccessPolicy applies to this instance, anyone who can create"
            " AccessGrants in this namespace can grant any role; with an AccessPolicy,"
            " policies decide. true: without an AccessPolicy no grant is allowed."
        ),
    )
    max_open_per_requester: int = Field(
        1000,
        ge=1,
        le=1_000_000,
        json_schema_extra=must(
            "be a number from 1 to 1000000, such as maxOpenPerRequester: 5000"
        ),
    )
    """Number of grants that one requester may have that have not ended, so that one
    person cannot use up what all share. The oldest are allowed; the others wait
    (QuotaExceeded). Break-glass grants are counted apart. All requesters that are not
    verified count as one. Raise it if one account requests more, such as an application
    controller of Argo CD that applies all grants from Git."""
    owners: OwnersModel | None = None
    """Owners of this Argo CD, which AccessPolicies use as approvers."""
    identity: IdentityRuleModel | None = None
    """Mapping of Kubernetes users to subjects of Argo CD, for policies with
    subjects.self and for the check that users do not approve their own grant."""
    access_details: str | None = Field(
        None,
        min_length=1,
        max_length=400,
        json_schema_extra=must(
            "be 1 to 400 characters, such as: Log in at {url} with SSO; put what is"
            " longer on a page and its URL here",
            *DETAILS_RULES,
        ),
    )
    """Information for users with a grant, such as how to log in. The status of active
    grants contains it. {subject}, {role}, {end} and {url} are replaced with the values
    of the grant."""

    @field_validator("access_details")
    @classmethod
    def _details_can_be_shown(cls, text: str | None) -> str | None:
        problem = validate_template(text or "")
        if problem is not None:
            raise ValueError(problem)
        return text

    retention: Duration = "720h"
    """Time for which a grant is kept after it ended, before the operator deletes it.
    The operator never deletes grants that Argo CD tracks from Git."""


class OwnerSummary(Model):
    """Owner in the sense of AccessPolicies."""

    kind: Literal["User", "Group"]
    """Kind of the owner in Kubernetes: User or Group."""
    name: str = Field(max_length=MAX_USERNAME_LENGTH)
    """Name of the user or group."""


class RoleSummary(Model):
    """Role that a grant can name."""

    name: str = Field(max_length=1024)
    """Value of spec.role.name in a grant for this role."""
    project: str | None = Field(None, max_length=253)
    """Value of spec.role.project in a grant for this role. Absent for global roles."""
    description: str | None = Field(None, max_length=256)
    """Description of the role in its AppProject, up to 256 characters."""
    has_deny: bool | None = None
    """true if the role or an inherited role has deny rules. They also deny what other
    roles of the subject allow."""
    can_persist: bool | None = None
    """true if the role has permissions with which access can outlive a grant, such as
    exec create or applications create. `argogrant roles -o wide` lists them."""
    allows_nothing: str | None = Field(None, max_length=1024)
    """Why the role allows nothing, if it does: the rules, where they are, and what is
    wrong with them. Absent if it allows something."""
    owner: OwnerSummary | None = None
    """Owner of the role according to spec.owners.resource: named on the AppProject, or
    on argocd-rbac-cm for global roles. Absent if the owners of the instance own the
    role."""


def role_summary(role: DiscoveredRole, owners: Owners) -> dict[str, Any]:
    """Build the status entry of a role, without empty fields."""
    owner = owners.named_owner(role.project or None)
    summary = {
        "name": role.name[:1024],
        "project": role.project,
        "description": role.description[:256],
        "hasDeny": role.risks.has_deny,
        "canPersist": role.risks.can_persist,
        "allowsNothing": role.allows_nothing[:1024],
        "owner": owner_summary(owner) if owner is not None else None,
    }
    return {key: value for key, value in summary.items() if value}


def owner_summary(owner: IdentityPattern) -> dict[str, str]:
    """Build the status entry of an owner."""
    return {"kind": str(owner.kind), "name": owner.name}


class ReturnedMemberSummary(Model):
    """Member of an AppProject role that came back after its grant had ended."""

    id: str = Field(max_length=12)
    """Identifier, to acknowledge it: argogrant review --acknowledge ID."""
    project: str = Field(max_length=253)
    """AppProject of the role."""
    role: str = Field(max_length=256)
    """Name of the role in the AppProject."""
    subject: str = Field(max_length=256)
    """Name of the member."""
    state: Literal["Kept", "Removed"]
    """Kept: it has the role without a grant, because it came back after it had been
    removed once more. Removed: it was removed once more."""
    tokens: int | None = Field(None, ge=0)
    """Number of tokens of the role that came back and are kept."""
    returned_at: Instant
    """Time at which the operator saw it."""


def returned_summary(member: ReturnedMember) -> dict[str, Any]:
    """Build the status entry of a returned member, without empty fields."""
    summary = {
        "id": member.id,
        "project": member.project[:253],
        "role": member.role,
        "subject": member.subject,
        "state": "Kept" if member.is_kept else "Removed",
        "tokens": member.tokens,
        "returnedAt": format_instant(member.at),
    }
    return {key: value for key, value in summary.items() if value}


@dataclass(frozen=True, slots=True)
class ReturnedMemberView:
    """Returned member, as the status of an ArgoCDInstance lists it."""

    id: str
    project: str
    role: str
    subject: str
    is_kept: bool
    """It has the role without a grant."""
    tokens: int
    returned_at: str


def view_returned(status: Mapping[str, Any]) -> tuple[ReturnedMemberView, ...]:
    """Read the returned members that are not acknowledged."""
    return tuple(
        ReturnedMemberView(
            id=get_str(entry, "id"),
            project=get_str(entry, "project"),
            role=get_str(entry, "role"),
            subject=get_str(entry, "subject"),
            is_kept=entry.get("state") != "Removed",
            tokens=get_int(entry, "tokens"),
            returned_at=get_str(entry, "returnedAt"),
        )
        for entry in get_dicts(status, "returnedMembers")
    )


ACKNOWLEDGED_PREFIX: Final = "acknowledged.argogrant.dev/"
"""Prefix of annotations of an ArgoCDInstance; the id of a returned member follows."""


def read_acknowledged(annotations: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the ids of the acknowledged members, each with the reason."""
    return {
        key.removeprefix(ACKNOWLEDGED_PREFIX): get_str(annotations, key)
        for key in annotations
        if key.startswith(ACKNOWLEDGED_PREFIX)
    }


MAX_RETURNED_SHOWN: Final = 50
"""Maximum number of returned members in the status."""
MAX_ROLES_SHOWN: Final = 200
"""Maximum number of roles in the status; ``roleCount`` counts all of them."""


class ArgoCDInstanceStatus(StatusModel):
    """Observed state of the Argo CD installation. Only the operator writes it."""

    conditions: ConditionList = Field([])
    """Conditions of the instance. Ready: policy.argogrant.csv (and the AppProjects,
    with bindProjectRolesIn: AppProject) contains exactly the bindings of the active
    grants; if False, reason and message contain the cause and the remedy.
    RBACTextValid: Argo CD can parse every line of argocd-rbac-cm; if False, Argo CD
    denies every request. Contested: another program keeps changing
    policy.argogrant.csv. ClockInSync: the clocks of the operator and the API server
    agree. RequesterVerified: the API server verifies requesters and approvers; if
    False, no AccessPolicy matches. TokenFresh: the token for a remote cluster is
    renewed in time; absent if Argo CD runs in this cluster. RolesAnalyzed: False if
    there are too many rules to find the risks of every role; absent otherwise.
    MembersReturned: True while members of AppProjects have come back after their grant
    had ended; absent otherwise."""
    bindings: int | None = Field(None, ge=0)
    """Number of bindings in policy.argogrant.csv. A binding is a pair of a subject and
    a role; grants with the same pair share it."""
    overlay_bytes: int | None = Field(None, ge=0)
    """Size of policy.argogrant.csv in bytes. Kubernetes limits all keys of
    argocd-rbac-cm together to 1 MiB."""
    roles: list[RoleSummary] = Field(
        [], max_length=MAX_ROLES_SHOWN, json_schema_extra=ATOMIC
    )
    """Roles that a grant can name: global roles, then roles of AppProjects. At most the
    first 200 are listed; roleCount counts all."""
    role_count: int | None = Field(None, ge=0)
    """Number of roles, including those that are not listed."""
    returned_members: list[ReturnedMemberSummary] = Field(
        [], max_length=MAX_RETURNED_SHOWN, json_schema_extra=ATOMIC
    )
    """Members of AppProject roles that came back after their grant had ended, without
    those that are acknowledged (`argogrant review`). At most 50 are listed, those that
    are kept first."""
    owners: list[OwnerSummary] = Field([], max_length=32, json_schema_extra=ATOMIC)
    """Owners of this Argo CD (spec.owners.integration). They own every role that has no
    owner."""
    scopes: str | None = Field(None, max_length=1024)
    """Claims whose values Argo CD compares with subjects in addition to the user ID:
    scopes of argocd-rbac-cm, such as [groups, email]. Absent if argocd-rbac-cm has no
    scopes; Argo CD then uses [groups]."""
    default_role: str | None = Field(None, max_length=1024)
    """Role of every user who is logged in: policy.default of argocd-rbac-cm, such as
    role:readonly. Absent if there is none."""
    token_expires_at: Instant | None = None
    """Time at which the token for the remote cluster expires. Absent if Argo CD is in
    this cluster, or if the token contains no expiry."""
    operator_namespace: str | None = Field(None, max_length=63)
    """Namespace of the operator that reported this status. Its ArgoCDInstances may bind
    in an Argo CD whose argocd-rbac-cm has no annotation
    argogrant.dev/allowed-namespaces. Absent if the operator runs outside of a cluster
    and serves several namespaces."""
    last_write_at: Instant | None = None
    """Time of the operator's last write to argocd-rbac-cm. The operator writes only
    changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """Settings of one ArgoCDInstance that affect decisions."""

    uid: str
    namespace: str
    name: str
    argocd_namespace: str
    max_duration: timedelta
    being_deleted: bool = False
    max_open_per_requester: int = 1000
    """Number of grants of one requester that have not ended."""
    requires_access_policy: bool = False
    """No grant is allowed without an AccessPolicy."""
    strip_prefix: str = ""
    """Prefix of Kubernetes user names that Argo CD's user names lack."""
    integration_owners: tuple[IdentityPattern, ...] = ()
    resource_owner_key: str = ""
    """Label or annotation that names the owner of a resource; empty if unset."""
    resource_owner_kind: IdentityKind | None = None
    """Kind of the owner in that label or annotation."""
    cluster: RemoteCluster | None = None
    """Remote cluster of Argo CD; None for the cluster of the ArgoCDInstance."""
    url: str = ""
    """URL of Argo CD for users; empty if unset."""
    binds_in_projects: bool = False
    """Roles of AppProjects are bound in the AppProject."""
    removes_tokens: bool = True
    """Tokens that a member can have created are removed with the member."""
    access_details: str = ""
    """Template of the information for users."""
    retention: timedelta = timedelta(days=30)
    """Time for which an ended grant is kept."""

    @property
    def location(self) -> ArgoCDLocation:
        """Where its Argo CD runs; token rotation does not affect the connection."""
        cluster = replace(self.cluster, rotation=None) if self.cluster else None
        return ArgoCDLocation(namespace=self.argocd_namespace, cluster=cluster)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceReport:
    """Status fields of an instance after a reconciliation."""

    conditions: tuple[Condition, ...]
    bindings: int | None = None
    overlay_bytes: int | None = None
    roles: tuple[DiscoveredRole, ...] = ()
    returned: tuple[ReturnedMember, ...] = ()
    owners: Owners = NO_OWNERS
    scopes: str | None = None
    default_role: str | None = None
    last_write_at: datetime | None = None
    token_expires_at: datetime | None = None
    operator_namespace: str | None = None


def read_instance(body: dict[str, Any]) -> Instance:
    """Parse an ArgoCDInstance as the API server returns it.

    Raises:
        InvalidGrant: The object does not match the CRD.
    """
    metadata = get_dict(body, "metadata")
    spec = read_spec(ArgoCDInstanceSpec, body.get("spec") or {})
    owners, identity, remote = spec.owners, spec.identity, spec.cluster
    resource = owners.resource if owners else None
    return Instance(
        uid=get_str(metadata, "uid"),
        namespace=get_str(metadata, "namespace"),
        name=get_str(metadata, "name"),
        argocd_namespace=spec.namespace,
        max_duration=parse_duration(spec.max_duration),
        being_deleted="deletionTimestamp" in metadata,
        max_open_per_requester=spec.max_open_per_requester,
        requires_access_policy=spec.require_access_policy,
        strip_prefix=(identity and identity.strip_prefix) or "",
        integration_owners=tuple(
            IdentityPattern(kind=IdentityKind(owner.kind), name=owner.name)
            for owner in (owners.integration if owners else ())
        ),
        resource_owner_key=resource.key if resource else "",
        resource_owner_kind=IdentityKind(resource.kind) if resource else None,
        cluster=read_remote_cluster(remote, spec.namespace) if remote else None,
        url=spec.url or "",
        binds_in_projects=spec.bind_project_roles_in == "AppProject",
        removes_tokens=spec.remove_tokens,
        access_details=spec.access_details or "",
        retention=parse_duration(spec.retention),
    )


def instance_status(
    report: InstanceReport, *, old: Mapping[str, Any], generation: int, now: datetime
) -> dict[str, Any]:
    """Build the status of an instance, equal to the old one if nothing changed."""
    last_write = format_instant(report.last_write_at) if report.last_write_at else ""
    status: dict[str, Any] = {
        **write_conditions(old, report.conditions, generation=generation, now=now),
        "bindings": report.bindings,
        "overlayBytes": report.overlay_bytes,
        "roles": [
            role_summary(role, report.owners) for role in report.roles[:MAX_ROLES_SHOWN]
        ],
        "returnedMembers": [
            returned_summary(one)
            for one in sorted(report.returned, key=lambda one: not one.is_kept)
        ][:MAX_RETURNED_SHOWN]
        or None,
        "owners": [owner_summary(one) for one in report.owners.integration] or None,
        "roleCount": len(report.roles),
        "scopes": report.scopes and report.scopes[:1024],
        "defaultRole": report.default_role and report.default_role[:1024],
        "tokenExpiresAt": report.token_expires_at
        and format_instant(report.token_expires_at),
        "operatorNamespace": report.operator_namespace,
        "lastWriteAt": max(last_write, old.get("lastWriteAt") or ""),
    }
    return {key: value for key, value in status.items() if value not in (None, "")}
