"""Status of an ArgoCDInstance, and conversion of ArgoCDInstances from JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import Field

from argogrant.api.argocdinstance_roles import (
    OwnerSummary,
    RoleSummary,
    owner_summary,
    role_summary,
)
from argogrant.api.argocdinstance_spec import ArgoCDInstanceSpec
from argogrant.api.conditions import (
    CONDITIONS_BY_TYPE,
    ConditionModel,
    StatusModel,
    write_conditions,
)
from argogrant.api.parsing import read_spec
from argogrant.api.remote_cluster import (
    ArgoCDLocation,
    RemoteCluster,
    location_at,
    read_remote_cluster,
)
from argogrant.api.schema import Instant
from argogrant.argocd.roles import DiscoveredRole
from argogrant.grants.access.policy import NO_OWNERS, Owners
from argogrant.grants.conditions import Condition
from argogrant.grants.model.identity import IdentityKind, IdentityPattern
from argogrant.grants.model.window import format_instant, parse_duration

MAX_ROLES_SHOWN: Final = 200
"""Maximum number of roles in the status; ``roleCount`` counts all of them."""


class ArgoCDInstanceStatus(StatusModel):
    """Observed state of the Argo CD installation. Only the operator writes it."""

    conditions: list[ConditionModel] = Field(
        [], max_length=8, json_schema_extra=CONDITIONS_BY_TYPE
    )
    """Conditions of the instance. Ready: Argo CD has the bindings of all active grants
    and no others; if False, reason and message contain the cause and the remedy.
    RBACTextValid: Argo CD can read every line of argocd-rbac-cm; if False, Argo CD
    denies every request. Contested: another program keeps changing
    policy.argogrant.csv. ClockInSync: the clocks of the operator and the API server
    agree. RequesterVerified: the API server verifies requesters and approvers; if
    False, no AccessPolicy matches. TokenFresh: the token for a remote cluster is
    renewed in time; absent without one."""
    bindings: int | None = Field(None, ge=0)
    """Number of bindings in policy.argogrant.csv. A binding is a pair of a subject and
    a role; grants with the same pair share it."""
    overlay_bytes: int | None = Field(None, ge=0)
    """Size of policy.argogrant.csv in bytes. Kubernetes limits all keys of
    argocd-rbac-cm together to 1 MiB."""
    roles: list[RoleSummary] = Field(
        [],
        max_length=MAX_ROLES_SHOWN,
        description=(
            "Roles that a grant can name: global roles, then roles of AppProjects. At"
            f" most the first {MAX_ROLES_SHOWN} are listed; roleCount counts all."
        ),
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    role_count: int | None = Field(None, ge=0)
    """Number of roles, including those that are not listed."""
    owners: list[OwnerSummary] = Field(
        [], max_length=32, json_schema_extra={"x-kubernetes-list-type": "atomic"}
    )
    """Owners of this Argo CD (spec.owners.integration). They own every role that has no
    owner."""
    scopes: str | None = Field(None, max_length=1024)
    """Claims whose values Argo CD compares with subjects in addition to the user id:
    scopes of argocd-rbac-cm, such as [groups, email]. Absent if argocd-rbac-cm has no
    scopes; Argo CD then uses [groups]."""
    default_role: str | None = Field(None, max_length=1024)
    """Role of every user who is logged in: policy.default of argocd-rbac-cm, such as
    role:readonly. Absent if there is none."""
    token_expires_at: Instant | None = None
    """Time at which the token for the remote cluster expires. Absent if Argo CD is in
    this cluster, or if the token contains no expiry."""
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
        """Where its Argo CD runs, and how to reach it."""
        return location_at(self.argocd_namespace, self.cluster)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceReport:
    """Status fields of an instance after a reconciliation."""

    conditions: tuple[Condition, ...]
    bindings: int | None = None
    overlay_bytes: int | None = None
    roles: tuple[DiscoveredRole, ...] = ()
    owners: Owners = NO_OWNERS
    scopes: str | None = None
    default_role: str | None = None
    last_write_at: datetime | None = None
    token_expires_at: datetime | None = None


def read_instance(body: dict[str, Any]) -> Instance:
    """Parse an ArgoCDInstance as the API server returns it.

    Raises:
        InvalidGrant: The object does not match the CRD.
    """
    metadata = body["metadata"]
    spec = read_spec(ArgoCDInstanceSpec, body.get("spec") or {})
    owners, identity = spec.owners, spec.identity
    resource = owners.resource if owners else None
    return Instance(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        argocd_namespace=spec.namespace,
        max_duration=parse_duration(spec.max_duration),
        being_deleted="deletionTimestamp" in metadata,
        requires_access_policy=spec.require_access_policy,
        strip_prefix=(identity and identity.strip_prefix) or "",
        integration_owners=tuple(
            IdentityPattern(kind=IdentityKind(owner.kind), name=owner.name)
            for owner in (owners.integration if owners else ())
        ),
        resource_owner_key=resource.key if resource else "",
        resource_owner_kind=IdentityKind(resource.kind) if resource else None,
        cluster=read_remote_cluster(spec.cluster, spec.namespace)
        if spec.cluster
        else None,
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
        "observedGeneration": generation,
        "conditions": write_conditions(
            old.get("conditions") or (),
            report.conditions,
            generation=generation,
            now=now,
        ),
        "bindings": report.bindings,
        "overlayBytes": report.overlay_bytes,
        "roles": [
            role_summary(role, report.owners) for role in report.roles[:MAX_ROLES_SHOWN]
        ],
        "owners": [owner_summary(one) for one in report.owners.integration] or None,
        "roleCount": len(report.roles),
        "scopes": report.scopes and report.scopes[:1024],
        "defaultRole": report.default_role and report.default_role[:1024],
        "tokenExpiresAt": report.token_expires_at
        and format_instant(report.token_expires_at),
        "lastWriteAt": max(last_write, old.get("lastWriteAt") or ""),
    }
    return {key: value for key, value in status.items() if value not in (None, "")}
