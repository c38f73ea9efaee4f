"""Login configuration of an Argo CD: what it compares with subjects.

Argo CD identifies a user by strings: the user id, and the values of the claims that
``scopes`` lists. A grant whose subject is none of these strings has no effect, and Argo
CD reports no error.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

DEFAULT_CLAIMS: Final = ("groups",)
"""Source: argoproj/argo-cd, ``util/rbac/rbac.go``, ``DefaultScopes``."""

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./:-]*[A-Za-z0-9_]")
_YAML_KEYWORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAccount:
    """A local account of Argo CD, as ``argocd-cm`` configures it."""

    name: str
    is_enabled: bool = True
    may_sign_in: bool = True
    """True if the account may have a password or API tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgoCDSettings:
    """Settings of ``argocd-cm`` about signing in."""

    accounts: Mapping[str, LocalAccount] = field(default_factory=dict)
    has_single_sign_on: bool = True
    """True if an identity provider may be configured, Dex or another."""
    allows_anonymous: bool = False
    """True if anonymous users have ``policy.default``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginConfig:
    """Everything that determines whether Argo CD can match a subject."""

    claims: tuple[str, ...] | None = DEFAULT_CLAIMS
    """Claims that are compared with subjects; None if Argo CD cannot parse them."""
    default_role: str = ""
    """``policy.default``: the role of every signed-in user."""
    default_roles: frozenset[str] = frozenset()
    """The default role and all roles that it inherits."""
    settings: ArgoCDSettings | None = None
    """None if ``argocd-cm`` cannot be read; then nothing about it is certain."""


@lru_cache(maxsize=16)
def scopes_line(claims: tuple[str, ...]) -> str:
    """Write the line of ``argocd-rbac-cm`` that lists these claims."""
    text = ", ".join(_flow_scalar(claim) for claim in claims)
    return "scopes: '[{}]'".format(text.replace("'", "''"))


def _flow_scalar(claim: str) -> str:
    if _PLAIN.fullmatch(claim) and claim.lower() not in _YAML_KEYWORDS:
        return claim
    return json.dumps(claim)
