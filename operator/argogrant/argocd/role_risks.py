"""What a role can do that outlasts a grant of it, and what it takes away.

A grant ends when its binding is gone; what its holder changed meanwhile stays. These
are the rights with which access can be made that argogrant knows nothing of.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from argogrant.argocd.appproject.project import Project
from argogrant.argocd.pattern_match import pattern_matches
from argogrant.argocd.policy_csv import PolicyCSV, read_key_once
from argogrant.argocd.policy_line import Rule
from argogrant.grants.model.grant import Binding
from argogrant.grants.role_warnings import NO_RISKS, RoleRisks

PERSISTENT: Final[Mapping[tuple[str, str], str]] = {
    ("accounts", "update"): "sets passwords and makes tokens of other accounts",
    ("applications", "create"): "deploys whatever the project lets it deploy",
    ("applications", "update"): "points an Application at other sources",
    ("applications", "update/*"): "edits the objects of an Application in the cluster",
    ("applications", "override"): "deploys manifests that are not in Git",
    ("applicationsets", "create"): "makes Applications, and goes on making them",
    ("applicationsets", "update"): "makes other Applications of a set",
    ("certificates", "create"): "makes Argo CD trust another server",
    ("certificates", "update"): "makes Argo CD trust another server",
    ("clusters", "create"): "adds a cluster, or replaces its credentials",
    ("clusters", "update"): "replaces the credentials or the server of a cluster",
    ("exec", "create"): "opens a shell in a pod, where everything may be left running",
    ("exec", "debug"): "starts a container beside those of a pod",
    ("gpgkeys", "create"): "makes Argo CD trust another signer of commits",
    ("projects", "create"): "makes a project in whose roles anybody may be",
    ("projects", "update"): "changes the roles of a project, and makes their tokens",
    ("repositories", "create"): "adds a repository, or replaces its credentials",
    ("repositories", "update"): "replaces the credentials of a repository",
    ("write-repositories", "create"): "adds credentials with which Argo CD writes",
    ("write-repositories", "update"): "replaces credentials with which Argo CD writes",
}
"""Rights by which access outlasts a grant, by resource and action, and how.

``applications sync`` is not among them: what it deploys is what Git has.

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
"""What of Argo CD's own policy concerns these rights: ``role:admin`` has them all.

Source: argoproj/argo-cd, ``assets/builtin-policy.csv``.
"""
_INHERITED: Final = 9
"""Links from a role to the ones that it inherits; the grant itself is the tenth.

Source: casbin, ``NewRoleManagerImpl(10)``; tried on Argo CD's own enforcer.
"""
_EVERYTHING: Final = frozenset({"*", "*/*", ".*"})
"""Objects that mean all of them, as a glob or as a regular expression."""


class RolePermissions:
    """The rules and the inheritance of every role of an Argo CD.

    A project's lines count for requests about it alone; here they are taken together,
    since a role that is dangerous somewhere is dangerous.

    Args:
        text: What others wrote.
        projects: The AppProjects; those that Argo CD can not read count for nothing.
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
        """Name a role and every role that it inherits."""
        found, last = {name}, {name}
        for _ in range(_INHERITED):
            parents = (self._parents.get(one, ()) for one in last)
            last = {parent for some in parents for parent in some} - found
            if not last:
                break
            found |= last
        return frozenset(found)

    def risks_of(self, name: str) -> RoleRisks:
        """Say what sets a role apart."""
        names = self.inherited_roles(name)
        rules = [rule for one in names for rule in self._rules.get(one, ())]
        denials = [rule for rule in rules if rule.effect == "deny"]
        ways = {
            way
            for rule in rules
            if rule.effect == "allow"
            for way in _persistent_permissions(rule.resource, rule.action, self._mode)
            if not self._is_denied(way, rule, denials)
        }
        if not denials and not ways:
            return NO_RISKS
        return RoleRisks(
            has_deny=bool(denials),
            persistent_permissions=tuple(
                f"{resource} {act}" for resource, act in sorted(ways)
            ),
        )

    def _is_denied(
        self, way: "PersistentPermission", allowed: Rule, denials: Sequence[Rule]
    ) -> bool:
        """Tell whether a rule takes back all that another one gives."""
        return any(
            (denied.object in _EVERYTHING or denied.object == allowed.object)
            and way
            in _persistent_permissions(denied.resource, denied.action, self._mode)
            for denied in denials
        )

    def _add(self, rules: Iterable[Rule], bindings: Iterable[Binding]) -> None:
        for rule in rules:
            self._rules[rule.subject].append(rule)
        for binding in bindings:
            self._parents[binding.subject].add(binding.role)


class PersistentPermission(NamedTuple):
    """A right by which access can outlast a grant."""

    resource: str
    action: str


@lru_cache(maxsize=1 << 10)
def _persistent_permissions(
    resource: str, action: str, mode: str
) -> frozenset[PersistentPermission]:
    """Find the rights of ``PERSISTENT`` that two patterns are about."""
    return frozenset(
        PersistentPermission(*one)
        for one in PERSISTENT
        if pattern_matches(resource, one[0], mode=mode)
        and _is_about(action, one[1], mode)
    )


def _is_about(pattern: str, action: str, mode: str) -> bool:
    """Tell whether a pattern is about an action, or about some of its subresources."""
    if pattern_matches(pattern, action, mode=mode):
        return True
    is_of_some = action.endswith(_SUBRESOURCES) and mode != "regex"
    return is_of_some and pattern.startswith(action.removesuffix("*"))
