"""Index of the rules whose subject is a user or a group, built once per policy text."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from argogrant.argocd.appproject.members import managed_bindings
from argogrant.argocd.appproject.project import Project
from argogrant.argocd.pattern_match import REGEX_MODE
from argogrant.argocd.policy_csv import Place, PolicyCSV, Rule, render_rule
from argogrant.grants.access.subject_rules import (
    MAX_RULES,
    NO_RULES,
    RuleList,
    RulesOfSubject,
    SubjectRule,
    SubjectRules,
)
from argogrant.grants.model.validation import one_line

MAX_TEXT: Final = 160
"""Characters of a line, and of a location, in a message."""
_EFFECTS: Final = frozenset({"allow", "deny"})
_ROLES: Final = ("role:", "proj:")
"""Prefixes of names that no grant can have as its subject. The RBAC policy can have
rules for the second kind, which help only if the AppProject has the role."""


def index_subject_rules(
    text: PolicyCSV, projects: Iterable[Project], *, binds_in_projects: bool
) -> SubjectRules:
    """Index the rules of subjects, with what activates them already.

    Argo CD ignores the lines of an AppProject that it cannot parse, and so does the
    index. Members of AppProjects that argogrant manages activate nothing.
    """
    in_text = _by_subject(text.placed_rules(), text.match_mode, _ROLES[:1])
    in_projects = defaultdict[str, dict[str, RuleList]](dict)
    readable = [project for project in projects if not project.lines().problems]
    for project in readable:
        found_here = _by_subject(project.foreign_rules, text.match_mode, _ROLES)
        for subject, found in found_here.items():
            in_projects[subject][project.name] = found
    subjects = {*in_text, *in_projects}
    if not subjects:
        return SubjectRules(binds_in_projects=binds_in_projects)
    active = {binding.subject for binding in text.bindings}
    active_in = defaultdict[str, set[str]](set)
    for project in readable:
        for subject in _bound_by_others(project, subjects):
            active_in[subject].add(project.name)
    return SubjectRules(
        of={
            subject: RulesOfSubject(
                in_text=in_text.get(subject, NO_RULES),
                in_projects=in_projects.get(subject, {}),
                is_active=subject in active,
                active_in=frozenset(active_in.get(subject, ())),
            )
            for subject in subjects
        },
        binds_in_projects=binds_in_projects,
    )


def _by_subject(
    rules: Iterable[tuple[Rule, Place | str]], mode: str, excluded: tuple[str, ...]
) -> dict[str, RuleList]:
    found: dict[str, RuleList] = {}
    for rule, place in rules:
        # Argo CD ignores a rule with another effect, unless a pattern in it is invalid.
        has_effect = rule.effect in _EFFECTS or mode == REGEX_MODE
        if not has_effect or rule.subject.startswith(excluded):
            continue
        before = found.get(rule.subject, NO_RULES)
        shown = before.total < MAX_RULES
        listed = (_listed(rule, str(place)),) if shown else ()
        found[rule.subject] = before.plus(RuleList(listed, 1))
    return found


def _listed(rule: Rule, place: str) -> SubjectRule:
    line = render_rule(Rule(*(one[: MAX_TEXT + 1] for one in rule)))
    return SubjectRule(shortened(place), shortened(line))


def shortened(text: str) -> str:
    """Shorten a text of others for a message, and write it on one line."""
    shown = one_line(text[: MAX_TEXT + 1])
    return shown if len(shown) <= MAX_TEXT else f"{shown[:MAX_TEXT]}…"


def _bound_by_others(project: Project, subjects: set[str]) -> set[str]:
    """Return which subjects have a ``g`` line in the project besides managed ones."""
    bindings = [one for one in project.lines().bindings if one.subject in subjects]
    managed = managed_bindings(project) if bindings else {}
    return {one.subject for one in bindings if one not in managed}
