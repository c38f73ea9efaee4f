"""Notes about a grant, for its status: they decide nothing and delay no end.

Three texts follow from Argo CD's configuration: a warning about the role, whether Argo
CD can match the subject (the condition ``Effective``), and existing roles with a name
similar to a missing one. They are added to a decision after it was carried out. Other
people write that configuration and the grants, and can make them long.
"""

import difflib
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from argogrant.grants.access.subject_rules import (
    NO_RULES,
    NO_SUBJECT_RULES,
    SubjectRules,
    subject_caution,
)
from argogrant.grants.decide import Decision
from argogrant.grants.effectiveness import (
    Effectiveness,
    LoginConfig,
    check_effectiveness,
    describe_empty_role,
)
from argogrant.grants.model.grant import RoleRisks, project_of, role_warning
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import quote
from argogrant.grants.near_misses import (
    NO_NAMES,
    KnownName,
    KnownNames,
    find_caution,
)

COMPARED_ROLES: Final = 500
"""Roles that are compared with one missing role: those with the most similar length."""
COMPARISONS: Final = 2500
"""Comparisons of names with one configuration of Argo CD; later ones get no hint."""
LONGEST_COMPARED: Final = 100
"""Characters; a comparison takes quadratic time."""
SIMILAR_ROLES: Final = 3
MOST_ROLES: Final = 50_000
"""Roles of one Argo CD above which none is proposed: to sort them takes too long."""
INDEXED_ROLES: Final = 5000
"""Roles that are found by their bare name: a few milliseconds of work."""


class SimilarRoles:
    """Roles of one Argo CD by similarity, with a limited number of comparisons.

    Args:
        roles: The roles, as written in Argo CD's RBAC policy.
        excluded: Those of them that help nobody.
    """

    def __init__(
        self, roles: Collection[str] = (), excluded: Container[str] = ()
    ) -> None:
        self._roles, self._excluded = roles, excluded
        self._found: dict[str, tuple[str, ...]] = {}
        self.comparisons = 0

    def of(self, name: str) -> tuple[str, ...]:
        """Return up to three similar roles, the most similar first."""
        if name not in self._found:
            if len(name) > LONGEST_COMPARED or self.comparisons >= COMPARISONS:
                return ()
            self._found[name] = self._compare(name)
        return self._found[name]

    def _compare(self, name: str) -> tuple[str, ...]:
        nearest = sorted(self._names, key=lambda one: abs(len(one) - len(name)))
        compared = nearest[:COMPARED_ROLES]
        self.comparisons += len(compared) + 1
        same = self._by_core.get(_role_core(name), ())
        similar = (*same, *difflib.get_close_matches(name, compared, n=SIMILAR_ROLES))
        return tuple(dict.fromkeys(similar))[:SIMILAR_ROLES]

    @cached_property
    def _names(self) -> Sequence[str]:
        """The names that are compared, sorted when the first role is missing."""
        if len(self._roles) > MOST_ROLES:
            return ()
        return sorted(
            one
            for one in self._roles
            if len(one) <= LONGEST_COMPARED and one not in self._excluded
        )

    @cached_property
    def _by_core(self) -> Mapping[str, Sequence[str]]:
        """Roles that differ in case or in the form only; built when one is missing."""
        found: dict[str, list[str]] = {}
        for name in self._names[:INDEXED_ROLES]:
            same = found.setdefault(_role_core(name), [])
            if len(same) < SIMILAR_ROLES:
                same.append(name)
        return found


def _role_core(name: str) -> str:
    """Return the bare name of a role in lower case: ``proj:a:Ops`` becomes ``ops``."""
    return name.casefold().rpartition(":")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusNotes:
    """Facts from the configuration of one Argo CD about its roles and logins."""

    role_risks: Mapping[str, RoleRisks] = field(default_factory=dict)
    """Roles that need a warning, as written in Argo CD's RBAC policy."""
    login: LoginConfig | None = None
    """How users sign in to this Argo CD; None if it is unknown."""
    subject_rules: SubjectRules = NO_SUBJECT_RULES
    """Rules for subjects themselves, which their grants activate."""
    roles_without_effect: Mapping[str, str] = field(default_factory=dict)
    """Roles that allow nothing, as written in Argo CD's RBAC policy, each with why."""
    known_names: KnownNames = NO_NAMES
    """Names that Argo CD compares, according to its configuration."""
    strip_prefix: str = ""
    """Prefix of Kubernetes user names that Argo CD's names lack."""
    similar_roles: SimilarRoles = field(default_factory=SimilarRoles, compare=False)


NO_NOTES: Final = StatusNotes()


def add_notes(
    decision: Decision, notes: StatusNotes, earlier: KnownName | None = None
) -> Decision:
    """Return the decision with the notes about its grant, in place of earlier ones.

    ``earlier`` is the subject of an earlier grant that differs in spelling only.
    """
    warning, hint, activated = "", "", NO_RULES
    finding, grant = decision.finding, decision.grant
    if not (decision.has_ended or grant.being_deleted):
        activation = notes.subject_rules.activated_by(grant.subject.name, grant.role)
        activated = activation.rules
    if finding is None or finding is decision.policy_result.only_kept:
        risks = notes.role_risks.get(grant.role.bound_as)
        about_role = role_warning(risks) if risks is not None else ""
        about_subject = subject_caution(activated)
        warning = " ".join(filter(None, (about_subject, about_role)))
    elif finding.reason is Reason.ROLE_NOT_FOUND:
        name = grant.role.bound_as
        hint = f"{_misuse(name, notes)}{_hint(notes.similar_roles.of(name))}"
    noted = decision._replace(
        role_warning=warning,
        hint=hint,
        activated=activated,
        effectiveness=_effectiveness(decision, notes, earlier),
    )
    return decision if noted == decision else noted


def _misuse(name: str, notes: StatusNotes) -> str:
    """Name the rules of a subject that is no role of any other subject."""
    found = notes.subject_rules.of.get(name)
    if found is None or not found.in_text.total:
        return ""
    return (
        f" Argo CD has rules for the subject {quote(name)}, which no g line uses as a"
        f" role: {found.in_text.describe()}."
    )


def _hint(similar: Collection[str]) -> str:
    return f" Similar roles: {', '.join(map(_in_spec, similar))}." if similar else ""


def _in_spec(bound_as: str) -> str:
    """Name a role as spec.role does, by its bare name and its project."""
    project = project_of(bound_as)
    if not project:
        return quote(bound_as)
    name = bound_as.removeprefix(f"proj:{project}:")
    return f"{quote(name)} of project {quote(project)}"


def _effectiveness(
    decision: Decision, notes: StatusNotes, earlier: KnownName | None
) -> Effectiveness | None:
    """Return None for a grant that has ended, is being deleted, or is refused."""
    grant, found = decision.grant, None
    if not counts_as_subject(decision):
        return None
    role = grant.role.bound_as
    if notes.login is not None:
        caution = find_caution(
            grant.subject,
            grant.requester,
            notes.known_names,
            strip_prefix=notes.strip_prefix,
            earlier=earlier,
        )
        found = check_effectiveness(grant.subject, role, notes.login, caution)
    why = notes.roles_without_effect.get(role)
    if why is None or (found is not None and found.status is False):
        return found
    return Effectiveness(Reason.ROLE_ALLOWS_NOTHING, describe_empty_role(role, why))


def counts_as_subject(decision: Decision) -> bool:
    """Return whether a grant has not ended, and is neither deleted nor refused."""
    is_over = decision.has_ended or decision.grant.being_deleted
    return not (is_over or decision.is_refused)
