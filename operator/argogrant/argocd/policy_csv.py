"""Argo CD's RBAC policy in ``argocd-rbac-cm``, composed and parsed as in Argo CD.

Policy keys: argoproj/argo-cd, ``util/rbac/rbac.go``, ``PolicyCSV``: ``policy.csv``
first, then every ``policy.*.csv`` in byte order, with a newline before each.

Key ``scopes``: argoproj/argo-cd, ``server/server.go``, ``rbacPolicyLoader``: a YAML
list of claims that Argo CD compares with subjects; an empty value means the default. If
Argo CD cannot parse it, it does not load the ConfigMap: it keeps the policy that it
loaded before, or does not start.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Final, NewType

import yaml

from argogrant.argocd.policy_line import Rule, parse_line
from argogrant.grants.effectiveness import DEFAULT_CLAIMS
from argogrant.grants.model.errors import MalformedLine
from argogrant.grants.model.grant import Binding

_SCALARS: Final = (str, bool, int, float, date, datetime)
"""YAML types that Argo CD's parser accepts where it expects a string."""


@lru_cache(maxsize=16)
def read_scopes(text: str) -> tuple[str, ...] | None:
    """Parse the claims; return None if Argo CD cannot parse them.

    Args:
        text: Value of ``scopes``; empty if the ConfigMap lacks the key.
    """
    # Go's YAML parser skips tabs.
    spaced = text.replace("\t", " ")
    try:
        claims: object = yaml.safe_load(spaced)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if claims is None:
        return DEFAULT_CLAIMS
    if not isinstance(claims, list):
        return None
    if not all(one is None or isinstance(one, _SCALARS) for one in claims):
        return None
    return tuple("" if one is None else str(one) for one in claims)


OverlayKey = NewType("OverlayKey", str)

CONFIG_MAP_NAME: Final = "argocd-rbac-cm"
MAIN_KEY: Final = "policy.csv"
DEFAULT_ROLE_KEY: Final = "policy.default"
MATCH_MODE_KEY: Final = "policy.matchMode"
SCOPES_KEY: Final = "scopes"
OVERLAY_KEY: Final = OverlayKey("policy.argogrant.csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyProblem:
    """Line that makes Argo CD reject the whole policy."""

    key: str
    line_number: int
    why: str
    consequence: str = (
        "Argo CD denies every request until that line of argocd-rbac-cm is fixed."
        " Active grants still expire; new grants wait."
    )

    def __str__(self) -> str:
        """Return the location and the problem: ``policy.csv line 3: …``."""
        return f"{self.key} line {self.line_number}: {self.why}"


_SCOPES_PROBLEM: Final = PolicyProblem(
    key=SCOPES_KEY,
    line_number=1,
    why=(
        "the value is not a YAML list of claims, such as '[groups, email]', so Argo CD"
        " does not load any change of argocd-rbac-cm"
    ),
    consequence=(
        "Fix or remove scopes. Until then Argo CD uses the policy that it loaded"
        " before: it may still allow expired grants, although their bindings are"
        " removed; new grants wait."
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyText:
    """Parsed lines of one key."""

    rules: tuple[Rule, ...]
    bindings: tuple[Binding, ...]
    problems: tuple[PolicyProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCSV:
    """Unmanaged RBAC settings: everything that Argo CD reads except the managed key."""

    rules: tuple[Rule, ...]
    bindings: tuple[Binding, ...]
    problems: tuple[PolicyProblem, ...]
    default_role: str
    match_mode: str = ""
    """Value of ``policy.matchMode``; ``regex`` for regular expressions."""
    claims: tuple[str, ...] | None = DEFAULT_CLAIMS
    """Claims that Argo CD compares with subjects; None if ``scopes`` is invalid."""


def policy_keys(data: Mapping[str, str]) -> list[str]:
    """List the keys that Argo CD composes, in its order."""
    others = sorted(
        (
            key
            for key in data
            if key.startswith("policy.") and key.endswith(".csv") and key != MAIN_KEY
        ),
        key=str.encode,
    )
    return [MAIN_KEY, *others] if MAIN_KEY in data else others


def compose(data: Mapping[str, str]) -> str:
    """Compose the policy text that Argo CD passes to its enforcer."""
    return "\n".join(
        [data.get(MAIN_KEY, "")]
        + [data[key] for key in policy_keys(data) if key != MAIN_KEY]
    )


def read_unmanaged_keys(data: Mapping[str, str]) -> PolicyCSV:
    """Parse every key except the managed one.

    Args:
        data: The ConfigMap's ``data``.

    Returns:
        All rules and bindings, and the lines that Argo CD cannot read.
    """
    keys = [key for key in policy_keys(data) if key != OVERLAY_KEY]
    texts = [read_key_once(key, data[key]) for key in keys]
    claims = read_scopes(data.get(SCOPES_KEY, ""))
    return PolicyCSV(
        rules=tuple(rule for text in texts for rule in text.rules),
        bindings=tuple(binding for text in texts for binding in text.bindings),
        problems=(
            *(problem for text in texts for problem in text.problems),
            *([_SCOPES_PROBLEM] if claims is None else []),
        ),
        default_role=data.get(DEFAULT_ROLE_KEY, ""),
        match_mode=data.get(MATCH_MODE_KEY, ""),
        claims=claims,
    )


@lru_cache(maxsize=1 << 11)
def read_key_once(key: str, text: str) -> KeyText:
    """Parse an unmanaged key and cache the result, because such keys rarely change."""
    return read_key(key, text)


def read_key(key: str, text: str) -> KeyText:
    """Parse the lines of one key; unreadable lines become problems."""
    rules: list[Rule] = []
    bindings: list[Binding] = []
    problems: list[PolicyProblem] = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            parsed = parse_line(line)
        except MalformedLine as error:
            problems.append(PolicyProblem(key=key, line_number=number, why=str(error)))
            continue
        if isinstance(parsed, Rule):
            rules.append(parsed)
        elif parsed is not None:
            bindings.append(parsed)
    return KeyText(
        rules=tuple(rules), bindings=tuple(bindings), problems=tuple(problems)
    )
