"""Lines of the RBAC text with where they stand, so that an answer can name them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from argogrant.argocd.appproject.project import Project
from argogrant.argocd.policy_csv import PolicyProblem, policy_keys
from argogrant.argocd.policy_line import Rule, parse_line
from argogrant.grants.model.errors import MalformedLine
from argogrant.grants.model.grant import Binding


class SourcedRule(NamedTuple):
    """A ``p`` line, and where it stands."""

    rule: Rule
    source: str


class SourcedBinding(NamedTuple):
    """A ``g`` line, and where it stands."""

    binding: Binding
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcedPolicy:
    """What a text says, and the first line that Argo CD can not read."""

    rules: tuple[SourcedRule, ...] = ()
    bindings: tuple[SourcedBinding, ...] = ()
    problem: PolicyProblem | None = None

    def __add__(self, other: "SourcedPolicy") -> "SourcedPolicy":
        """Put two texts together."""
        return SourcedPolicy(
            rules=self.rules + other.rules,
            bindings=self.bindings + other.bindings,
            problem=self.problem or other.problem,
        )


def source_config_map(data: Mapping[str, str]) -> SourcedPolicy:
    """Read every key that Argo CD composes, our own among them."""
    read = SourcedPolicy()
    for key in policy_keys(data):
        read += _sourced(key, data[key])
    return read


def source_project(project: Project) -> SourcedPolicy:
    """Read the lines that Argo CD adds for requests about a project.

    One that can not be read takes all others of the project with it.
    """
    name = f"AppProject {project.name}"
    read = _sourced(name, project.text())
    if read.problem is not None:
        return SourcedPolicy(problem=read.problem)
    return SourcedPolicy(
        rules=tuple(SourcedRule(one.rule, name) for one in read.rules),
        bindings=tuple(SourcedBinding(one.binding, name) for one in read.bindings),
    )


def _sourced(name: str, text: str) -> SourcedPolicy:
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
    """Group ``g`` lines by whom they bind."""
    grouped: dict[str, list[SourcedBinding]] = {}
    for link in links:
        grouped.setdefault(link.binding.subject, []).append(link)
    return grouped
