"""Whether Argo CD lets somebody do something, in the order in which it asks.

First everybody's role, which no deny rule overrides; then the user id; then every
other string that is known of the person, as long as some ``g`` line begins with it;
and last the empty name, which everybody has.

Source: argoproj/argo-cd, ``util/rbac/rbac.go``, ``enforce``, and
``server/rbacpolicy/rbacpolicy.go``, ``EnforceClaims``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from argogrant.argocd.appproject.project import Project
from argogrant.argocd.policy_csv import PolicyProblem
from argogrant.argocd.simulation.builtin_policy import BUILT_IN
from argogrant.argocd.simulation.enforcer import Enforcer, EnforceResult
from argogrant.argocd.simulation.request import EnforceRequest
from argogrant.argocd.simulation.sourced_lines import (
    SourcedBinding,
    SourcedPolicy,
    source_project,
)

_OF_A_PROJECT: Final = 3
"""Parts of the user id that a project's token has: ``proj:<project>:<role>``."""


class SubjectSource(StrEnum):
    """As what a name counts."""

    DEFAULT_ROLE = "policy.default"
    USER_ID = "the user id"
    CLAIM = "a claim"
    EVERYONE = "everybody"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSubject:
    """The strings that Argo CD knows of somebody who is signed in."""

    user_id: str
    """Empty if it is not known."""
    compared: tuple[str, ...] = ()
    """The values of the claims that ``scopes`` names: groups, e-mail addresses."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One name that Argo CD asked its rules about."""

    source: SubjectSource
    result: EnforceResult


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessResult:
    """Yes or no, and everything that was asked on the way; a yes comes last."""

    is_allowed: bool
    attempts: tuple[Attempt, ...] = ()
    broken: PolicyProblem | None = None
    """The line for which Argo CD refuses everybody."""
    unbound: tuple[str, ...] = ()
    """Strings of the person that begin no ``g`` line, and so do not count."""
    broken_project: PolicyProblem | None = None
    """The line for which the rules of the object's project do not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Everything that one Argo CD judges by."""

    lines: SourcedPolicy
    """The ConfigMap's."""
    default_role: str = ""
    match_mode: str = ""
    projects: tuple[Project, ...] = ()


class AccessEvaluator:
    """Answers as argocd-server does.

    Args:
        rules: What it judges by.
        added: What shall count beside.
        in_project: The one project for whose objects ``added`` counts, as a member of
            one of its roles does; empty if it counts always.
    """

    def __init__(
        self,
        rules: Rules,
        added: Iterable[SourcedBinding] = (),
        *,
        in_project: str = "",
    ) -> None:
        extra = SourcedPolicy(bindings=tuple(added))
        self._rules = rules
        self._always = BUILT_IN + rules.lines
        if not in_project:
            self._always += extra
        self._in_project = {in_project: extra} if in_project else {}
        self._projects = {one.name: source_project(one) for one in rules.projects}
        self._base = Enforcer(self._always, rules.match_mode)
        self._of_projects: dict[str, Enforcer] = {}

    def evaluate(self, person: TokenSubject, question: EnforceRequest) -> AccessResult:
        """Decide about one question."""
        if self._always.problem is not None:
            return AccessResult(is_allowed=False, broken=self._always.problem)
        enforcer, project = self._enforcer_of(question.project)
        tried: list[Attempt] = []
        asked: set[tuple[int, str]] = set()
        for standing, name, asks in self._order(person, enforcer, project):
            if (id(asks), name) in asked:
                continue
            asked.add((id(asks), name))
            answer = asks.enforce(name, question)
            tried.append(Attempt(standing, answer))
            if answer.is_allowed:
                break
        return AccessResult(
            is_allowed=bool(tried) and tried[-1].result.is_allowed,
            attempts=tuple(tried),
            unbound=tuple(n for n in person.compared if not enforcer.has_role_lines(n)),
            broken_project=self._problem_of(project),
        )

    def _order(
        self, person: TokenSubject, enforcer: Enforcer, project: str | None
    ) -> Iterator[tuple[SubjectSource, str, Enforcer]]:
        """Give the names that are asked about, each with the lines that count."""
        default = self._rules.default_role
        if default:
            yield SubjectSource.DEFAULT_ROLE, default, self._base
        owner = _project_of_token(person.user_id) if project is not None else None
        if owner is None or owner == project:
            if default:
                yield SubjectSource.DEFAULT_ROLE, default, enforcer
            if person.user_id:
                yield SubjectSource.USER_ID, person.user_id, enforcer
        if owner is None:
            for name in person.compared:
                if enforcer.has_role_lines(name):
                    yield SubjectSource.CLAIM, name, enforcer
        yield SubjectSource.EVERYONE, "", self._base

    def _enforcer_of(self, project: str | None) -> tuple[Enforcer, str | None]:
        """Give the lines that count for a project, and its name if it is there."""
        if project is None or project not in self._projects:
            return self._base, None
        own = self._projects[project]
        if own.problem is not None:
            return self._base, project
        if project not in self._of_projects:
            own += self._in_project.get(project, SourcedPolicy())
            self._of_projects[project] = Enforcer(
                self._always + own, self._rules.match_mode
            )
        return self._of_projects[project], project

    def _problem_of(self, project: str | None) -> PolicyProblem | None:
        return self._projects[project].problem if project is not None else None


def _project_of_token(user_id: str) -> str | None:
    """Name the project whose token somebody has, by the user id; None without one."""
    parts = user_id.split(":")
    is_token = len(parts) == _OF_A_PROJECT and parts[0] == "proj"
    return parts[1] if is_token else None
