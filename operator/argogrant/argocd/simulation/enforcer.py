"""Casbin over Argo CD's lines: may one name do something, and by which line.

Casbin decides; the line that it decided by, and the chain of roles that leads there,
are looked up afterwards.

Source: argoproj/argo-cd, ``assets/model.conf`` and ``util/rbac/rbac.go``: roles and
subjects are compared literally, resources, actions and objects as patterns; there has
to be a rule that allows and none that denies.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import casbin
from casbin.rbac.default_role_manager import RoleManager

from argogrant.argocd.pattern_match import REGEX_MODE, pattern_matches
from argogrant.argocd.policy_line import Rule
from argogrant.argocd.simulation.request import EnforceRequest
from argogrant.argocd.simulation.sourced_lines import (
    SourcedBinding,
    SourcedPolicy,
    SourcedRule,
    group_by_subject,
)
from argogrant.grants.access.policy import pattern_problem

_MODEL: Final = """
[request_definition]
r = subject, resource, action, object
[policy_definition]
p = subject, resource, action, object, eft
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.subject, p.subject) && fits(r.resource, p.resource) && \
fits(r.action, p.action) && fits(r.object, p.object)
"""
LONGEST_CHAIN: Final = 10
"""Links that casbin follows from a name to a role: ``NewRoleManagerImpl(10)``."""

Chain = tuple[SourcedBinding, ...]


class UnreadablePattern(Exception):
    """A regular expression of a rule that is looked at is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnforceResult:
    """What the lines say of one name."""

    name: str
    is_allowed: bool
    rule: SourcedRule | None = None
    """The rule that allows, or the one that denies; None if no rule is about it."""
    chain: Chain = ()
    """From the name to the rule's subject; empty if the rule names it itself."""
    unreadable: str = ""
    """The pattern for which every question is refused that looks at its rule."""


class Enforcer:
    """The lines that count together for one question.

    Args:
        lines: Argo CD's own, those of the ConfigMap, and those of one project.
        mode: The value of ``policy.matchMode``.
    """

    def __init__(self, lines: SourcedPolicy, mode: str) -> None:
        self._mode = mode
        self._links = group_by_subject(lines.bindings)
        self._rules: dict[str, list[SourcedRule]] = {}
        for cited in lines.rules:
            self._rules.setdefault(cited.rule.subject, []).append(cited)

    def has_role_lines(self, name: str) -> bool:
        """Tell whether a name stands left in a ``g`` line."""
        return name in self._links

    def enforce(self, name: str, question: EnforceRequest) -> EnforceResult:
        """Ask whether one name may do something, by rules and roles alone."""
        chains = self._chains(name)
        rules = [one for role in chains for one in self._rules.get(role, ())]
        if not rules:  # or casbin would compare with empty patterns
            return EnforceResult(name=name, is_allowed=False)
        enforcer = self._loaded(chains, rules)
        asked = (question.resource, question.action, question.object)
        try:
            is_allowed, denial = enforcer.enforce_ex(name, *asked)
        except UnreadablePattern as error:
            return EnforceResult(name=name, is_allowed=False, unreadable=str(error))
        if not is_allowed and not denial:
            return EnforceResult(name=name, is_allowed=False)
        decisive = next(
            one
            for one in rules
            if one.rule.effect == ("allow" if is_allowed else "deny")
            and len(chains[one.rule.subject]) <= LONGEST_CHAIN
            and self._is_about(one.rule, question)
        )
        return EnforceResult(
            name=name,
            is_allowed=bool(is_allowed),
            rule=decisive,
            chain=chains[decisive.rule.subject],
        )

    def _chains(self, name: str) -> Mapping[str, Chain]:
        """Find every role that a name leads to, each by its shortest chain."""
        chains: dict[str, Chain] = {name: ()}
        last = [name]
        while last:
            following: list[str] = []
            for one in last:
                for link in self._links.get(one, ()):
                    if link.binding.role not in chains:
                        chains[link.binding.role] = (*chains[one], link)
                        following.append(link.binding.role)
            last = following
        return chains

    def _loaded(
        self, chains: Mapping[str, Chain], rules: Iterable[SourcedRule]
    ) -> casbin.Enforcer:
        """Give casbin the lines that a name can lead to; no other one counts."""
        enforcer = casbin.Enforcer(casbin.Enforcer.new_model(text=_MODEL))
        enforcer.model["p"]["p"].policy = [_fields(one.rule) for one in rules]
        links = {link.binding for one in chains for link in self._links.get(one, ())}
        enforcer.model["g"]["g"].policy = [list(one) for one in links]
        # PyCasbin counts names where casbin in Go counts the links between them.
        enforcer.set_role_manager(RoleManager(LONGEST_CHAIN + 1))
        enforcer.build_role_links()
        enforcer.add_function("fits", self._fits)
        return enforcer

    def _fits(self, asked: str, pattern: str) -> bool:
        """Compare as Argo CD does.

        Raises:
            UnreadablePattern: Where casbin in Argo CD panics, and the answer is no.
        """
        if self._mode == REGEX_MODE and pattern_problem(pattern) is not None:
            raise UnreadablePattern(pattern)
        return pattern_matches(pattern, asked, mode=self._mode)

    def _is_about(self, rule: Rule, question: EnforceRequest) -> bool:
        return (
            self._fits(question.resource, rule.resource)
            and self._fits(question.action, rule.action)
            and self._fits(question.object, rule.object)
        )


def _fields(rule: Rule) -> list[str]:
    return [rule.subject, rule.resource, rule.action, rule.object, rule.effect]
