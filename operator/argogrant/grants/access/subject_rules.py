"""Rules that Argo CD's RBAC policy has for a subject itself: ``p, my-org:ops, …``.

Argo CD compares the groups and addresses of a user with the rules only if some ``g``
line begins with that name. Until then the rules of such a name are dormant. The first
grant of the name would activate them, in addition to the role: allow rules give more
than the role, and deny rules take away.

Bindings of argogrant do not count as a ``g`` line here, so every grant of a subject has
the same result, whatever other grants it has.

The lines of an AppProject apply to requests about that project only. Its rules for a
subject concern each grant of the subject that is bound in the ConfigMap. They never
remove a line of a role of another project: what the text of one project says must not
end access elsewhere.

Source: argoproj/argo-cd, ``server/rbacpolicy/rbacpolicy.go``, ``EnforceClaims``, which
filters the names of a user by ``GetGroupingPolicy``.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from argogrant.grants.model.grant import RoleRef

MAX_RULES: Final = 10
"""Rules of one subject that are kept for messages; all are counted."""
MAX_LISTED: Final = 3
"""Rules that a message lists."""


class SubjectRule(NamedTuple):
    """One rule whose subject is a user or a group, and not a role."""

    where: str
    """Location, such as ``policy.csv line 3``."""
    line: str
    """The line, shortened and on one line."""

    def __str__(self) -> str:
        """Return the location and the line for a message."""
        return f"{self.where} ({self.line})"


class RuleList(NamedTuple):
    """Rules of one subject: the first of them, and how many there are."""

    first: tuple[SubjectRule, ...] = ()
    total: int = 0

    def plus(self, *others: "RuleList") -> "RuleList":
        """Concatenate lists."""
        lists = (self, *others)
        first = itertools.chain.from_iterable(one.first for one in lists)
        return RuleList(
            tuple(itertools.islice(first, MAX_RULES)), sum(one.total for one in lists)
        )

    def describe(self) -> str:
        """List the rules for a message."""
        text = "; ".join(map(str, self.first[:MAX_LISTED]))
        others = self.total - len(self.first[:MAX_LISTED])
        return f"{text} and {others} more" if others > 0 else text


NO_RULES: Final = RuleList()


def subject_caution(activated: RuleList) -> str:
    """Return a caution about the rules that a grant activates; empty without rules."""
    if not activated.total:
        return ""
    return (
        "The grant also activates rules that Argo CD has for the subject itself, which"
        f" are not part of the role: {activated.describe()}."
    )


class ActivatedRules(NamedTuple):
    """Rules that a binding activates because no other ``g`` line does."""

    rules: RuleList = NO_RULES
    only_elsewhere: bool = False
    """True if all of them are in AppProjects that the role does not belong to."""


NOTHING_ACTIVATED: Final = ActivatedRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesOfSubject:
    """Rules of one subject in Argo CD's RBAC policy and in AppProjects."""

    in_text: RuleList = NO_RULES
    in_projects: Mapping[str, RuleList] = field(default_factory=dict)
    """Rules by AppProject."""
    is_active: bool = False
    """True if a ``g`` line of the RBAC policy begins with the subject."""
    active_in: frozenset[str] = frozenset()
    """AppProjects with such a line, in whose requests the rules are active."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRules:
    """Rules of every subject of one Argo CD that has some."""

    of: Mapping[str, RulesOfSubject] = field(default_factory=dict)
    binds_in_projects: bool = False
    """True if roles of AppProjects are bound in the AppProject."""

    def activated_by(self, subject: str, role: RoleRef) -> ActivatedRules:
        """Return the rules that a binding of a subject to a role activates."""
        found = self.of.get(subject)
        if found is None or found.is_active:
            return NOTHING_ACTIVATED
        inactive = {
            project: rules
            for project, rules in found.in_projects.items()
            if project not in found.active_in
        }
        project = role.project or ""
        own = found.in_text.plus(inactive.pop(project, NO_RULES))
        elsewhere = [inactive[other] for other in sorted(inactive)]
        if self.binds_in_projects and project:
            # The line applies to requests about that project only.
            own, elsewhere = NO_RULES if project in found.active_in else own, []
        rules = own.plus(*elsewhere)
        return ActivatedRules(rules, only_elsewhere=bool(rules.total and not own.total))


NO_SUBJECT_RULES: Final = SubjectRules()
