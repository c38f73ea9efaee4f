"""Policy lines with their location, for messages that name the decisive line."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from argogrant.argocd.appproject.project import Project
from argogrant.argocd.policy_csv import PolicyProblem, policy_keys
from argogrant.argocd.policy_line import Rule, parse_line
from argogrant.grants.model.errors import MalformedLine
from argogrant.grants.model.grant import Binding


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
    policy = SourcedPolicy()
    for key in policy_keys(data):
        policy += _parse(key, data[key])
    return policy


def source_project(project: Project) -> SourcedPolicy:
    """Parse the lines that Argo CD adds for requests about a project.

    If Argo CD cannot read one of them, it ignores all lines of the project.
    """
    name = f"AppProject {project.name}"
    policy = _parse(name, project.text())
    if policy.problem is not None:
        return SourcedPolicy(problem=policy.problem)
    return SourcedPolicy(
        rules=tuple(SourcedRule(one.rule, name) for one in policy.rules),
        bindings=tuple(SourcedBinding(one.binding, name) for one in policy.bindings),
    )


def _parse(name: str, text: str) -> SourcedPolicy:
    rules: list[SourcedRule] = []
    links: list[SourcedBinding] = []
    problems: list[PolicyProblem] = []
    for number, line in enumerate(text.split("\n"), 1):
        source = f"{name} line {number}"
        try:
            parsed = parse_line(line)
        except MalformedLine as error:
            problems.append(PolicyProblem(key=name, line_number=number, why=str(error)))
            continue
        if isinstance(parsed, Rule):
            rules.append(SourcedRule(parsed, source))
        elif parsed is not None:
            links.append(SourcedBinding(parsed, source))
    return SourcedPolicy(
        rules=tuple(rules), bindings=tuple(links), problem=next(iter(problems), None)
    )


def group_by_subject(
    links: Iterable[SourcedBinding],
) -> Mapping[str, list[SourcedBinding]]:
    """Group ``g`` lines by subject."""
    grouped: dict[str, list[SourcedBinding]] = {}
    for link in links:
        grouped.setdefault(link.binding.subject, []).append(link)
    return grouped
