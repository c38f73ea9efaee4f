"""A role as the status of an ArgoCDInstance lists it, and who owns it."""

from typing import Any, Literal

from pydantic import Field

from argogrant.api.identity import MAX_USERNAME_LENGTH
from argogrant.api.schema import Model
from argogrant.argocd.roles import DiscoveredRole
from argogrant.grants.access.policy import Owners
from argogrant.grants.model.identity import IdentityPattern


class OwnerSummary(Model):
    """Whom AccessPolicies call an owner."""

    kind: Literal["User", "Group"] = Field(
        description="User or Group, as the API server knows them."
    )
    name: str = Field(
        max_length=MAX_USERNAME_LENGTH, description="The name of the user or group."
    )


class RoleSummary(Model):
    """A role that a grant can name."""

    name: str = Field(
        max_length=1024, description="What to write into spec.role.name of a grant."
    )
    project: str | None = Field(
        None,
        max_length=253,
        description=(
            "What to write into spec.role.project of a grant; absent for global roles."
        ),
    )
    description: str | None = Field(
        None,
        max_length=256,
        description="What the AppProject says of the role, cut at 256 characters.",
    )
    has_deny: bool | None = Field(
        None,
        description=(
            "true: the role, or one that it inherits, holds deny rules, which take away"
            " what a subject may do by other roles."
        ),
    )
    can_persist: bool | None = Field(
        None,
        description=(
            "true: its holder can make access outlast a grant, such as by a shell in a"
            " pod (exec create) or a new Application; argogrant roles -o wide says how."
        ),
    )
    owner: OwnerSummary | None = Field(
        None,
        description=(
            "Whom spec.owners.resource finds to be the owner: on the AppProject, or on"
            " argocd-rbac-cm for global roles. Absent: the owners of the instance."
        ),
    )


def role_summary(role: DiscoveredRole, owners: Owners) -> dict[str, Any]:
    """Write down a role that a grant can name; what is not so is left out."""
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
    """Write down an owner."""
    return {"kind": str(owner.kind), "name": owner.name}
