"""Settings of Argo CD in ``argocd-cm``: local accounts, single sign-on, and its mark.

Source: argoproj/argo-cd, ``util/settings/accounts.go``, ``parseAccounts``, and
``util/settings/settings.go``, also ``GetAppInstanceLabelKey``.

Only the names of keys and short values are read here. The YAML of Dex and of an OpenID
Connect provider is not parsed.
"""

import re
from collections.abc import Mapping
from typing import Final

from argogrant.grants.effectiveness import ArgoCDSettings, LocalAccount

SETTINGS_NAME: Final = "argocd-cm"
CAPABILITIES: Final = frozenset({"login", "apiKey"})
GO_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
GO_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})
"""Texts that Go's ``strconv.ParseBool`` parses as true and as false."""
_ACCOUNT_KEY: Final = re.compile(r"accounts\.([^.]*)(?:\.enabled)?")
MAX_ACCOUNTS: Final = 1000
MAX_LABEL_KEY: Final = 317
"""Characters of the key of a label: a domain, a slash and a name."""
_PROVIDERS: Final = ("dex.config", "oidc.config")


def read_settings(data: Mapping[str, str]) -> ArgoCDSettings | None:
    """Read the ConfigMap's ``data``, without keys that Argo CD ignores.

    Returns:
        None if it has more than ``MAX_ACCOUNTS`` accounts; then nothing is certain.
    """
    names = {found[1] for key in data if (found := _ACCOUNT_KEY.fullmatch(key))}
    if len(names) > MAX_ACCOUNTS:
        return None
    label_key = data.get("application.instanceLabelKey", "")
    return ArgoCDSettings(
        accounts={name: _account(name, data) for name in names},
        has_single_sign_on=any(data.get(key, "").strip() for key in _PROVIDERS),
        allows_anonymous=data.get("users.anonymous.enabled") == "true",
        instance_label_key=label_key if len(label_key) <= MAX_LABEL_KEY else "",
    )


def _account(name: str, data: Mapping[str, str]) -> LocalAccount:
    key = f"accounts.{name}"
    capabilities = {one.strip() for one in data.get(key, "").split(",")}
    return LocalAccount(
        name=name,
        is_enabled=data.get(f"{key}.enabled", "") not in GO_FALSE,
        may_sign_in=bool(capabilities & CAPABILITIES),
    )
