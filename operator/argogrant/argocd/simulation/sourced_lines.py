"""Policy lines with their location, for messages that name the decisive line.

No ConfigMap can remove Argo CD's built-in roles. The table of their lines has the
source argoproj/argo-cd, ``assets/builtin-policy.csv``. A test compares it with the
answers of a real argocd-server: ``tests/integration/test_can_command.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from argogrant.argocd.appproject.project import Project
from argogrant.argocd.policy_csv import PolicyProblem, Rule, parse_lines, policy_keys
from argogrant.grants.model.errors import MalformedLine
from argogrant.grants.model.grant import Binding

SOURCE: Final = "Argo CD's built-in policy"
ADMIN: Final = "role:admin"
READONLY: Final = "role:readonly"
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


class SourcedRule(NamedTuple):
    """A ``p`` line with its location."""

    rule: Rule
    source: str


class SourcedBinding(NamedTuple):
    """A ``g`` line with its location."""

    binding: Binding
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcedPolicy:
    """Parsed policy, and the first line that Argo CD cannot read."""

    rules: tuple[SourcedRule, ...] = ()
    bindings: tuple[SourcedBinding, ...] = ()
    problem: PolicyProblem | None = None

    def __add__(self, other: "SourcedPolicy") -> "SourcedPolicy":
        """Concatenate two policies."""
        return SourcedPolicy(
            rules=self.rules + other.rules,
            bindings=self.bindings + other.bindings,
            problem=self.problem or other.problem,
        )


def source_config_map(data: Mapping[str, str]) -> SourcedPolicy:
    """Parse every key that Argo CD composes, including the managed one."""
    rules: list[SourcedRule] = []
    bindings: list[SourcedBinding] = []
    problems: list[PolicyProblem] = []
    for key in policy_keys(data):
        for number, (_, content) in enumerate(parse_lines(data[key]), 1):
            source = f"{key} line {number}"
            match content:
                case Rule():
                    rules.append(SourcedRule(content, source))
                case Binding():
                    bindings.append(SourcedBinding(content, source))
                case MalformedLine():
                    why = str(content)
                    problems.append(PolicyProblem(key=key, line_number=number, why=why))
    return SourcedPolicy(
        rules=tuple(rules), bindings=tuple(bindings), problem=next(iter(problems), None)
    )


def source_project(project: Project) -> SourcedPolicy:
    """Parse the lines that Argo CD adds for requests about a project.

    If Argo CD cannot read one of them, it ignores all lines of the project.
    """
    lines, name = project.lines(), f"AppProject {project.name}"
    if lines.problems:
        return SourcedPolicy(problem=lines.problems[0])
    return SourcedPolicy(
        rules=tuple(SourcedRule(rule, name) for rule in lines.rules),
        bindings=tuple(SourcedBinding(binding, name) for binding in lines.bindings),
    )


def _allowed(role: str, resource: str, action: str) -> SourcedRule:
    objects = "*/*" if resource in _OF_PROJECTS else "*"
    return SourcedRule(Rule(role, resource, action, objects, "allow"), SOURCE)


BUILT_IN: Final = SourcedPolicy(
    rules=(
        *(_allowed(READONLY, resource, "get") for resource in _READS),
        *(
            _allowed(ADMIN, resource, action)
            for resource, actions in _ADMINISTERS.items()
            for action in actions
        ),
    ),
    bindings=(
        SourcedBinding(Binding(ADMIN, READONLY), SOURCE),
        SourcedBinding(Binding("admin", ADMIN), SOURCE),
    ),
)
