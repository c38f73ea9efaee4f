"""Roles that a grant can name, their risks, and names that must not become subjects.

Revoking a grant removes the binding, but not what its holder changed in the meantime.
With the permissions in ``PERSISTENT`` a holder can create access that argogrant does
not know.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from argogrant.argocd.appproject.project import Project
from argogrant.argocd.pattern_match import REGEX_MODE, pattern_matches
from argogrant.argocd.policy_csv import ParsedLines, PolicyCSV, Rule, read_key
from argogrant.grants.access.inheritance import Heirs, RoleInheritance
from argogrant.grants.model.grant import NO_RISKS, RoleRisks, project_of
from argogrant.grants.model.untrusted_text import cached_if_short

BUILT_IN_ROLES: Final = frozenset({"role:admin", "role:readonly"})
"""Source: argoproj/argo-cd, ``assets/builtin-policy.csv``."""
PERSISTENT: Final[Mapping[tuple[str, str], str]] = {
    ("accounts", "update"): "sets passwords and creates tokens of other accounts",
    ("applications", "create"): "deploys everything that the project allows",
    ("applications", "update"): "changes the sources of an Application",
    ("applications", "update/*"): "edits the objects of an Application in the cluster",
    ("applications", "override"): "deploys manifests that are not in Git",
    ("applicationsets", "create"): "generates Applications continuously",
    ("applicationsets", "update"): "changes the Applications that a set generates",
    ("certificates", "create"): "makes Argo CD trust another server",
    ("certificates", "update"): "makes Argo CD trust another server",
    ("clusters", "create"): "adds a cluster, or replaces its credentials",
    ("clusters", "update"): "replaces the credentials or the server of a cluster",
    ("exec", "create"): "opens a shell in a pod, which can start processes that stay",
    ("exec", "debug"): "starts an ephemeral container in a pod",
    ("gpgkeys", "create"): "makes Argo CD trust another signer of commits",
    ("projects", "create"): "creates a project with any roles and members",
    ("projects", "update"): "changes the roles of a project, and creates their tokens",
    ("repositories", "create"): "adds a repository, or replaces its credentials",
    ("repositories", "update"): "replaces the credentials of a repository",
    ("write-repositories", "create"): "adds credentials for writing to Git",
    ("write-repositories", "update"): "replaces credentials for writing to Git",
}
"""Permissions that outlive a grant, by resource and action, with the effect.

``applications sync`` is not among them: it deploys only what Git contains.

Source: argoproj/argo-cd, ``docs/operator-manual/rbac.md``, and for tokens
``server/account/account.go`` and ``server/project/project.go``.
"""

_BUILT_IN_TEXT: Final = "\n".join(
    [
        *(f"p, role:admin, {kind}, {action}, *, allow" for kind, action in PERSISTENT),
        "g, role:admin, role:readonly",
    ]
)
"""Part of Argo CD's built-in policy: ``role:admin`` has all of these permissions.

Source: argoproj/argo-cd, ``assets/builtin-policy.csv``.
"""
_BUILT_IN: Final = read_key("built-in", _BUILT_IN_TEXT)
_INHERITED: Final = 9
"""Links from a role to its inherited roles; the grant itself is the tenth link.

Source: casbin, ``NewRoleManagerImpl(10)``; verified with Argo CD's own enforcer.
"""
MAX_PATTERN: Final = 128
"""Characters of a pattern that is compared. A rule that allows counts for everything if
its patterns are longer, and one that denies for nothing."""
_EVERYTHING: Final = frozenset({"*", "*/*", ".*"})
"""Patterns that match every object, as a glob or as a regular expression."""


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


class _Lines:
    """Rules and links that apply to the same requests.

    These are the lines of the ConfigMap, or, with them as the ``base``, the lines of
    one project.
    """

    def __init__(self, *parts: ParsedLines, base: "_Lines | None" = None) -> None:
        self.base = base
        self.rules: defaultdict[str, list[Rule]] = defaultdict(list)
        self.links: defaultdict[str, set[str]] = defaultdict(set)
        for lines in parts:
            for rule in lines.rules:
                self.rules[rule.subject].append(rule)
            for binding in lines.bindings:
                self.links[binding.subject].add(binding.role)

    def parents_of(self, name: str) -> AbstractSet[str]:
        """Return the roles that a name has directly."""
        own: AbstractSet[str] = self.links.get(name, frozenset())
        return own | self.base.parents_of(name) if self.base is not None else own

    def rules_of(self, name: str) -> Iterator[Rule]:
        """Yield the rules of a name."""
        if self.base is not None:
            yield from self.base.rules_of(name)
        yield from self.rules.get(name, ())

    def inherited_roles(self, name: str) -> frozenset[str]:
        """Return a role and every role that it inherits."""
        found, last = {name}, {name}
        for _ in range(_INHERITED):
            last = {role for one in last for role in self.parents_of(one)} - found
            if not last:
                break
            found |= last
        return frozenset(found)


class RolePermissions:
    """Rules and inheritance of every role of one Argo CD.

    Argo CD applies the lines of a project only to requests about it. So a role of a
    project has the lines of the ConfigMap and of that project, and a global role has
    those of the ConfigMap only. Argo CD ignores the roles of an invalid AppProject, and
    so does this class.
    """

    def __init__(self, text: PolicyCSV, projects: Iterable[Project]) -> None:
        self._mode = text.match_mode
        self._everywhere = _Lines(_BUILT_IN, text)
        self._of_projects = {
            one.name: _Lines(lines, base=self._everywhere)
            for one in projects
            if not (lines := one.lines()).problems
        }

    def _lines_for(self, role: str) -> _Lines:
        """Return the lines that apply to requests for which a role is used."""
        return self._of_projects.get(project_of(role), self._everywhere)

    def inherited_roles(self, name: str) -> frozenset[str]:
        """Return a role and every role that it inherits."""
        return self._lines_for(name).inherited_roles(name)

    def inherited_in_projects(self, name: str) -> dict[str, frozenset[str]]:
        """Return what a role inherits in each project, if its lines add a role."""
        everywhere = self._everywhere.inherited_roles(name)
        return {
            project: lines.inherited_roles(name)
            for project, lines in self._of_projects.items()
            if not lines.links.keys().isdisjoint(everywhere)
        }

    def risks_of(self, name: str) -> RoleRisks:
        """Find the persistent permissions and the deny rules of a role."""
        lines = self._lines_for(name)
        names = lines.inherited_roles(name)
        rules = [rule for one in names for rule in lines.rules_of(one)]
        denials = [rule for rule in rules if rule.effect == "deny"]
        permissions = {
            one
            for rule in rules
            if rule.effect == "allow"
            for one in _permissions_of(rule, self._mode, if_too_long=_EVERY_PERMISSION)
            if not self._is_denied(one, rule, denials)
        }
        return RoleRisks(
            has_deny=bool(denials),
            persistent_permissions=tuple(
                f"{resource} {act}" for resource, act in sorted(permissions)
            ),
        )

    def _is_denied(
        self, permission: tuple[str, str], allowed: Rule, denials: Sequence[Rule]
    ) -> bool:
        """Return whether a deny rule covers everything that a rule allows."""
        return any(
            (denied.object in _EVERYTHING or denied.object == allowed.object)
            and permission
            in _permissions_of(denied, self._mode, if_too_long=frozenset())
            for denied in denials
        )


_EVERY_PERMISSION: Final = frozenset(PERSISTENT)


def _permissions_of(
    rule: Rule, mode: str, *, if_too_long: frozenset[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """Return the permissions of a rule, or a constant if its patterns are too long."""
    if max(len(rule.resource), len(rule.action)) > MAX_PATTERN:
        return if_too_long
    return _persistent_permissions(rule.resource, rule.action, mode)


@cached_if_short(1 << 10)
def _persistent_permissions(
    resources: str, actions: str, mode: str
) -> frozenset[tuple[str, str]]:
    """Return the permissions of ``PERSISTENT`` that two patterns match."""
    return frozenset(
        (resource, action)
        for resource, action in PERSISTENT
        if pattern_matches(resources, resource, mode=mode)
        and _matches_action(actions, action, mode)
    )


def _matches_action(pattern: str, action: str, mode: str) -> bool:
    """Return whether a pattern matches an action or some of its subresources."""
    if pattern_matches(pattern, action, mode=mode):
        return True
    has_subresources = action.endswith("/*") and mode != REGEX_MODE
    return has_subresources and pattern.startswith(action.removesuffix("*"))


def discover_roles(
    text: PolicyCSV, projects: Iterable[Project]
) -> tuple[DiscoveredRole, ...]:
    """Find every role that a grant can name; sorted, without duplicates.

    These are the global roles (``role:…`` with rules or a parent, and the second field
    of every ``g`` line), then the project roles. The managed key is not read: a binding
    of argogrant alone does not make a role.
    """
    subjects = {rule.subject for rule in text.rules}
    subjects.update(binding.subject for binding in text.bindings)
    names = {name for name in subjects if name.startswith("role:")}
    names |= {b.role for b in text.bindings if not b.role.startswith("proj:")}
    projects = tuple(projects)
    permissions = RolePermissions(text, projects)
    roles = {
        DiscoveredRole(project="", name=name) for name in names | BUILT_IN_ROLES if name
    } | {
        DiscoveredRole(project=one.name, name=role.name, description=role.description)
        for one in projects
        for role in one.roles
    }
    return tuple(
        sorted(replace(one, risks=permissions.risks_of(one.bound_as)) for one in roles)
    )


def default_roles(text: PolicyCSV) -> frozenset[str]:
    """Return the default role and its inherited roles; empty without a default role."""
    if not text.default_role:
        return frozenset()
    return RolePermissions(text, ()).inherited_roles(text.default_role)


def default_roles_in(
    text: PolicyCSV, projects: Iterable[Project]
) -> dict[str, frozenset[str]]:
    """Return the same in requests about each AppProject whose lines add some."""
    if not text.default_role:
        return {}
    return RolePermissions(text, projects).inherited_in_projects(text.default_role)


def role_inheritance(text: PolicyCSV, projects: Iterable[Project]) -> RoleInheritance:
    """Return the inheritance of roles, for Deny policies; lines are read on demand.

    Argo CD ignores the lines of an invalid AppProject, and so does the result.
    """
    by_name = {project.name: project for project in projects}

    @cache
    def heirs_in(project: str) -> Heirs:
        if not project:
            return _heirs(_BUILT_IN, text)
        lines = by_name[project].lines() if project in by_name else None
        return {} if lines is None or lines.problems else _heirs(lines)

    return RoleInheritance(heirs_in)


def _heirs(*parts: ParsedLines) -> Heirs:
    """Group the lines by the inherited role; members of a role count as its heirs."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for lines in parts:
        for heir, role in lines.bindings:
            found[role].append(heir)
    return found


def names_used_as_roles(text: PolicyCSV) -> frozenset[str]:
    """Find every name that must not become the subject of any binding.

    These names are used as roles: the second field of ``g`` lines, and
    ``policy.default``, which every user has. Binding such a name would grant the new
    role to everyone who has it.
    """
    names = {binding.role for binding in text.bindings}
    return BUILT_IN_ROLES | names | ({text.default_role} - {""})


def names_used_as_roles_in(
    projects: Iterable[Project],
) -> dict[str, frozenset[str]]:
    """Find the names that must not become the subject of roles of each project.

    Argo CD adds the lines of a project for requests about that project only, so they
    count for grants of its own roles only.

    Source: argoproj/argo-cd, ``util/rbac/rbac.go``,
    ``CreateEnforcerWithRuntimePolicy``.
    """
    names = {
        project.name: frozenset(binding.role for binding in project.lines().bindings)
        for project in projects
    }
    return {project: found for project, found in names.items() if found}
