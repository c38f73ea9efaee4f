"""Permissions of roles that outlive a grant, and roles that deny access.

Revoking a grant removes the binding, but not what its holder changed in the meantime.
With the permissions listed here a holder can create access that argogrant does not
know.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from argogrant.argocd.appproject.project import Project
from argogrant.argocd.pattern_match import pattern_matches
from argogrant.argocd.policy_csv import PolicyCSV, read_key_once
from argogrant.argocd.policy_line import Rule
from argogrant.grants.model.grant import NO_RISKS, Binding, RoleRisks

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

_SUBRESOURCES: Final = "/*"
_BUILT_IN_TEXT: Final = "\n".join(
    [
        *(
            f"p, role:admin, {resource}, {action}, *, allow"
            for resource, action in PERSISTENT
        ),
        "g, role:admin, role:readonly",
    ]
)
"""Part of Argo CD's built-in policy: ``role:admin`` has all of these permissions.

Source: argoproj/argo-cd, ``assets/builtin-policy.csv``.
"""
_INHERITED: Final = 9
"""Links from a role to its inherited roles; the grant itself is the tenth link.

Source: casbin, ``NewRoleManagerImpl(10)``; verified with Argo CD's own enforcer.
"""
_EVERYTHING: Final = frozenset({"*", "*/*", ".*"})
"""Patterns that match every object, as a glob or as a regular expression."""


class RolePermissions:
    """Rules and inheritance of every role of one Argo CD.

    Argo CD applies the lines of a project only to requests about it. Here the lines of
    all projects count together, because a role with a risk in one project has it.

    Args:
        text: Unmanaged RBAC policy.
        projects: AppProjects; Argo CD ignores the roles of an invalid one, and so does
            this class.
    """

    def __init__(self, text: PolicyCSV, projects: Iterable[Project]) -> None:
        self._mode = text.match_mode
        self._rules: defaultdict[str, list[Rule]] = defaultdict(list)
        self._parents: defaultdict[str, set[str]] = defaultdict(set)
        built_in = read_key_once("built-in", _BUILT_IN_TEXT)
        self._add(built_in.rules, built_in.bindings)
        self._add(text.rules, text.bindings)
        for project in projects:
            key = read_key_once(f"AppProject {project.name}", project.text())
            if not key.problems:
                self._add(key.rules, key.bindings)

    def inherited_roles(self, name: str) -> frozenset[str]:
        """Return a role and every role that it inherits."""
        found, last = {name}, {name}
        for _ in range(_INHERITED):
            parents = (self._parents.get(one, ()) for one in last)
            last = {parent for some in parents for parent in some} - found
            if not last:
                break
            found |= last
        return frozenset(found)

    def risks_of(self, name: str) -> RoleRisks:
        """Find the persistent permissions and the deny rules of a role."""
        names = self.inherited_roles(name)
        rules = [rule for one in names for rule in self._rules.get(one, ())]
        denials = [rule for rule in rules if rule.effect == "deny"]
        permissions = {
            one
            for rule in rules
            if rule.effect == "allow"
            for one in _persistent_permissions(rule.resource, rule.action, self._mode)
            if not self._is_denied(one, rule, denials)
        }
        if not denials and not permissions:
            return NO_RISKS
        return RoleRisks(
            has_deny=bool(denials),
            persistent_permissions=tuple(
                f"{resource} {act}" for resource, act in sorted(permissions)
            ),
        )

    def _is_denied(
        self, one: "PersistentPermission", allowed: Rule, denials: Sequence[Rule]
    ) -> bool:
        """Return whether a deny rule covers everything that a rule allows."""
        return any(
            (denied.object in _EVERYTHING or denied.object == allowed.object)
            and one
            in _persistent_permissions(denied.resource, denied.action, self._mode)
            for denied in denials
        )

    def _add(self, rules: Iterable[Rule], bindings: Iterable[Binding]) -> None:
        for rule in rules:
            self._rules[rule.subject].append(rule)
        for binding in bindings:
            self._parents[binding.subject].add(binding.role)


class PersistentPermission(NamedTuple):
    """Permission with which a holder can create access that outlives the grant."""

    resource: str
    action: str


@lru_cache(maxsize=1 << 10)
def _persistent_permissions(
    resource: str, action: str, mode: str
) -> frozenset[PersistentPermission]:
    """Return the permissions of ``PERSISTENT`` that two patterns match."""
    return frozenset(
        PersistentPermission(*one)
        for one in PERSISTENT
        if pattern_matches(resource, one[0], mode=mode)
        and _matches_action(action, one[1], mode)
    )


def _matches_action(pattern: str, action: str, mode: str) -> bool:
    """Return whether a pattern matches an action or some of its subresources."""
    if pattern_matches(pattern, action, mode=mode):
        return True
    has_subresources = action.endswith(_SUBRESOURCES) and mode != "regex"
    return has_subresources and pattern.startswith(action.removesuffix("*"))
