"""As whom a user of the kubeconfig wants to be seen: what the client leaves out.

kubectl honours ``as`` of a kubeconfig; the official Python client does not read it,
and would act as somebody with other rights, as a rule more of them.

Source: Kubernetes, "User impersonation", and ``client-go/transport/round_trippers.go``
(``NewImpersonatingRoundTripper``, ``headerKeyEscape``).
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

Headers = tuple[tuple[str, str], ...]
"""A list, as there are many groups."""


class ImpersonationRefused(Exception):
    """The kubeconfig says as whom only in part."""


def impersonation_headers(user: Mapping[str, Any]) -> Headers:
    """Write the headers of whoever the user of a kubeconfig wants to be seen as.

    Args:
        user: The entry of a kubeconfig: ``as``, ``as-uid``, ``as-groups`` and
            ``as-user-extra``.

    Raises:
        ImpersonationRefused: There is more than ``as``, but not that.
    """
    parts = [("Impersonate-Uid", uid) for uid in [user.get("as-uid")] if uid]
    parts += [("Impersonate-Group", group) for group in user.get("as-groups") or ()]
    parts += [
        (f"Impersonate-Extra-{quote(key, safe='')}", value)
        for key, values in (user.get("as-user-extra") or {}).items()
        for value in values
    ]
    if user.get("as"):
        return (("Impersonate-User", user["as"]), *parts)
    if parts:
        raise ImpersonationRefused(
            "the user of the kubeconfig has as-uid, as-groups or as-user-extra without"
            " as; name the user to be seen as"
        )
    return ()
