"""Roles and owners in the status of an ArgoCDInstance."""

from typing import Any, Literal

from pydantic import Field

from argogrant.api.identity import MAX_USERNAME_LENGTH
from argogrant.api.schema import Model
from argogrant.argocd.roles import DiscoveredRole
from argogrant.grants.access.policy import Owners
from argogrant.grants.model.identity import IdentityPattern


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
        "owner": owner_summary(owner) if owner is not None else None,
    }
    return {key: value for key, value in summary.items() if value}


def owner_summary(owner: IdentityPattern) -> dict[str, str]:
    """Build the status entry of an owner."""
    return {"kind": str(owner.kind), "name": owner.name}
