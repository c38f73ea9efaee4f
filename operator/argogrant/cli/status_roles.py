"""Roles as the status of an ArgoCDInstance lists them.

The shipped Roles of requesters and approvers allow to read ArgoCDInstances, but neither
Argo CD's ConfigMaps nor its AppProjects. The operator lists their roles in the status.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from argogrant.api.json_fields import get_dict, get_dicts, get_int, get_str
from argogrant.argocd.roles import DiscoveredRole
from argogrant.grants.access.policy import Owners
from argogrant.grants.model.grant import RoleRisks
from argogrant.grants.model.identity import IdentityKind, IdentityPattern

UNKNOWN_WAYS: Final = ("unknown",)
"""Permissions of a role with which access can outlast a grant: the status says only
that there are some."""
_KINDS: Final = {str(kind): kind for kind in IdentityKind}


class StatusRoles(NamedTuple):
    """Roles of an Argo CD according to the status of its ArgoCDInstance."""

    roles: tuple[DiscoveredRole, ...]
    owners: Owners
    number: int
    """Number of roles, including those that the status does not list."""
    default_role: str = ""

    @property
    def are_complete(self) -> bool:
        """Return whether the status lists every role."""
        return self.number <= len(self.roles)

    def find(self, bound_as: str) -> DiscoveredRole | None:
        """Return a role by its name in Argo CD's RBAC policy; None if not listed."""
        return next((one for one in self.roles if one.bound_as == bound_as), None)


def read_status_roles(status: Mapping[str, Any]) -> StatusRoles:
    """Read the roles and owners in the status of an ArgoCDInstance."""
    roles, of_projects = [], {}
    of_global_roles: IdentityPattern | None = None
    for one in get_dicts(status, "roles"):
        project = get_str(one, "project")
        risks = RoleRisks(
            has_deny=one.get("hasDeny") is True,
            persistent_permissions=UNKNOWN_WAYS
            if one.get("canPersist") is True
            else (),
        )
        role = DiscoveredRole(
            project=project,
            name=get_str(one, "name"),
            description=get_str(one, "description"),
            risks=risks,
            allows_nothing=get_str(one, "allowsNothing"),
        )
        roles.append(role)
        owner = _owner(get_dict(one, "owner"))
        if owner is not None and project:
            of_projects[project] = owner
        elif owner is not None:
            of_global_roles = owner
    integration = map(_owner, get_dicts(status, "owners"))
    return StatusRoles(
        tuple(roles),
        Owners(
            integration=tuple(one for one in integration if one is not None),
            of_projects=of_projects,
            of_global_roles=of_global_roles,
        ),
        max(get_int(status, "roleCount"), len(roles)),
        get_str(status, "defaultRole"),
    )


def _owner(body: Mapping[str, Any]) -> IdentityPattern | None:
    kind, name = _KINDS.get(get_str(body, "kind")), get_str(body, "name")
    return IdentityPattern(kind=kind, name=name) if kind and name else None
