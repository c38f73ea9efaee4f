"""Evaluation of a request in the order of Argo CD.

Argo CD enforces a request for one name after another and stops at the first that is
allowed:

    1. ``policy.default``: every user has this role, and no deny rule overrides it
    2. the user id
    3. the values of the claims in ``scopes``, if a ``g`` line has them as its subject
    4. the empty name, which every user has

Source: argoproj/argo-cd, ``util/rbac/rbac.go``, ``enforce``, and
``server/rbacpolicy/rbacpolicy.go``, ``EnforceClaims``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from argogrant.argocd.appproject.project import Project
from argogrant.argocd.policy_csv import PolicyProblem
from argogrant.argocd.simulation.enforcer import Enforcer, EnforceRequest, EnforceResult
from argogrant.argocd.simulation.sourced_lines import (
    BUILT_IN,
    SourcedBinding,
    SourcedPolicy,
    source_project,
)
from argogrant.grants.effectiveness import (
    LoginConfig,
    SubjectQuery,
    check_effectiveness,
)
from argogrant.grants.model.grant import Subject, SubjectKind
from argogrant.grants.model.reasons import Reason

_CANNOT_LOG_IN: Final = frozenset({Reason.ACCOUNT_DISABLED, Reason.NO_SUCH_ACCOUNT})
_IGNORED: Final = frozenset({Reason.GROUPS_NOT_IN_SCOPES, Reason.NO_SINGLE_SIGN_ON})
_ANY_ROLE: Final = ""
_TOKEN_PARTS: Final = 3
"""Parts of the user id of a project token: ``proj:<project>:<role>``."""


class SubjectSource(StrEnum):
    """Where a name comes from."""

    DEFAULT_ROLE = "policy.default"
    USER_ID = "the user id"
    CLAIM = "a claim"
    EVERYONE = "everybody"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSubject:
    """Names in the token of a user."""

    user_id: str
    """User id; empty if it is unknown."""
    compared: tuple[str, ...] = ()
    """Values of the claims that ``scopes`` lists: groups, e-mail addresses."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One name for which Argo CD enforced the request."""

    source: SubjectSource
    result: EnforceResult


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessResult:
    """Decision with all attempts; an attempt that is allowed is the last one."""

    is_allowed: bool
    attempts: tuple[Attempt, ...] = ()
    broken: PolicyProblem | None = None
    """Line that makes Argo CD deny every request."""
    unbound: tuple[str, ...] = ()
    """Claim values that are the subject of no ``g`` line, so Argo CD ignores them."""
    broken_project: PolicyProblem | None = None
    """Line that makes Argo CD ignore the roles of the object's project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """RBAC settings and AppProjects of one Argo CD."""

    lines: SourcedPolicy
    """Lines of the ConfigMap."""
    default_role: str = ""
    match_mode: str = ""
    projects: tuple[Project, ...] = ()


class AccessEvaluator:
    """Decides requests as argocd-server does.

    It assumes that the bindings ``added`` also exist. They apply to all objects, or to
    those of ``in_project`` only, as for a member of one of its roles.
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

    def evaluate(self, subject: TokenSubject, request: EnforceRequest) -> AccessResult:
        """Decide one request."""
        if self._always.problem is not None:
            return AccessResult(is_allowed=False, broken=self._always.problem)
        enforcer, project = self._enforcer_of(request.project)
        attempts: list[Attempt] = []
        done: set[tuple[int, str]] = set()
        for source, name, one in self._order(subject, enforcer, project):
            if (id(one), name) in done:
                continue
            done.add((id(one), name))
            result = one.enforce(name, request)
            attempts.append(Attempt(source, result))
            if result.is_allowed:
                break
        names = subject.compared
        return AccessResult(
            is_allowed=bool(attempts) and attempts[-1].result.is_allowed,
            attempts=tuple(attempts),
            unbound=tuple(n for n in names if not enforcer.has_role_lines(n)),
            broken_project=(
                self._projects[project].problem if project is not None else None
            ),
        )

    def _order(
        self, subject: TokenSubject, enforcer: Enforcer, project: str | None
    ) -> Iterator[tuple[SubjectSource, str, Enforcer]]:
        """Yield the names in Argo CD's order, each with the lines that apply."""
        default = self._rules.default_role
        if default:
            yield SubjectSource.DEFAULT_ROLE, default, self._base
        owner = _project_of_token(subject.user_id) if project is not None else None
        if owner is None or owner == project:
            if default:
                yield SubjectSource.DEFAULT_ROLE, default, enforcer
            if subject.user_id:
                yield SubjectSource.USER_ID, subject.user_id, enforcer
        if owner is None:
            for name in subject.compared:
                if enforcer.has_role_lines(name):
                    yield SubjectSource.CLAIM, name, enforcer
        yield SubjectSource.EVERYONE, "", self._base

    def _enforcer_of(self, project: str | None) -> tuple[Enforcer, str | None]:
        """Return the enforcer for a project, and its name if the project exists."""
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


def _project_of_token(user_id: str) -> str | None:
    """Return the project of a project token, by its user id; None for other users."""
    parts = user_id.split(":")
    is_token = len(parts) == _TOKEN_PARTS and parts[0] == "proj"
    return parts[1] if is_token else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedSubject:
    """Names of a user, with notes about names that Argo CD ignores."""

    token_subject: TokenSubject
    is_locked_out: bool = False
    """No user can log in with that name."""
    notes: tuple[str, ...] = ()


def resolve_subject(
    name: str, groups: Iterable[str], sign_in: LoginConfig, *, is_user_id: bool = False
) -> ResolvedSubject:
    """Return the names that Argo CD compares for a user.

    An e-mail address counts as the value of a claim, as identity providers send it;
    every other name counts as the user id. With ``is_user_id``, the name is the user id
    although it looks like an e-mail address.
    """
    found = check_effectiveness(
        Subject(kind=SubjectKind.USER, name=name), _ANY_ROLE, sign_in
    )
    compared, notes = _compared(groups, sign_in)
    as_id = TokenSubject(user_id=name, compared=compared)
    if is_user_id or name == "admin" or name.startswith("proj:"):
        return ResolvedSubject(token_subject=as_id, notes=notes)
    if found is not None and found.reason in _CANNOT_LOG_IN:
        notes = (found.message, *notes)
        return ResolvedSubject(token_subject=as_id, is_locked_out=True, notes=notes)
    if found is not None and found.reason is Reason.EMAIL_NOT_IN_SCOPES:
        return ResolvedSubject(
            token_subject=replace(as_id, user_id=""), notes=(found.message, *notes)
        )
    if _is_claim_value(name, sign_in):
        as_claim = TokenSubject(user_id="", compared=(name, *compared))
        return ResolvedSubject(token_subject=as_claim, notes=notes)
    return ResolvedSubject(token_subject=as_id, notes=notes)


def _compared(
    groups: Iterable[str], sign_in: LoginConfig
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the groups that Argo CD compares, and why it ignores the others."""
    compared: list[str] = []
    notes: list[str] = []
    for group in groups:
        subject = Subject(kind=SubjectKind.GROUP, name=group)
        found = check_effectiveness(subject, _ANY_ROLE, sign_in)
        if found is None or found.status or found.reason not in _IGNORED:
            compared.append(group)
        else:
            notes.append(found.message)
    return tuple(compared), tuple(notes)


def _is_claim_value(name: str, sign_in: LoginConfig) -> bool:
    settings = sign_in.settings
    if settings is not None and name in settings.accounts:
        return False
    subject = Subject(kind=SubjectKind.USER, name=name)
    return SubjectQuery(subject, _ANY_ROLE, sign_in).is_address
