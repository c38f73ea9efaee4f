"""The kind ArgoCDInstance: one Argo CD installation, and what is known of it."""

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
from argogrant.api.bound_locations import (
    MAX_LOCATIONS,
    ArgoCDLocation,
    LocationModel,
    location_at,
    write_locations,
)
from argogrant.api.conditions import (
    CONDITIONS_BY_TYPE,
    ConditionModel,
    StatusModel,
    write_conditions,
)
from argogrant.api.parsing import read_spec
from argogrant.api.remote_cluster import RemoteCluster, read_remote_cluster
from argogrant.api.schema import Instant
from argogrant.argocd.roles import DiscoveredRole
from argogrant.grants.access.policy import NO_OWNERS, Owners
from argogrant.grants.conditions import Condition
from argogrant.grants.model.identity import IdentityKind, IdentityPattern
from argogrant.grants.model.window import format_instant, parse_duration

MAX_ROLES_SHOWN: Final = 200
"""Roles in the status; `roleCount` says how many there are."""


class ArgoCDInstanceStatus(StatusModel):
    """What is known of this Argo CD; written by argogrant only."""

    conditions: list[ConditionModel] = Field(
        [],
        max_length=8,
        description=(
            "What is so, and why. Ready: what Argo CD has equals what is in force; if"
            " it is False, reason and message say what stands in the way."
            " RBACTextValid: Argo CD can read every line of argocd-rbac-cm; while it"
            " can not, it refuses everybody. Contested: somebody else keeps changing"
            " argogrant's key. ClockInSync: the operator's clock agrees with the API"
            " server's. RequesterVerified: the API server vouches for who asks and who"
            " approves; unless it does, AccessPolicies admit nobody. TokenFresh: the"
            " token for another cluster is renewed in time; only there if there is one."
        ),
        json_schema_extra=CONDITIONS_BY_TYPE,
    )
    bindings: int | None = Field(
        None,
        ge=0,
        description=(
            "How many bindings, pairs of a subject and a role, policy.argogrant.csv"
            " holds. Grants that want the same pair share one."
        ),
    )
    overlay_bytes: int | None = Field(
        None,
        ge=0,
        description=(
            "The size of the key policy.argogrant.csv in bytes. Kubernetes allows 1 MiB"
            " for all keys of argocd-rbac-cm together."
        ),
    )
    roles: list[RoleSummary] = Field(
        [],
        max_length=MAX_ROLES_SHOWN,
        description=(
            "The roles that a grant can name: global ones, then those of AppProjects."
            f" At most the first {MAX_ROLES_SHOWN} are listed; roleCount counts all."
        ),
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    role_count: int | None = Field(
        None, ge=0, description="How many roles exist, also those that are not listed."
    )
    owners: list[OwnerSummary] = Field(
        [],
        max_length=32,
        description=(
            "The owners of this Argo CD (spec.owners.integration), who decide wherever"
            " a role has no owner of its own."
        ),
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    scopes: str | None = Field(
        None,
        max_length=1024,
        description=(
            "The claims whose values Argo CD compares with subjects, beside the user"
            " id, as argocd-rbac-cm writes them, such as [groups, email]. Absent:"
            " argocd-rbac-cm says nothing, and Argo CD uses [groups]."
        ),
    )
    default_role: str | None = Field(
        None,
        max_length=1024,
        description=(
            "The role that Argo CD gives to everybody who is logged in (policy.default"
            " of argocd-rbac-cm), such as role:readonly. Absent: there is none."
        ),
    )
    bound_in: list[LocationModel] = Field(
        [],
        max_length=MAX_LOCATIONS,
        description=(
            "Where this instance may have bound something: where spec says that Argo CD"
            " is, and former places until they are clean. Written before the first"
            " binding there, so that no restart forgets a place."
        ),
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    token_expires_at: Instant | None = Field(
        None,
        description=(
            "Until when the token for the other cluster is good, as the token or the"
            " API server that gave it says. Absent: Argo CD is in this cluster, or the"
            " token says nothing of an end."
        ),
    )
    last_write_at: Instant | None = Field(
        None,
        description=(
            "When this operator last wrote argocd-rbac-cm. Nothing is written while"
            " nothing changes."
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One ArgoCDInstance, as far as it decides anything."""

    uid: str
    namespace: str
    name: str
    argocd_namespace: str
    max_duration: timedelta
    being_deleted: bool = False
    requires_access_policy: bool = False
    """Whether nothing is given without an access policy."""
    strip_prefix: str = ""
    """What stands before Argo CD's name in a Kubernetes user name."""
    integration_owners: tuple[IdentityPattern, ...] = ()
    resource_owner_key: str = ""
    """The label or annotation that names a resource's owner; empty if none does."""
    resource_owner_kind: IdentityKind | None = None
    """What that label or annotation names."""
    cluster: RemoteCluster | None = None
    """Where Argo CD runs; None for the cluster of the instance itself."""
    url: str = ""
    """Where people reach Argo CD; empty if that was not said."""
    binds_in_projects: bool = False
    """Whether roles of AppProjects are given in the AppProject."""
    removes_tokens: bool = True
    """Whether tokens that were made by a member go with the member."""
    access_details: str = ""
    """What those who hold a grant are told, with placeholders."""
    retention: timedelta = timedelta(days=30)
    """How long a grant is kept after its end."""

    @property
    def location(self) -> ArgoCDLocation:
        """Where its Argo CD is."""
        return location_at(self.argocd_namespace, self.cluster)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceReport:
    """What is said about an instance after a convergence."""

    conditions: tuple[Condition, ...]
    bindings: int | None = None
    overlay_bytes: int | None = None
    roles: tuple[DiscoveredRole, ...] = ()
    owners: Owners = NO_OWNERS
    scopes: str | None = None
    default_role: str | None = None
    last_write_at: datetime | None = None
    token_expires_at: datetime | None = None
    bound_in: tuple[ArgoCDLocation, ...] | None = None
    """Where something may be bound; None leaves what was written."""


def read_instance(body: dict[str, Any]) -> Instance:
    """Read an ArgoCDInstance as the API server gives it.

    Raises:
        InvalidGrant: The object is not what the CRD describes.
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
    """Write the status of an instance; nothing in it changes while nothing happens."""
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
        "boundIn": old.get("boundIn")
        if report.bound_in is None
        else write_locations(report.bound_in) or None,
        "tokenExpiresAt": report.token_expires_at
        and format_instant(report.token_expires_at),
        "lastWriteAt": max(last_write, old.get("lastWriteAt") or ""),
    }
    return {key: value for key, value in status.items() if value not in (None, "")}
