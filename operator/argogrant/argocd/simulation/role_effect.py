"""Search for a request that the rules of a role allow, or for what is wrong with them.

Argo CD accepts a rule that no request matches, such as one with an unknown action or
with the effect ``Allow``, and ignores it. A role with such rules only exists, and its
grants change nothing.

A request is one that argocd-server knows: a resource and an action of Argo CD, and an
object of the form that the resource has. What cannot be decided within the limits
counts as allowed: a role is reported only if it certainly allows nothing.
"""

from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from argogrant.argocd.pattern_match import REGEX_MODE, glob_tokens, pattern_matches
from argogrant.argocd.policy_csv import Rule
from argogrant.argocd.simulation.language import (
    ANYTHING,
    EMPTY,
    NOTHING,
    Language,
    chars,
    concat,
    either,
    find_text,
    language_of,
    literal,
    repeated,
)
from argogrant.argocd.simulation.requests import (
    ACTIONS,
    OF_APPLICATIONS,
    PROJECT_SCOPED,
    RESOURCES,
    WITH_DETAILS,
    WITH_NAME,
    WITH_NAME_OR_NOTHING,
)
from argogrant.grants.access.policy import pattern_problem
from argogrant.grants.model.untrusted_text import cached_if_short
from argogrant.grants.model.validation import quote

MAX_PATTERNS: Final = 64
"""Patterns of objects that one search compares."""
_PART: Final = 100
"""Rules that are grouped between two pauses."""
MAX_PATTERN: Final = 128
"""Characters of a pattern that is compared."""
_OF_PROJECTS: Final = PROJECT_SCOPED | {"projects"}
"""Resources of which some requests are about an AppProject."""
_NO_SLASH: Final = concat(chars("/", negated=True), repeated(chars("/", negated=True)))
_NAME_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")
"""Characters of the names of AppProjects and Applications, as of every object."""
_PROJECT: Final = concat(chars(_NAME_CHARACTERS), repeated(chars(_NAME_CHARACTERS)))
_OF_NAMES: Final = concat(
    *(_PROJECT, literal("/"), _PROJECT, either(EMPTY, concat(literal("/"), _PROJECT)))
)
"""The name of an Application may have its namespace before it."""
_NAMES: Final = (2, 3)
"""Numbers of names in the object of an Application, with the slash between them."""
_WITNESSES: Final = ("zq", "zq/zq")
"""Texts that replace a wildcard in the search for an object that a pattern matches."""


class Scope(NamedTuple):
    """Requests to which some rules apply."""

    project: str = ""
    """AppProject whose requests are meant; empty for all others."""
    other_projects: frozenset[str] = frozenset()
    """Without a project: the AppProjects whose requests are not meant."""


EVERYWHERE: Final = Scope()


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """Contribution of one rule, as far as it is certain without a search."""

    allows: bool = False
    """It allows a request by itself."""
    needs_search: bool = False
    """Only a search of texts, or a comparison with other rules, gives the answer."""


_NO_FACTS: Final = RuleFacts()
_ALLOWS: Final = RuleFacts(allows=True)
_NEEDS_SEARCH: Final = RuleFacts(needs_search=True)


def facts_of(rule: Rule, mode: str, project: str = "") -> RuleFacts:
    """Return what a rule contributes by itself, at the cost of a few comparisons.

    Args:
        rule: The rule.
        mode: The value of ``policy.matchMode``.
        project: AppProject with the rule, whose requests alone it applies to; empty for
            a rule of the RBAC policy.
    """
    longest = max(len(rule.resource), len(rule.action), len(rule.object))
    if longest > MAX_PATTERN:
        return _NEEDS_SEARCH
    if mode == REGEX_MODE and any(
        not is_valid(pattern, mode)
        for pattern in (rule.resource, rule.action, rule.object)
    ):
        return _NEEDS_SEARCH
    if rule.effect == "deny":
        return _NEEDS_SEARCH
    if rule.effect != "allow" or not _actions(rule.action, mode):
        return _NO_FACTS
    return _facts_of_objects(rule.resource, rule.object, mode, project)


@cached_if_short(1 << 12)
def _facts_of_objects(
    resource: str, pattern: str, mode: str, project: str
) -> RuleFacts:
    resources = _resources(resource, mode)
    if project:
        resources &= PROJECT_SCOPED
    shapes = {_shape(one) for one in resources}
    if not shapes:
        return _NEEDS_SEARCH if project else _NO_FACTS
    for witness in _WITNESSES:
        text = _replace_wildcards(pattern, witness, mode)
        if project:
            # Of "*/*", the first wildcard stands for the project.
            text = f"{project}/{text.partition('/')[2]}"
        if any(_has_shape(text, one) for one in shapes) and pattern_matches(
            pattern, text, mode=mode
        ):
            return _ALLOWS
    return _NEEDS_SEARCH


def _replace_wildcards(pattern: str, witness: str, mode: str) -> str:
    if mode == REGEX_MODE:
        text = pattern.replace(".*", witness).replace(".+", witness)
        return text.removeprefix("^").removesuffix("$").replace("\\", "")
    return pattern.replace("*", witness).replace("?", "z")


@cached_if_short(1 << 10)
def is_valid(pattern: str, mode: str) -> bool:
    """Return whether Argo CD can compile a pattern."""
    if mode == REGEX_MODE:
        return pattern_problem(pattern) is None
    return glob_tokens(pattern) is not None


@cached_if_short(1 << 10)
def _resources(pattern: str, mode: str) -> frozenset[str]:
    return frozenset(
        one for one in RESOURCES if pattern_matches(pattern, one, mode=mode)
    )


@cached_if_short(1 << 10)
def _actions(pattern: str, mode: str) -> frozenset[str]:
    """Return the actions that a pattern matches, with examples of detailed ones."""
    text = _replace_wildcards(pattern, "zq", mode)
    examples = {text} if text.startswith(WITH_DETAILS) else set()
    return frozenset(
        one
        for one in (*ACTIONS, *examples)
        if one not in WITH_DETAILS and pattern_matches(pattern, one, mode=mode)
    )


class _Shape(StrEnum):
    """Form of the objects of a resource."""

    OF_PROJECT = "PROJECT/NAME"
    NAME = "a name without a slash"
    NAME_OR_NOTHING = "a name without a slash, or nothing"
    ANY = "a URL, or PROJECT/URL"


def _shape(resource: str) -> _Shape:
    """Return which form the objects of a resource have."""
    if resource in OF_APPLICATIONS:
        return _Shape.OF_PROJECT
    if resource in WITH_NAME:
        return _Shape.NAME
    is_listed = resource in WITH_NAME_OR_NOTHING
    return _Shape.NAME_OR_NOTHING if is_listed else _Shape.ANY


def _has_shape(text: str, shape: _Shape) -> bool:
    _, slash, _ = text.partition("/")
    match shape:
        case _Shape.OF_PROJECT:
            names = text.split("/")
            return len(names) in _NAMES and all(map(_is_name, names))
        case _Shape.NAME:
            return bool(text) and not slash
        case _Shape.NAME_OR_NOTHING:
            return not slash
    return True


def _is_name(text: str) -> bool:
    return bool(text) and _NAME_CHARACTERS.issuperset(text)


_LANGUAGES: Final[Mapping[_Shape, Language]] = {
    _Shape.OF_PROJECT: _OF_NAMES,
    _Shape.NAME: _NO_SLASH,
    _Shape.NAME_OR_NOTHING: repeated(chars("/", negated=True)),
    _Shape.ANY: ANYTHING,
}


class _Group(NamedTuple):
    """Rules with the same patterns of resources and actions."""

    resource: str
    action: str


def allows_something(
    rules: Sequence[Rule], mode: str, scope: Scope = EVERYWHERE
) -> Generator[int, None, bool]:
    """Return whether rules together allow a request within a scope.

    Yields:
        The work since the last pause.
    """
    grouped = _Grouped(mode)
    for first in range(0, len(rules), _PART):
        part = rules[first : first + _PART]
        for rule in part:
            grouped.add(rule)
        yield len(part)
    if grouped.denies_everything:
        return False
    if any(max(map(len, group)) > MAX_PATTERN for group in grouped.allowed):
        return True
    search = _Search(mode, scope)
    for resource, action in grouped.requests(scope):
        yield 1 + grouped.size
        if grouped.is_unreadable(resource, action):
            continue
        allowed = _matching(grouped.allowed, resource, action, mode)
        denied = _matching(grouped.denied, resource, action, mode)
        if allowed and (yield from search.finds(resource, allowed, denied)):
            return True
    return False


class _Grouped:
    """Patterns of the objects of rules, by their patterns of resources and actions."""

    def __init__(self, mode: str) -> None:
        self._mode = mode
        self.allowed = defaultdict[_Group, set[str]](set)
        self.denied = defaultdict[_Group, set[str]](set)
        self._unreadable = set[_Group]()
        self.denies_everything = False
        """True if Argo CD denies each request that it compares with these rules."""

    @property
    def size(self) -> int:
        """Number of groups."""
        return len(self.allowed) + len(self.denied) + len(self._unreadable)

    def add(self, rule: Rule) -> None:
        """Add a rule; one with an invalid regular expression denies, like Argo CD."""
        group = _Group(rule.resource, rule.action)
        if self._mode == REGEX_MODE:
            self.denies_everything |= not is_valid(rule.resource, self._mode)
            if not all(is_valid(one, self._mode) for one in (rule.action, rule.object)):
                self._unreadable.add(group)
        if rule.effect == "allow":
            self.allowed[group].add(rule.object)
        elif rule.effect == "deny":
            self.denied[group].add(rule.object)

    def requests(self, scope: Scope) -> Iterator[tuple[str, str]]:
        """Yield each resource and action of a scope that some rule may allow."""
        seen: set[tuple[str, str]] = set()
        for group in self.allowed:
            for resource in sorted(_resources(group.resource, self._mode)):
                if scope.project and resource not in _OF_PROJECTS:
                    continue
                for action in sorted(_actions(group.action, self._mode)):
                    if (resource, action) not in seen:
                        seen.add((resource, action))
                        yield resource, action

    def is_unreadable(self, resource: str, action: str) -> bool:
        """Return whether an invalid expression makes Argo CD deny a request."""
        return any(
            resource in _resources(group.resource, self._mode)
            and (
                not is_valid(group.action, self._mode)
                or pattern_matches(group.action, action, mode=self._mode)
            )
            for group in self._unreadable
        )


def _matching(
    groups: Mapping[_Group, set[str]], resource: str, action: str, mode: str
) -> frozenset[str]:
    """Return the patterns of objects of all rules that match a resource and action."""
    found: set[str] = set()
    for group, patterns in groups.items():
        if resource in _resources(group.resource, mode) and pattern_matches(
            group.action, action, mode=mode
        ):
            found |= patterns
    return frozenset(found)


class _Search:
    """Searches for objects that are allowed and not denied; remembers the results."""

    def __init__(self, mode: str, scope: Scope) -> None:
        self._mode = mode
        self._scope = scope
        self._found: dict[tuple[object, ...], bool] = {}

    def finds(
        self, resource: str, allowed: frozenset[str], denied: frozenset[str]
    ) -> Generator[int, None, bool]:
        """Return whether some object is allowed; True if that is unknown."""
        key = (
            *(_shape(resource), resource == "projects", resource in PROJECT_SCOPED),
            *(allowed, denied),
        )
        if key not in self._found:
            scope = self._scope_of(resource)
            shape = _LANGUAGES[_shape(resource)]
            self._found[key] = yield from self._search(shape, scope, allowed, denied)
        return self._found[key]

    def _search(
        self,
        shape: Language,
        scope: tuple[Language, Language],
        allowed: frozenset[str],
        denied: frozenset[str],
    ) -> Generator[int, None, bool]:
        if "*" in denied and self._mode != REGEX_MODE:
            return False
        if len(allowed) + len(denied) > MAX_PATTERNS:
            return True
        wanted, excluded = self._union(allowed), self._union(denied)
        if wanted is None or excluded is None:
            return True
        within, outside = scope
        languages = (wanted, shape, within)
        found = yield from find_text(languages, either(excluded, outside))
        return found is not False

    def _union(self, patterns: frozenset[str]) -> Language | None:
        languages = [language_of(one, self._mode) for one in sorted(patterns)]
        known = [one for one in languages if one is not None]
        return either(*known) if len(known) == len(languages) else None

    def _scope_of(self, resource: str) -> tuple[Language, Language]:
        """Return the objects that are meant, and those that are not."""

        def objects_of(project: str) -> Language:
            if resource == "projects":
                return literal(project)
            is_scoped = resource in PROJECT_SCOPED
            return concat(literal(f"{project}/"), ANYTHING) if is_scoped else NOTHING

        if self._scope.project:
            return objects_of(self._scope.project), NOTHING
        others = map(objects_of, sorted(self._scope.other_projects)[:MAX_PATTERNS])
        return ANYTHING, either(*others)


def rule_problem(rule: Rule, mode: str, project: str = "") -> str:
    """Return as a clause why a rule of a role that allows nothing allows nothing.

    Args:
        rule: The rule.
        mode: The value of ``policy.matchMode``.
        project: AppProject with the rule; empty for a rule of the RBAC policy.
    """
    problems = (*_problems(rule, mode), _scope_problem(rule, mode, project))
    return next(filter(None, problems), "deny rules cover what it allows")


def _scope_problem(rule: Rule, mode: str, project: str) -> str:
    """Return that Argo CD applies a rule to no request that it matches."""
    if not project:
        return ""
    only = f"Argo CD applies it to requests about AppProject {quote(project)} only"
    resources = sorted(_resources(rule.resource, mode))
    if not _OF_PROJECTS.intersection(resources):
        return f"{only}, and {' and '.join(resources)} are not part of AppProjects"
    language = language_of(rule.object, mode)
    within = concat(literal(project), either(EMPTY, concat(literal("/"), ANYTHING)))
    if language is None or _has_text(language, within):
        return ""
    return f"{only}, and {quote(rule.object)} is about others"


def _problems(rule: Rule, mode: str) -> Iterator[str]:
    yield _effect_problem(rule.effect)
    kind = (
        "regular expression (policy.matchMode: regex)" if mode == REGEX_MODE else "glob"
    )
    for pattern in (rule.resource, rule.action, rule.object):
        if not is_valid(pattern, mode):
            yield f"{quote(pattern)} is not a valid {kind}"
    resources = _resources(rule.resource, mode)
    if not resources:
        yield f"Argo CD has no resource {quote(rule.resource)}{_blank(rule.resource)}"
    if not _actions(rule.action, mode):
        yield f"Argo CD has no action {quote(rule.action)}{_blank(rule.action)}"
    shapes = sorted({_shape(one) for one in resources})
    if shapes and not any(_may_have_shape(rule.object, one, mode) for one in shapes):
        named = " and ".join(sorted(resources))
        yield (
            f"an object of {named} is {' or '.join(shapes)}, unlike"
            f" {quote(rule.object)}{_blank(rule.object)}{_names(rule.object, shapes)}"
        )


def _names(pattern: str, shapes: Sequence[_Shape]) -> str:
    if "/" not in pattern or _Shape.OF_PROJECT not in shapes:
        return ""
    return (
        " (names have lower-case letters, digits, - and . only, and before the name of"
        " an Application there can be its namespace)"
    )


def _may_have_shape(pattern: str, shape: _Shape, mode: str) -> bool:
    language = language_of(pattern, mode)
    return language is None or _has_text(language, _LANGUAGES[shape])


def _has_text(*languages: Language) -> bool:
    """Return whether some text is in all of these languages; True if unknown."""
    steps = find_text(languages, NOTHING)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value is not False


def _effect_problem(effect: str) -> str:
    if effect in ("allow", "deny"):
        return ""
    if "#" in effect:
        return f"its effect is {quote(effect)}: Argo CD has no comments behind a rule"
    return f"its effect is {quote(effect)}, and Argo CD knows allow and deny only"


def _blank(text: str) -> str:
    is_blank = text != text.strip()
    return ", with a blank at its beginning or end" if is_blank else ""
