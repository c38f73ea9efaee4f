"""Roles that a grant can name, and names that must not become subjects."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from argogrant.argocd.appproject.project import Project
from argogrant.argocd.policy_csv import PolicyCSV
from argogrant.argocd.role_risks import RolePermissions
from argogrant.grants.model.grant import NO_RISKS, RoleRisks

BUILT_IN_ROLES: Final = frozenset({"role:admin", "role:readonly"})
"""Source: argoproj/argo-cd, ``assets/builtin-policy.csv``."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class DiscoveredRole:
    """Role that a grant can name: a global role, or a role of an AppProject."""

    project: str
    name: str
    description: str = ""
    risks: RoleRisks = NO_RISKS

    @property
    def bound_as(self) -> str:
        """Name of the role in Argo CD's RBAC policy."""
        return f"proj:{self.project}:{self.name}" if self.project else self.name


def discover_roles(
    text: PolicyCSV, projects: Iterable[Project]
) -> tuple[DiscoveredRole, ...]:
    """Find every role that a grant can name.

    Args:
        text: Unmanaged RBAC policy; a binding of argogrant alone does not make a role.
        projects: AppProjects of the same Argo CD.

    Returns:
        Global roles (``role:…`` with rules or a parent, and the second field of every
        ``g`` line), then project roles; sorted, without duplicates.
    """
    subjects = {rule.subject for rule in text.rules}
    subjects.update(binding.subject for binding in text.bindings)
    names = {name for name in subjects if name.startswith("role:")}
    names |= {b.role for b in text.bindings if not b.role.startswith("proj:")}
    projects = tuple(projects)
    permissions = RolePermissions(text, projects)
    roles = {
        DiscoveredRole(project="", name=name, risks=permissions.risks_of(name))
        for name in names | BUILT_IN_ROLES
        if name
    }
    for project in projects:
        roles |= {
            DiscoveredRole(
                project=project.name,
                name=role.name,
                description=role.description,
                risks=permissions.risks_of(f"proj:{project.name}:{role.name}"),
            )
            for role in project.roles
        }
    return tuple(sorted(roles))


def default_roles(text: PolicyCSV, projects: Iterable[Project]) -> frozenset[str]:
    """Return the default role and its inherited roles; empty without a default role."""
    if not text.default_role:
        return frozenset()
    return RolePermissions(text, projects).inherited_roles(text.default_role)


def names_used_as_roles(text: PolicyCSV, projects: Iterable[Project]) -> frozenset[str]:
    """Find every name that must not become the subject of a binding.

    These names are used as roles: the second field of ``g`` lines, and
    ``policy.default``, which every user has. Binding such a name would grant the new
    role to everyone who has it.
    """
    names = {binding.role for binding in text.bindings} | BUILT_IN_ROLES
    if text.default_role:
        names.add(text.default_role)
    for project in projects:
        names |= project.names_used_as_roles()
    return frozenset(names)
