"""How people come to Argo CD, and what of them it compares with subjects.

Argo CD knows a person by strings: the user id, and the values of the claims that
``scopes`` names. A grant whose subject is none of them gives nothing, and says nothing.
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
_WORDS_OF_YAML: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAccount:
    """An account of Argo CD's own, as ``argocd-cm`` describes it."""

    name: str
    is_enabled: bool = True
    may_sign_in: bool = True
    """Whether it may have a password or API tokens at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgoCDSettings:
    """What ``argocd-cm`` says about signing in."""

    accounts: Mapping[str, LocalAccount] = field(default_factory=dict)
    has_single_sign_on: bool = True
    """Whether an identity provider may be configured, Dex or another."""
    allows_anonymous: bool = False
    """Whether those who did not sign in have ``policy.default``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginConfig:
    """Everything that tells whether Argo CD can recognise a subject."""

    claims: tuple[str, ...] | None = DEFAULT_CLAIMS
    """The claims that are compared with subjects; None if Argo CD can not read them."""
    default_role: str = ""
    """``policy.default``: what everybody has who is signed in."""
    default_roles: frozenset[str] = frozenset()
    """That role, and the roles that it inherits."""
    settings: ArgoCDSettings | None = None
    """None if ``argocd-cm`` can not be read: then nothing is claimed about it."""


@lru_cache(maxsize=16)
def scopes_line(claims: tuple[str, ...]) -> str:
    """Write the line of ``argocd-rbac-cm`` that names these claims."""
    text = ", ".join(_flow_scalar(claim) for claim in claims)
    return "scopes: '[{}]'".format(text.replace("'", "''"))


def _flow_scalar(claim: str) -> str:
    if _PLAIN.fullmatch(claim) and claim.lower() not in _WORDS_OF_YAML:
        return claim
    return json.dumps(claim)
