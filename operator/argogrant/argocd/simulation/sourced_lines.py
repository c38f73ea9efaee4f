"""Lines of the RBAC text with where they stand, so that an answer can name them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from argogrant.argocd.appproject.project import Project
from argogrant.argocd.policy_csv import Problem, policy_keys
from argogrant.argocd.policy_line import Rule, parse_line
from argogrant.grants.model.errors import MalformedLine
from argogrant.grants.model.grant import Binding


class CitedRule(NamedTuple):
    """A ``p`` line, and where it stands."""

    rule: Rule
    source: str


class CitedLink(NamedTuple):
    """A ``g`` line, and where it stands."""

    binding: Binding
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What a text says, and the first line that Argo CD can not read."""

    rules: tuple[CitedRule, ...] = ()
    links: tuple[CitedLink, ...] = ()
    problem: Problem | None = None

    def __add__(self, other: "Lines") -> "Lines":
        """Put two texts together."""
        return Lines(
            rules=self.rules + other.rules,
            links=self.links + other.links,
            problem=self.problem or other.problem,
        )


def cite_config_map(data: Mapping[str, str]) -> Lines:
    """Read every key that Argo CD composes, our own among them."""
    read = Lines()
    for key in policy_keys(data):
        read += _cited(key, data[key])
    return read


def cite_project(project: Project) -> Lines:
    """Read the lines that Argo CD adds for requests about a project.

    One that can not be read takes all others of the project with it.
    """
    name = f"AppProject {project.name}"
    read = _cited(name, project.text())
    if read.problem is not None:
        return Lines(problem=read.problem)
    return Lines(
        rules=tuple(CitedRule(one.rule, name) for one in read.rules),
        links=tuple(CitedLink(one.binding, name) for one in read.links),
    )


def _cited(name: str, text: str) -> Lines:
    rules: list[CitedRule] = []
    links: list[CitedLink] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.split("\n"), 1):
        source = f"{name} line {number}"
        try:
            parsed = parse_line(line)
        except MalformedLine as error:
            problems.append(Problem(key=name, line_number=number, why=str(error)))
            continue
        if isinstance(parsed, Rule):
            rules.append(CitedRule(parsed, source))
        elif parsed is not None:
            links.append(CitedLink(parsed, source))
    return Lines(
        rules=tuple(rules), links=tuple(links), problem=next(iter(problems), None)
    )


def by_left_side(links: Iterable[CitedLink]) -> Mapping[str, list[CitedLink]]:
    """Group ``g`` lines by whom they bind."""
    grouped: dict[str, list[CitedLink]] = {}
    for link in links:
        grouped.setdefault(link.binding.subject, []).append(link)
    return grouped
