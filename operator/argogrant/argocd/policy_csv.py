"""The whole RBAC text: the keys of ``argocd-rbac-cm``, composed as Argo CD does.

Source: argoproj/argo-cd, ``util/rbac/rbac.go``, ``PolicyCSV``: ``policy.csv`` first,
then every ``policy.*.csv`` in byte order, with a newline before each.

The claims that Argo CD compares with subjects, as ``scopes`` writes them.

Source: argoproj/argo-cd, ``server/server.go``, ``rbacPolicyLoader``: YAML of a list of
texts; nothing at all means the default. If it can not be read, the whole ConfigMap is
not taken in: Argo CD goes on with what it had, or does not start.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Final, NewType

import yaml

from argogrant.argocd.policy_line import Rule, parse_line
from argogrant.grants.model.errors import MalformedLine
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.sign_in import DEFAULT_CLAIMS

_SCALARS: Final = (str, bool, int, float, date, datetime)
"""What Argo CD's reader of YAML takes for a text where a text is wanted."""


@lru_cache(maxsize=16)
def read_scopes(text: str) -> tuple[str, ...] | None:
    """Read the claims; None if Argo CD can not.

    Args:
        text: The value of ``scopes``; empty if there is none.
    """
    try:
        found: object = yaml.safe_load(
            text.replace("\t", " ")
        )  # Go's reader skips tabs
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if found is None:
        return DEFAULT_CLAIMS
    if not isinstance(found, list):
        return None
    if not all(one is None or isinstance(one, _SCALARS) for one in found):
        return None
    return tuple("" if one is None else str(one) for one in found)


OverlayKey = NewType("OverlayKey", str)

CONFIG_MAP_NAME: Final = "argocd-rbac-cm"
MAIN_KEY: Final = "policy.csv"
DEFAULT_ROLE_KEY: Final = "policy.default"
MATCH_MODE_KEY: Final = "policy.matchMode"
SCOPES_KEY: Final = "scopes"
OVERLAY_KEY: Final = OverlayKey("policy.argogrant.csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyProblem:
    """A line that Argo CD can not read, and with it nothing else either."""

    key: str
    line_number: int
    why: str
    consequence: str = (
        "It refuses everybody until that line of argocd-rbac-cm is mended. Grants that"
        " run still end; new ones wait."
    )

    def __str__(self) -> str:
        """Say where and what, as ``policy.csv line 3: …``."""
        return f"{self.key} line {self.line_number}: {self.why}"


_SCOPES_PROBLEM: Final = PolicyProblem(
    key=SCOPES_KEY,
    line_number=1,
    why=(
        "it is no YAML list of claims, such as '[groups, email]', and until it is Argo"
        " CD takes in no change of argocd-rbac-cm"
    ),
    consequence=(
        "Until scopes is mended or removed it goes by what it read before: what ends is"
        " removed here, but may be allowed all the same; new grants wait."
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyText:
    """What one key holds, line by line."""

    rules: tuple[Rule, ...]
    bindings: tuple[Binding, ...]
    problems: tuple[PolicyProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCSV:
    """What others wrote: everything that Argo CD reads but our overlay."""

    rules: tuple[Rule, ...]
    bindings: tuple[Binding, ...]
    problems: tuple[PolicyProblem, ...]
    default_role: str
    match_mode: str = ""
    """How patterns are compared: as regular expressions if it is ``regex``."""
    claims: tuple[str, ...] | None = DEFAULT_CLAIMS
    """What is compared with subjects; None if ``scopes`` can not be read."""


def policy_keys(data: Mapping[str, str]) -> list[str]:
    """Name the keys that Argo CD composes, in its order."""
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
    """Compose the text that Argo CD's enforcer is given."""
    return "\n".join(
        [data.get(MAIN_KEY, "")]
        + [data[key] for key in policy_keys(data) if key != MAIN_KEY]
    )


def read_unmanaged_keys(data: Mapping[str, str]) -> PolicyCSV:
    """Read every key but the overlay.

    Args:
        data: The ConfigMap's ``data``.

    Returns:
        All rules and bindings, and the lines that can not be read, by key.
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
    """Read what others wrote, which rarely changes, and keep the answer."""
    return read_key(key, text)


def read_key(key: str, text: str) -> KeyText:
    """Read the lines of one key; the ones that can not be read become problems."""
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
