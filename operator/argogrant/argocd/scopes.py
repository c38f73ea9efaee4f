"""The claims that Argo CD compares with subjects, as ``scopes`` writes them.

Source: argoproj/argo-cd, ``server/server.go``, ``rbacPolicyLoader``: YAML of a list of
texts; nothing at all means the default. If it can not be read, the whole ConfigMap is
not taken in: Argo CD goes on with what it had, or does not start.
"""

from datetime import date, datetime
from functools import lru_cache
from typing import Final

import yaml

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
