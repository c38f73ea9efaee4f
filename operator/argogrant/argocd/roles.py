"""The roles that exist, and the names that somebody uses as a role."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from argogrant.argocd.appproject.project import Project
from argogrant.argocd.policy_csv import PolicyCSV
from argogrant.argocd.role_risks import RolePermissions
from argogrant.grants.role_warnings import NO_RISKS, RoleRisks

BUILT_IN_ROLES: Final = frozenset({"role:admin", "role:readonly"})
"""Source: argoproj/argo-cd, ``assets/builtin-policy.csv``."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class DiscoveredRole:
    """A role that a grant can name, with its project if it belongs to one."""

    project: str
    name: str
    description: str = ""
    risks: RoleRisks = NO_RISKS

    @property
    def bound_as(self) -> str:
        """The role as the RBAC text says it."""
        return f"proj:{self.project}:{self.name}" if self.project else self.name


def discover_roles(
    text: PolicyCSV, projects: Iterable[Project]
) -> tuple[DiscoveredRole, ...]:
    """Find every role that a grant can name.

    Args:
        text: What others wrote; our own overlay must not keep a role alive.
        projects: The AppProjects beside it.

    Returns:
        Global roles (``role:…`` with rules or a parent, and whatever stands right in
        a ``g`` line), then project roles; sorted, without duplicates.
    """
    subjects = {rule.subject for rule in text.rules}
    subjects.update(binding.subject for binding in text.bindings)
    names = {name for name in subjects if name.startswith("role:")}
    names |= {b.role for b in text.bindings if not b.role.startswith("proj:")}
    projects = tuple(projects)
    powers = RolePermissions(text, projects)
    found = {
        DiscoveredRole(project="", name=name, risks=powers.risks_of(name))
        for name in names | BUILT_IN_ROLES
        if name
    }
    for project in projects:
        found |= {
            DiscoveredRole(
                project=project.name,
                name=role.name,
                description=role.description,
                risks=powers.risks_of(f"proj:{project.name}:{role.name}"),
            )
            for role in project.roles
        }
    return tuple(sorted(found))


def default_roles(text: PolicyCSV, projects: Iterable[Project]) -> frozenset[str]:
    """Name the default role and the roles that it inherits; none if there is none."""
    if not text.default_role:
        return frozenset()
    return RolePermissions(text, projects).inherited_roles(text.default_role)


def names_used_as_roles(text: PolicyCSV, projects: Iterable[Project]) -> frozenset[str]:
    """Find every name that must not be bound as a subject.

    Whoever holds such a name as a role would be given the new role as well: the right
    sides of ``g`` lines, and ``policy.default``, which everybody holds.
    """
    names = {binding.role for binding in text.bindings} | BUILT_IN_ROLES
    if text.default_role:
        names.add(text.default_role)
    for project in projects:
        names |= project.names_used_as_roles()
    return frozenset(names)
