"""Requests, and a casbin enforcer for Argo CD's lines that names the decisive line.

Casbin decides. The rule that decided and the chain of roles to it are determined
afterwards.

Source: argoproj/argo-cd, ``assets/model.conf`` and ``util/rbac/rbac.go``: subjects and
roles are compared literally, resources, actions and objects as patterns. A request is
allowed if one rule allows it and no rule denies it. For the requests that argocd-server
passes: ``util/security/rbac.go``, ``RBACName``, and
``server/application/application.go``.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import casbin
from casbin.rbac.default_role_manager import RoleManager

from argogrant.argocd.argocd_cm import GO_FALSE, GO_TRUE
from argogrant.argocd.pattern_match import REGEX_MODE, pattern_matches
from argogrant.argocd.policy_csv import Rule
from argogrant.argocd.simulation.requests import PROJECT_SCOPED
from argogrant.argocd.simulation.sourced_lines import (
    SourcedBinding,
    SourcedPolicy,
    SourcedRule,
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
"""Maximum number of links from a name to a role: ``NewRoleManagerImpl(10)``."""

ROLLBACK_KEY: Final = "server.rbac.rollback.enforce.enable"
INHERITANCE_KEY: Final = "server.rbac.disableApplicationFineGrainedRBACInheritance"
_WITH_NAMESPACE: Final = 3
"""Parts of an object name that contains the namespace of an Application."""

Chain = tuple[SourcedBinding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnforceRequest:
    """Resource, action and object of a request, with Argo CD's column names."""

    resource: str
    action: str
    object: str

    @property
    def project(self) -> str | None:
        """AppProject whose lines also apply; None if the request concerns none."""
        if self.resource == "projects":
            return self.object
        if self.resource in PROJECT_SCOPED and "/" in self.object:
            return self.object.split("/")[0]
        return None


def to_enforce_requests(
    request: EnforceRequest, *, namespace: str, settings: Mapping[str, str]
) -> tuple[EnforceRequest, ...]:
    """Return the requests that argocd-server enforces; it needs one to be allowed.

    Argo CD omits its own ``namespace`` in object names. The ``settings`` are the data
    of ``argocd-cm``; empty if it cannot be read.
    """
    named = replace(request, object=_without_namespace(request, namespace))
    if named.action == "rollback" and settings.get(ROLLBACK_KEY, "") not in GO_TRUE:
        return (replace(named, action="sync"),)
    plain, slash, _ = named.action.partition("/")
    inherits = settings.get(INHERITANCE_KEY, "") in GO_FALSE
    if inherits and slash and plain in {"update", "delete"}:
        return (replace(named, action=plain), named)
    return (named,)


def _without_namespace(request: EnforceRequest, namespace: str) -> str:
    parts = request.object.split("/")
    if request.resource in PROJECT_SCOPED and len(parts) == _WITH_NAMESPACE:
        project, app_namespace, name = parts
        if app_namespace in ("", namespace):
            return f"{project}/{name}"
    return request.object


class UnreadablePattern(Exception):
    """A rule that concerns the request has an invalid regular expression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnforceResult:
    """Decision about one name, with the rule that decided."""

    name: str
    is_allowed: bool
    rule: SourcedRule | None = None
    """Rule that allows or denies the request; None if no rule matches."""
    chain: Chain = ()
    """Links from the name to the rule's subject; empty if the rule names it itself."""
    unreadable: str = ""
    """Invalid pattern that makes Argo CD deny the request."""


class Enforcer:
    """Policy lines that apply together to one request.

    These are the lines of the built-in policy, the ConfigMap and at most one project.
    """

    def __init__(self, lines: SourcedPolicy, mode: str) -> None:
        self._mode = mode
        self._links: defaultdict[str, list[SourcedBinding]] = defaultdict(list)
        self._rules: defaultdict[str, list[SourcedRule]] = defaultdict(list)
        for link in lines.bindings:
            self._links[link.binding.subject].append(link)
        for sourced in lines.rules:
            self._rules[sourced.rule.subject].append(sourced)

    def has_role_lines(self, name: str) -> bool:
        """Return whether a ``g`` line has the name as its subject."""
        return name in self._links

    def enforce(self, name: str, request: EnforceRequest) -> EnforceResult:
        """Decide whether one name may make a request, by its rules and roles."""
        chains = self._chains(name)
        rules = [one for role in chains for one in self._rules.get(role, ())]
        no_rule = EnforceResult(name=name, is_allowed=False)
        # Without rules casbin would compare the request with empty patterns.
        if not rules:
            return no_rule
        enforcer = self._build_enforcer(chains, rules)
        fields = (request.resource, request.action, request.object)
        try:
            is_allowed, denial = enforcer.enforce_ex(name, *fields)
        except UnreadablePattern as error:
            return replace(no_rule, unreadable=str(error))
        if not is_allowed and not denial:
            return no_rule
        decisive = next(
            one
            for one in rules
            if one.rule.effect == ("allow" if is_allowed else "deny")
            and len(chains[one.rule.subject]) <= LONGEST_CHAIN
            and self._matches(one.rule, request)
        )
        return EnforceResult(
            name=name,
            is_allowed=bool(is_allowed),
            rule=decisive,
            chain=chains[decisive.rule.subject],
        )

    def _chains(self, name: str) -> Mapping[str, Chain]:
        """Find every role of a name, each with its shortest chain of links."""
        chains: dict[str, Chain] = {name: ()}
        queue = [name]
        for one in queue:
            for link in self._links.get(one, ()):
                if link.binding.role not in chains:
                    chains[link.binding.role] = (*chains[one], link)
                    queue.append(link.binding.role)
        return chains

    def _build_enforcer(
        self, chains: Mapping[str, Chain], rules: Iterable[SourcedRule]
    ) -> casbin.Enforcer:
        """Build a casbin enforcer from the lines that concern one name."""
        enforcer = casbin.Enforcer(casbin.Enforcer.new_model(text=_MODEL))
        enforcer.model["p"]["p"].policy = [list(one.rule) for one in rules]
        links = {link.binding for one in chains for link in self._links.get(one, ())}
        enforcer.model["g"]["g"].policy = [list(one) for one in links]
        # PyCasbin limits the number of names, casbin for Go the number of links.
        enforcer.set_role_manager(RoleManager(LONGEST_CHAIN + 1))
        enforcer.build_role_links()
        enforcer.add_function("fits", self._fits)
        return enforcer

    def _fits(self, text: str, pattern: str) -> bool:
        """Match a text as Argo CD does.

        Raises:
            UnreadablePattern: Casbin would panic here, and Argo CD would deny.
        """
        if self._mode == REGEX_MODE and pattern_problem(pattern) is not None:
            raise UnreadablePattern(pattern)
        return pattern_matches(pattern, text, mode=self._mode)

    def _matches(self, rule: Rule, request: EnforceRequest) -> bool:
        return (
            self._fits(request.resource, rule.resource)
            and self._fits(request.action, rule.action)
            and self._fits(request.object, rule.object)
        )
