"""The official client, with the credentials of its surroundings or of a token.

As whom a user of the kubeconfig wants to be seen: what the client leaves out.

kubectl honours ``as`` of a kubeconfig; the official Python client does not read it,
and would act as somebody with other rights, as a rule more of them.

Source: Kubernetes, "User impersonation", and ``client-go/transport/round_trippers.go``
(``NewImpersonatingRoundTripper``, ``headerKeyEscape``).
"""

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from urllib.request import getproxies

from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import (
    ConfigException,
    list_kube_config_contexts,
    load_incluster_config,
    load_kube_config,
)

from argogrant.kube.errors import UntrustedCertificate

Headers = tuple[tuple[str, str], ...]
"""A list, as there are many groups."""


class IncompleteImpersonation(Exception):
    """The kubeconfig says as whom only in part."""


def impersonation_headers(user: Mapping[str, Any]) -> Headers:
    """Write the headers of whoever the user of a kubeconfig wants to be seen as.

    Args:
        user: The entry of a kubeconfig: ``as``, ``as-uid``, ``as-groups`` and
            ``as-user-extra``.

    Raises:
        IncompleteImpersonation: There is more than ``as``, but not that.
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
        raise IncompleteImpersonation(
            "the user of the kubeconfig has as-uid, as-groups or as-user-extra without"
            " as; name the user to be seen as"
        )
    return ()


async def client_from_environment(context: str = "") -> ApiClient:
    """Use the pod's service account, or else the kubeconfig.

    Args:
        context: One of the kubeconfig, whatever the pod; empty for the current.

    Raises:
        IncompleteImpersonation: The kubeconfig says as whom only in part.
    """
    configuration = Configuration()
    if not context and _is_loaded_in_cluster(configuration):
        return _client(configuration)
    loader = await load_kube_config(  # type: ignore[no-untyped-call]
        client_configuration=configuration, context=context or None
    )
    user = loader._user  # noqa: SLF001 - no public function tells
    return _client(configuration, impersonation_headers(user.value if user else {}))


def _is_loaded_in_cluster(configuration: Configuration) -> bool:
    try:
        load_incluster_config(  # type: ignore[no-untyped-call]
            client_configuration=configuration
        )
    except ConfigException:
        return False
    return True


def namespace_of_context(context: str = "") -> str:
    """Read the namespace that a context of the kubeconfig names; empty if none.

    Args:
        context: Empty for the current one.
    """
    try:
        contexts, current = list_kube_config_contexts()  # type: ignore[no-untyped-call]
    except ConfigException:
        return ""
    chosen = [one for one in contexts if one["name"] == context] if context else []
    named = (chosen or [current])[0].get("context") or {}
    return str(named.get("namespace") or "")


def client_for_server(server: str, *, authorities: str, token: str) -> ApiClient:
    """Use an API server's URL and a bearer token; its certificate is verified.

    Args:
        server: ``https://…``.
        authorities: PEM of the certificates to trust; empty for the system's.
        token: Shown as a bearer token.

    Raises:
        Untrusted: There is no certificate in ``authorities``.
    """
    configuration = Configuration(
        host=server,
        api_key={"BearerToken": token},
        api_key_prefix={"BearerToken": "Bearer"},
        ca_cert_data=authorities or None,
        verify_ssl=True,
    )
    try:
        return _client(configuration)
    except ssl.SSLError as error:
        raise UntrustedCertificate(
            f"the certificates to trust for {server} can not be read: {error}"
        ) from error


def _client(configuration: Configuration, headers: Headers = ()) -> ApiClient:
    # Without a proxy there is no need to look for one at every request, which would
    # triple its cost.
    configuration.client_session_kwargs = {
        "trust_env": bool(getproxies()),
        "headers": headers,
    }
    return ApiClient(configuration)
