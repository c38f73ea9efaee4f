"""Credentials: from the pod, from a kubeconfig, or from a token for another cluster.

The official Python client is used, with one addition. kubectl honours ``as`` and its
companions in the user of a kubeconfig; the Python client ignores them, and would send
requests with other permissions, usually more of them. ``impersonation_headers`` adds
the headers that kubectl sends.

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
"""Pairs, since ``Impersonate-Group`` may occur several times."""


class IncompleteImpersonation(Exception):
    """The kubeconfig has as-uid, as-groups or as-user-extra without as."""


def impersonation_headers(user: Mapping[str, Any]) -> Headers:
    """Build the impersonation headers for a user of a kubeconfig.

    Args:
        user: The user's entry, with ``as``, ``as-uid``, ``as-groups`` and
            ``as-user-extra``, all optional.

    Raises:
        IncompleteImpersonation: There are other fields but no ``as``.
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
            " as; set as to the user to impersonate"
        )
    return ()


async def client_from_environment(context: str = "") -> ApiClient:
    """Create a client with the pod's service account, or else with the kubeconfig.

    Args:
        context: Context of the kubeconfig, which takes precedence over the pod's
            service account; empty for the current context.

    Raises:
        IncompleteImpersonation: The kubeconfig has other impersonation fields without
            ``as``.
    """
    configuration = Configuration()
    if not context and _is_loaded_in_cluster(configuration):
        return _client(configuration)
    loader = await load_kube_config(  # type: ignore[no-untyped-call]
        client_configuration=configuration, context=context or None
    )
    user = loader._user  # noqa: SLF001 - there is no public accessor
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
    """Return the namespace of a context of the kubeconfig; empty if it has none.

    Args:
        context: Empty for the current context.
    """
    try:
        contexts, current = list_kube_config_contexts()  # type: ignore[no-untyped-call]
    except ConfigException:
        return ""
    chosen = [one for one in contexts if one["name"] == context] if context else []
    named = (chosen or [current])[0].get("context") or {}
    return str(named.get("namespace") or "")


def client_for_server(server: str, *, authorities: str, token: str) -> ApiClient:
    """Create a client for an API server that verifies the server's certificate.

    Args:
        server: URL, ``https://…``.
        authorities: Trusted CA certificates in PEM; empty for those of the system.
        token: Bearer token.

    Raises:
        UntrustedCertificate: ``authorities`` contains no certificate.
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
            f"the CA certificates for {server} cannot be read: {error}"
        ) from error


def _client(configuration: Configuration, headers: Headers = ()) -> ApiClient:
    # With trust_env aiohttp looks for a proxy at every request, which triples the cost
    # of a request. Without a proxy in the environment it is switched off.
    configuration.client_session_kwargs = {
        "trust_env": bool(getproxies()),
        "headers": headers,
    }
    return ApiClient(configuration)
