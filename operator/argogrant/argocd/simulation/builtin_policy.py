"""Built-in roles of Argo CD, which no ConfigMap can remove.

``tests/integration/test_can_command.py`` compares this table with the answers of a real
argocd-server.

Source: argoproj/argo-cd, ``assets/builtin-policy.csv``.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from argogrant.argocd.policy_line import Rule
from argogrant.argocd.simulation.sourced_lines import (
    SourcedBinding,
    SourcedPolicy,
    SourcedRule,
)
from argogrant.grants.model.grant import Binding

SOURCE: Final = "Argo CD's built-in policy"
ADMIN: Final = "role:admin"
READONLY: Final = "role:readonly"
EVERY: Final = "*"
EVERY_IN_A_PROJECT: Final = "*/*"
_OF_PROJECTS: Final = frozenset({"applications", "applicationsets", "exec", "logs"})
"""Resources whose built-in rules match only objects of a project."""

_READS: Final = (
    *("applications", "applicationsets", "certificates", "clusters", "repositories"),
    *("write-repositories", "projects", "accounts", "gpgkeys", "logs"),
)
_CHANGES: Final = ("create", "update", "delete")
_ADMINISTERS: Final[Mapping[str, tuple[str, ...]]] = {
    "applications": (
        *("create", "update", "update/*", "delete", "delete/*", "sync", "rollback"),
        *("override", "action/*"),
    ),
    "applicationsets": ("get", *_CHANGES),
    "certificates": _CHANGES,
    "clusters": _CHANGES,
    "repositories": _CHANGES,
    "write-repositories": _CHANGES,
    "projects": _CHANGES,
    "accounts": ("update",),
    "gpgkeys": ("create", "delete"),
    "exec": ("create",),
}


def _rules() -> Iterator[Rule]:
    for resource in _READS:
        yield _allowed(READONLY, resource, "get")
    for resource, actions in _ADMINISTERS.items():
        for action in actions:
            yield _allowed(ADMIN, resource, action)


def _allowed(role: str, resource: str, action: str) -> Rule:
    return Rule(
        subject=role,
        resource=resource,
        action=action,
        object=EVERY_IN_A_PROJECT if resource in _OF_PROJECTS else EVERY,
        effect="allow",
    )


BUILT_IN: Final = SourcedPolicy(
    rules=tuple(SourcedRule(rule, SOURCE) for rule in _rules()),
    bindings=(
        SourcedBinding(Binding(ADMIN, READONLY), SOURCE),
        SourcedBinding(Binding("admin", ADMIN), SOURCE),
    ),
)
