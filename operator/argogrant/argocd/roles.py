"""Roles that a grant can name, their risks, and names that must not become subjects.

Revoking a grant removes the binding, but not what its holder changed in the meantime.
With the permissions in ``PERSISTENT`` a holder can create access that argogrant does
not know.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import islice
from operator import attrgetter
from typing import Final, TypeVar

from argogrant.argocd.appproject.project import Project
from argogrant.argocd.pattern_match import REGEX_MODE, pattern_matches
from argogrant.argocd.policy_csv import (
    ParsedLines,
    PolicyCSV,
    Rule,
    read_key,
    render_rule,
)
from argogrant.argocd.simulation import sourced_lines as built_in
from argogrant.argocd.simulation.role_effect import (
    Scope,
    allows_something,
    facts_of,
    rule_problem,
)
from argogrant.argocd.subject_rules import shortened
from argogrant.grants.access.inheritance import Heirs, RoleInheritance
from argogrant.grants.model.grant import NO_RISKS, RoleRisks, project_of
from argogrant.grants.model.steps import Steps, completed
from argogrant.grants.model.untrusted_text import cached_if_short
from argogrant.grants.model.validation import quote

T = TypeVar("T")
BUILT_IN_ROLES: Final = frozenset({"role:admin", "role:readonly"})
"""Source: argoproj/argo-cd, ``assets/builtin-policy.csv``."""
PERSISTENT: Final[Mapping[tuple[str, str], str]] = {
    ("accounts", "update"): "sets passwords and creates tokens of other accounts",
    ("applications", "create"): "deploys everything that the project allows",
    ("applications", "update"): "changes the sources of an Application",
    ("applications", "update/*"): "edits the objects of an Application in the cluster",
    ("applications", "override"): "deploys manifests that are not in Git",
    ("applicationsets", "create"): "generates Applications continuously",
    ("applicationsets", "update"): "changes the Applications that a set generates",
    ("certificates", "create"): "makes Argo CD trust another server",
    ("certificates", "update"): "makes Argo CD trust another server",
    ("clusters", "create"): "adds a cluster, or replaces its credentials",
    ("clusters", "update"): "replaces the credentials or the server of a cluster",
    ("exec", "create"): "opens a shell in a pod, which can start processes that stay",
    ("exec", "debug"): "starts an ephemeral container in a pod",
    ("gpgkeys", "create"): "makes Argo CD trust another signer of commits",
    ("projects", "create"): "creates a project with any roles and members",
    ("projects", "update"): "changes the roles of a project, and creates their tokens",
    ("repositories", "create"): "adds a repository, or replaces its credentials",
    ("repositories", "update"): "replaces the credentials of a repository",
    ("write-repositories", "create"): "adds credentials for writing to Git",
    ("write-repositories", "update"): "replaces credentials for writing to Git",
}
"""Permissions that outlive a grant, by resource and action, with the effect.

``applications sync`` is not among them: it deploys only what Git contains.

Source: argoproj/argo-cd, ``docs/operator-manual/rbac.md``, and for tokens
``server/account/account.go`` and ``server/project/project.go``.
"""

_BUILT_IN_TEXT: Final = "\n".join(
    [
        *(f"p, role:admin, {kind}, {action}, *, allow" for kind, action in PERSISTENT),
        "g, role:admin, role:readonly",
    ]
)
"""Part of Argo CD's built-in policy: ``role:admin`` has all of these permissions.

Source: argoproj/argo-cd, ``assets/builtin-policy.csv``.
"""
_BUILT_IN: Final = ParsedLines(
    rules=(
        *read_key("built-in", _BUILT_IN_TEXT).rules,
        *(one.rule for one in built_in.BUILT_IN.rules),
    ),
    bindings=read_key("built-in", _BUILT_IN_TEXT).bindings,
    problems=(),
)
_INHERITED: Final = 9
"""Links from a role to its inherited roles; the grant itself is the tenth link.

Source: casbin, ``NewRoleManagerImpl(10)``; verified with Argo CD's own enforcer.
"""
MAX_PATTERN: Final = 128
"""Characters of a pattern that is compared. A rule that allows counts for everything if
its patterns are longer, and one that denies for nothing."""
_EVERYTHING: Final = frozenset({"*", "*/*", ".*"})
"""Patterns that match every object, as a glob or as a regular expression."""


_BITS: Final = {one: 1 << n for n, one in enumerate(sorted(PERSISTENT))}
"""Sets of permissions are integers, one bit for each, so they are cheap to unite."""
_ALL: Final = (1 << len(_BITS)) - 1
_DENIED: Final = len(_BITS)
"""Position of the permissions that are denied for every object."""
_HAS_DENY: Final = 1 << 2 * len(_BITS)
_HAS_LIMITED_DENY: Final = _HAS_DENY << 1
"""Some deny rule is for a single object, so the rules have to be compared."""
_ALLOWS: Final = _HAS_LIMITED_DENY << 1
"""Some rule allows a request by itself."""
_NEEDS_SEARCH: Final = _ALLOWS << 1
"""Some rule has to be compared with others to know what they allow together."""
_IN_PROJECTS: Final = _NEEDS_SEARCH << 1
"""The lines of some AppProject concern the role."""
MAX_EXPLAINED: Final = 3
"""Rules that the report about a role that allows nothing explains."""
MAX_COMPARED: Final = 500_000
"""Rules that are compared by their object in one analysis. This work, unlike the rest,
can grow with roles times rules."""
_LONG_LIST: Final = 1000
"""Units of work between two pauses of an analysis; one unit is one rule or link."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class DiscoveredRole:
    """Role that a grant can name: a global role, or a role of an AppProject."""

    project: str
    name: str
    description: str = ""
    risks: RoleRisks = NO_RISKS
    allows_nothing: str = ""
    """Why it allows nothing, as a sentence; empty if it allows something."""

    @property
    def bound_as(self) -> str:
        """Name of the role in Argo CD's RBAC policy."""
        return f"proj:{self.project}:{self.name}" if self.project else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleAnalysis:
    """Facts about the roles of one Argo CD, for people; they decide nothing."""

    roles: tuple[DiscoveredRole, ...] = ()
    """Every role that a grant can name, sorted."""
    risks: Mapping[str, RoleRisks] = field(default_factory=dict)
    """Risks of the roles that have some, by the name in Argo CD's RBAC policy. This and
    the next field repeat a part of ``roles``, of which there may be 100,000, so that
    nothing has to read all of them at once."""
    without_effect: Mapping[str, str] = field(default_factory=dict)
    """Why a role allows nothing, by the same name; only of such roles."""
    default_roles: frozenset[str] = frozenset()
    """The default role and its inherited roles; empty without a default role."""
    default_roles_in: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The same in requests about each AppProject whose lines add some."""
    overrated: int = 0
    """Roles whose risks were not found exactly, because there are too many rules. They
    may have fewer persistent permissions, as deny rules for single objects are not
    considered."""


NO_ANALYSIS: Final = RoleAnalysis()


class _Lines:
    """Rules and links that apply to the same requests.

    These are the lines of the ConfigMap, or, with them as the ``base``, the lines of
    one project.
    """

    def __init__(
        self,
        *parts: ParsedLines,
        mode: str,
        base: "_Lines | None" = None,
        project: str = "",
    ) -> None:
        self._mode = mode
        self.base = base
        self.project = project
        self.rules: defaultdict[str, list[Rule]] = defaultdict(list)
        self.links: defaultdict[str, set[str]] = defaultdict(set)
        self._own: defaultdict[str, int] = defaultdict(int)
        self.reached: dict[str, int] = {}
        """Content of the rules of a name and of everything that it inherits."""
        for lines in parts:
            for rule in lines.rules:
                self.rules[rule.subject].append(rule)
            for binding in lines.bindings:
                self.links[binding.subject].add(binding.role)

    def parents_of(self, name: str) -> AbstractSet[str]:
        """Return the roles that a name has directly."""
        own: AbstractSet[str] = self.links.get(name, frozenset())
        return own | self.base.parents_of(name) if self.base is not None else own

    def rules_of(self, name: str) -> list[Rule]:
        """Return the rules of a name."""
        inherited = self.base.rules_of(name) if self.base is not None else []
        return [*inherited, *self.rules.get(name, ())]

    def inherited_roles(self, name: str) -> frozenset[str]:
        """Return a role and every role that it inherits."""
        found, last = {name}, {name}
        for _ in range(_INHERITED):
            last = {role for one in last for role in self.parents_of(one)} - found
            if not last:
                break
            found |= last
        return frozenset(found)

    def read(self) -> Iterator[int]:
        """Read the content of every rule; yields like ``reach``."""
        for name, rules in self.rules.items():
            content, implicit = 0, self.implicit_rule(name)
            for part in _parts(rules):
                for rule in part:
                    if rule == implicit:
                        implicit = None
                    else:
                        content |= _content(rule, self._mode, self.project)
                yield len(part)
            self._own[name] |= content

    def implicit_rule(self, name: str) -> Rule | None:
        """Return the rule that Argo CD adds to a role of this project."""
        if not self.project or project_of(name) != self.project:
            return None
        return Rule(name, "projects", "get", self.project, "allow")

    def effective_rules(self, name: str) -> Iterator[Rule]:
        """Yield the rules of a name and of what it inherits, without implicit ones."""
        for one in self.inherited_roles(name):
            implicit = self.implicit_rule(one)
            for rule in self.rules_of(one):
                if rule == implicit:
                    implicit = None
                else:
                    yield rule

    def mark(self, names: Iterable[str], content: int) -> None:
        """Add to the content of names."""
        for name in names:
            self._own[name] |= content

    def reach(self, names: Iterable[str]) -> Iterator[int]:
        """Find what the rules of these roles and of their inherited roles contain.

        The work grows with the number of lines, and not with roles times rules: after
        the n-th round each name has what its roles at a distance of n links have.

        Yields:
            The work since the last pause, in rules and links.
        """
        parents: dict[str, AbstractSet[str]] = {}
        last = set(names)
        for _ in range(_INHERITED + 1):
            for name in last:
                parents[name] = self.parents_of(name)
                yield 1 + len(parents[name])
            last = {one for name in last for one in parents[name]} - parents.keys()
        own = {name: self.content_of(name) for name in parents}
        self.reached = own
        for _ in range(_INHERITED):
            before, self.reached = self.reached, dict(own)
            for name, roles in parents.items():
                for role in roles:
                    self.reached[name] |= before.get(role, 0)
                yield len(roles)
            if self.reached == before:
                break

    def content_of(self, name: str) -> int:
        """Return what the rules of a name contain, after ``read``."""
        inherited = self.base.content_of(name) if self.base is not None else 0
        return inherited | self._own.get(name, 0)


class RolePermissions:
    """Rules and inheritance of every role of one Argo CD.

    Argo CD applies the lines of a project only to requests about it. So a role of a
    project has the lines of the ConfigMap and of that project, and a global role has
    those of the ConfigMap only. Argo CD ignores the roles of an invalid AppProject, and
    so does this class.
    """

    def __init__(self, text: PolicyCSV, projects: Iterable[Project] = ()) -> None:
        self._mode = text.match_mode
        self.compared = 0
        """Rules compared by their object, for all roles together."""
        self.overrated = 0
        self._everywhere = _Lines(_BUILT_IN, text, mode=self._mode)
        self._of_projects: dict[str, _Lines] = {}
        self._projects_of = defaultdict[str, list[str]](list)
        """AppProjects whose lines concern a name."""
        for one in projects:
            self.add(one)

    def add(self, project: Project) -> int:
        """Add the lines of a project; return the work, in lines."""
        parsed, name = project.lines(), project.name
        if parsed.problems:
            return 1
        lines = _Lines(parsed, mode=self._mode, base=self._everywhere, project=name)
        self._of_projects[name] = lines
        for subject in lines.rules.keys() | lines.links.keys():
            self._projects_of[subject].append(name)
        return 1 + len(parsed.rules) + len(parsed.bindings)

    def _lines_for(self, role: str) -> _Lines:
        """Return the lines that apply to requests for which a role is used."""
        return self._of_projects.get(project_of(role), self._everywhere)

    def inherited_roles(self, name: str) -> frozenset[str]:
        """Return a role and every role that it inherits."""
        return self._lines_for(name).inherited_roles(name)

    def inherited_in_projects(self, name: str) -> dict[str, frozenset[str]]:
        """Return what a role inherits in each project, if its lines add a role."""
        everywhere = self._everywhere.inherited_roles(name)
        return {
            project: lines.inherited_roles(name)
            for project, lines in self._of_projects.items()
            if not lines.links.keys().isdisjoint(everywhere)
        }

    def risks_of(self, name: str) -> RoleRisks:
        """Find the persistent permissions and the deny rules of a role."""
        completed(_returning_none(self.reach([name])))
        return completed(self.find_risks(name))

    def reach(self, names: Iterable[str]) -> Iterator[int]:
        """Prepare to find the risks of these roles; yields like ``_Lines.reach``."""
        by_lines = defaultdict[_Lines, set[str]](set)
        for name in names:
            by_lines[self._lines_for(name)].add(name)
            yield 1
        yield from self._everywhere.read()
        for names_in_projects in _parts(list(self._projects_of)):
            self._everywhere.mark(names_in_projects, _IN_PROJECTS)
            yield len(names_in_projects)
        for lines, roles in by_lines.items():
            if lines is not self._everywhere:
                yield from lines.read()
            yield from lines.reach(roles)

    def find_risks(self, name: str) -> Steps[RoleRisks]:
        """Find the risks of a role, after ``reach``; yields like it."""
        content = self._lines_for(name).reached[name]
        allowed = content & _ALL & ~(content >> _DENIED)
        if content & _HAS_LIMITED_DENY and allowed:
            if self.compared < MAX_COMPARED:
                allowed = yield from self._compare_objects(name)
            else:
                self.overrated += 1
        yield 1
        return _risks(allowed, has_deny=bool(content & _HAS_DENY))

    def find_effect(self, name: str) -> Steps[bool]:
        """Return whether a role allows anything, after ``reach``; yields like it.

        A role of an AppProject allows nothing if it only allows to see the project,
        which Argo CD adds to each of them.
        """
        yield 1
        lines = self._lines_for(name)
        content = lines.reached[name]
        unclear = _NEEDS_SEARCH | (0 if lines.project else _IN_PROJECTS)
        if content & _ALLOWS and not content & unclear:
            return True
        if self.compared >= MAX_COMPARED:
            return True
        everywhere = self._everywhere.inherited_roles(name)
        self.compared += len(everywhere)
        yield len(everywhere)
        projects = {
            one for role in everywhere for one in self._projects_of.get(role, ())
        }
        scopes = [(self._everywhere, Scope(other_projects=frozenset(projects)))]
        scopes += [
            (self._of_projects[one], Scope(project=one)) for one in sorted(projects)
        ]
        for lines, scope in scopes:
            if self.compared >= MAX_COMPARED:
                return True
            rules = list(lines.effective_rules(name))
            self.compared += len(rules) + 1
            if (yield from allows_something(rules, self._mode, scope)):
                return True
        return False

    def explain_effect(self, name: str, placed: "_PlacedRules") -> Steps[str]:
        """Explain in a sentence why a role allows nothing; yields like ``reach``."""
        lines = self._lines_for(name)
        roles = lines.inherited_roles(name)
        yield len(roles)
        found = (
            f"{place} ({line}): {rule_problem(rule, self._mode, project)}"
            for one in sorted(roles, key=lambda one: (one != name, one))
            for rule, place, line, project in placed.of(one)
        )
        listed = list(islice(found, MAX_EXPLAINED + 1))
        more = "; and more" if len(listed) > MAX_EXPLAINED else ""
        text = "; ".join(listed[:MAX_EXPLAINED]) or placed.misplaced_in(name)
        has_deny = lines.reached[name] & _HAS_DENY
        without = "it has only deny rules" if has_deny else "it has no rules"
        return f"{text or without}{more}."

    def _compare_objects(self, name: str) -> Steps[int]:
        """Find the permissions that a role has for some object that no rule denies."""
        allowed, denied = defaultdict[str, int](int), defaultdict[str, int](int)
        denied_everywhere, lines = 0, self._lines_for(name)
        for one in lines.inherited_roles(name):
            for part in _parts(lines.rules_of(one)):
                for rule in part:
                    content = _content(rule, self._mode)
                    allowed[rule.object] |= content & _ALL
                    denied_everywhere |= content >> _DENIED
                    if rule.effect == "deny":
                        bits = _permissions_of(rule, self._mode, if_too_long=0)
                        denied[rule.object] |= bits
                self.compared += len(part)
                yield len(part)
        found = 0
        for name_of_object, bits in allowed.items():
            found |= bits & ~denied.get(name_of_object, 0)
        return found & ~denied_everywhere & _ALL


class _PlacedRules:
    """Rules of the RBAC policy and of AppProjects by subject, with their locations."""

    def __init__(self) -> None:
        self._rules = defaultdict[str, list[tuple[Rule, str, str]]](list)
        self._misplaced = defaultdict[str, list[tuple[Rule, str]]](list)
        """Rules that an AppProject has in a role with another name."""
        for rule, source in built_in.BUILT_IN.rules:
            self._rules[rule.subject].append((rule, source, ""))

    def read(self, text: PolicyCSV, projects: Iterable[Project]) -> Iterator[int]:
        """Read all rules; yields the work since the last pause."""
        for number, (rule, place) in enumerate(text.placed_rules()):
            self._rules[rule.subject].append((rule, str(place), ""))
            if number % _LONG_LIST == 0:
                yield _LONG_LIST
        for project in projects:
            if not project.lines().problems:
                self._read_project(project)
                yield 1 + len(project.lines().rules)

    def _read_project(self, project: Project) -> None:
        for role in project.roles:
            name, place = f"proj:{project.name}:{role.name}", project.place_of(role)
            for policy in role.policies:
                for rule in read_key("", policy).rules:
                    self._rules[rule.subject].append((rule, place, project.name))
                    if rule.subject != name:
                        self._misplaced[name].append((rule, place))

    def of(self, name: str) -> Iterator[tuple[Rule, str, str, str]]:
        """Yield the rules of a name that do not deny.

        Each has its location, its line, and its AppProject (or an empty text).
        """
        for rule, place, project in self._rules.get(name, ()):
            if rule.effect != "deny":
                yield rule, place, shortened(render_rule(rule)), project

    def misplaced_in(self, name: str) -> str:
        """Explain that the policies of a project role are for other subjects."""
        for rule, place in self._misplaced.get(name, ()):
            return (
                f"{place} ({shortened(render_rule(rule))}): its subject is"
                f" {quote(rule.subject)}, not {quote(name)}"
            )
        return ""


def _content(rule: Rule, mode: str, project: str = "") -> int:
    """Return what one rule contains, as bits; ``project`` as for ``facts_of``."""
    facts = facts_of(rule, mode, project)
    effect = (_ALLOWS if facts.allows else 0) | (
        _NEEDS_SEARCH if facts.needs_search else 0
    )
    if rule.effect == "allow":
        return effect | _permissions_of(rule, mode, if_too_long=_ALL)
    if rule.effect != "deny":
        return effect
    bits = _permissions_of(rule, mode, if_too_long=0)
    if rule.object in _EVERYTHING:
        return effect | _HAS_DENY | bits << _DENIED
    return effect | _HAS_DENY | (_HAS_LIMITED_DENY if bits else 0)


def _parts(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    for begin in range(0, len(whole), _LONG_LIST):
        yield whole[begin : begin + _LONG_LIST]


def _returning_none(steps: Iterator[int]) -> Steps[None]:
    yield from steps


@lru_cache(maxsize=1 << 10)
def _risks(permissions: int, *, has_deny: bool) -> RoleRisks:
    """Return the risks of these bits; roles with the same risks share one object."""
    return RoleRisks(
        has_deny=has_deny,
        persistent_permissions=tuple(
            f"{resource} {action}"
            for (resource, action), bit in _BITS.items()
            if permissions & bit
        ),
    )


def _permissions_of(rule: Rule, mode: str, *, if_too_long: int) -> int:
    """Return the permissions of a rule, or a constant if its patterns are too long."""
    if max(len(rule.resource), len(rule.action)) > MAX_PATTERN:
        return if_too_long
    return _persistent_permissions(rule.resource, rule.action, mode)


@cached_if_short(1 << 10)
def _persistent_permissions(resources: str, actions: str, mode: str) -> int:
    """Return the permissions of ``PERSISTENT`` that two patterns match, as bits."""
    return sum(
        bit
        for (resource, action), bit in _BITS.items()
        if pattern_matches(resources, resource, mode=mode)
        and _matches_action(actions, action, mode)
    )


def _matches_action(pattern: str, action: str, mode: str) -> bool:
    """Return whether a pattern matches an action or some of its subresources."""
    if pattern_matches(pattern, action, mode=mode):
        return True
    has_subresources = action.endswith("/*") and mode != REGEX_MODE
    return has_subresources and pattern.startswith(action.removesuffix("*"))


def find_global_roles(
    text: PolicyCSV, projects: Iterable[Project] | None
) -> Steps[frozenset[str]]:
    """Find the global roles that a grant can name.

    These are ``role:…``, and the second field of every ``g`` line, if they have a rule
    or inherit a role that has one. The managed key is not read: a binding of argogrant
    alone does not make a role.

    Args:
        text: The RBAC policy.
        projects: The AppProjects, which may have the rules of an inherited role; None
            if some of them are unknown, and then each such name counts as a role.

    Yields:
        The work since the last pause, in lines and roles.
    """
    ruled = {rule.subject for rule in text.rules}
    subjects = ruled | {binding.subject for binding in text.bindings}
    names = {name for name in subjects if name.startswith("role:")}
    names |= {b.role for b in text.bindings if not b.role.startswith("proj:")}
    names -= {""}
    if projects is None:
        return BUILT_IN_ROLES | names
    heirs = _heirs(_BUILT_IN, text)
    for lines in (one.lines() for one in projects):
        if not lines.problems:
            ruled.update(rule.subject for rule in lines.rules)
            _add_heirs(heirs, lines)
        yield 1 + len(lines.rules) + len(lines.bindings)
    last = found = {*BUILT_IN_ROLES, *ruled}
    for _ in range(_INHERITED):
        following: set[str] = set()
        for role in last & heirs.keys():
            following.update(heirs[role])
            yield 1
        last = following - found
        found |= last
    return BUILT_IN_ROLES | names & found


def discover_roles(
    text: PolicyCSV, projects: Iterable[Project]
) -> tuple[DiscoveredRole, ...]:
    """Find every role that a grant can name; sorted, without duplicates."""
    return completed(analyse_roles(text, projects)).roles


def analyse_roles(text: PolicyCSV, projects: Iterable[Project]) -> Steps[RoleAnalysis]:
    """Find the roles of one Argo CD, their risks, and what every user has.

    The caller resumes this generator while it has time for it.

    Yields:
        The work since the last pause, in lines and roles.
    """
    projects = sorted(projects, key=attrgetter("name"))
    permissions = RolePermissions(text)
    for project in projects:
        yield permissions.add(project)
    global_names = yield from find_global_roles(text, projects)
    roles = [DiscoveredRole(project="", name=name) for name in sorted(global_names)]
    for project in projects:
        roles += sorted(_roles_of(project))
        yield len(project.roles)
    yield from permissions.reach(role.bound_as for role in roles)
    found: list[DiscoveredRole] = []
    all_risks: dict[str, RoleRisks] = {}
    without_effect: dict[str, str] = {}
    placed: _PlacedRules | None = None
    for role in roles:
        risks = yield from permissions.find_risks(role.bound_as)
        nothing = ""
        if not (yield from permissions.find_effect(role.bound_as)):
            if placed is None:
                placed = _PlacedRules()
                yield from placed.read(text, projects)
            nothing = yield from permissions.explain_effect(role.bound_as, placed)
        found.append(replace(role, risks=risks, allows_nothing=nothing))
        if risks != NO_RISKS:
            all_risks[role.bound_as] = risks
        if nothing:
            without_effect[role.bound_as] = nothing
    default = text.default_role
    return RoleAnalysis(
        roles=tuple(found),
        risks=all_risks,
        without_effect=without_effect,
        overrated=permissions.overrated,
        default_roles=permissions.inherited_roles(default) if default else frozenset(),
        default_roles_in=permissions.inherited_in_projects(default) if default else {},
    )


def _roles_of(project: Project) -> set[DiscoveredRole]:
    return {
        DiscoveredRole(
            project=project.name, name=role.name, description=role.description
        )
        for role in project.roles
    }


def default_roles(text: PolicyCSV) -> frozenset[str]:
    """Return the default role and its inherited roles; empty without a default role."""
    if not text.default_role:
        return frozenset()
    return RolePermissions(text, ()).inherited_roles(text.default_role)


def default_roles_in(
    text: PolicyCSV, projects: Iterable[Project]
) -> dict[str, frozenset[str]]:
    """Return the same in requests about each AppProject whose lines add some."""
    if not text.default_role:
        return {}
    return RolePermissions(text, projects).inherited_in_projects(text.default_role)


def role_inheritance(text: PolicyCSV, projects: Iterable[Project]) -> RoleInheritance:
    """Return the inheritance of roles, for Deny policies; lines are read on demand.

    Argo CD ignores the lines of an invalid AppProject, and so does the result.
    """
    by_name = {project.name: project for project in projects}

    @cache
    def heirs_in(project: str) -> Heirs:
        if not project:
            return _heirs(_BUILT_IN, text)
        lines = by_name[project].lines() if project in by_name else None
        return {} if lines is None or lines.problems else _heirs(lines)

    return RoleInheritance(heirs_in)


def _heirs(*parts: ParsedLines) -> defaultdict[str, list[str]]:
    """Group the lines by the inherited role; members of a role count as its heirs."""
    found = defaultdict[str, list[str]](list)
    for lines in parts:
        _add_heirs(found, lines)
    return found


def _add_heirs(heirs: defaultdict[str, list[str]], lines: ParsedLines) -> None:
    for heir, role in lines.bindings:
        heirs[role].append(heir)


def names_used_as_roles(text: PolicyCSV) -> frozenset[str]:
    """Find every name that must not become the subject of any binding.

    These names are used as roles: the second field of ``g`` lines, and
    ``policy.default``, which every user has. Binding such a name would grant the new
    role to everyone who has it.
    """
    names = {binding.role for binding in text.bindings}
    return BUILT_IN_ROLES | names | ({text.default_role} - {""})


def names_used_as_roles_in(
    projects: Iterable[Project],
) -> dict[str, frozenset[str]]:
    """Find the names that must not become the subject of roles of each project.

    Argo CD adds the lines of a project for requests about that project only, so they
    count for grants of its own roles only.

    Source: argoproj/argo-cd, ``util/rbac/rbac.go``,
    ``CreateEnforcerWithRuntimePolicy``.
    """
    names = {
        project.name: frozenset(binding.role for binding in project.lines().bindings)
        for project in projects
    }
    return {project: found for project, found in names.items() if found}
