"""One API server: its address, its TLS settings, its proxy and the credential for it.

Every session that is opened here authenticates its requests, reaches the server through
its proxy, and sends a rejected request again once, if there is another credential.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver

from argogrant.grants.model.validation import quote
from argogrant.kube.credentials import (
    Credential,
    CredentialSource,
    FileCredential,
    OIDCCredential,
    StaticCredential,
    basic,
    check_auth_provider,
    impersonation_headers,
)
from argogrant.kube.errors import CredentialUnavailable
from argogrant.kube.exec_plugin import VERSIONS, ExecCredential, PluginTerminal
from argogrant.kube.kubeconfig.choosing import (
    ClientConfig,
    basic_of_url,
    url_without_credential,
)
from argogrant.kube.kubeconfig.entries import InvalidKubeconfig
from argogrant.kube.kubeconfig.plugin_policy import check_plugin
from argogrant.kube.proxies import InvalidProxy, proxy_of
from argogrant.kube.tls import ClientCertificate, InvalidCertificate, client_context

UNAUTHORIZED: Final = 401
logger = logging.getLogger(__name__)
Headers = tuple[tuple[str, str], ...]
"""Pairs, since ``Impersonate-Group`` may occur several times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServer:
    """Address of an API server, and how requests to it are sent."""

    url: str
    """URL without a credential and without a slash at its end."""
    credentials: CredentialSource
    authorities: bytes | None = None
    """Trusted certificates in PEM; None for those of the system."""
    insecure: bool = False
    tls_server_name: str = ""
    proxy: str = field(default="", repr=False)
    """URL of the proxy; empty for none."""
    headers: Headers = ()
    """Headers of every request, such as those of impersonation."""

    def open_session(
        self,
        certificate: ClientCertificate | None,
        resolver: AbstractResolver | None = None,
        *,
        limit: int = 0,
        outer: tuple[aiohttp.ClientMiddlewareType, ...] = (),
        **settings: Any,  # noqa: ANN401
    ) -> aiohttp.ClientSession:
        """Open a session; it can only be used in the event loop that runs now.

        Args:
            certificate: Client certificate of the connections.
            resolver: Looks up host names; None for aiohttp's.
            limit: Connections at the same time; 0 for no limit.
            outer: Middlewares around the authentication.
            settings: Further settings of ``aiohttp.ClientSession``.

        Raises:
            InvalidCertificate: The certificates cannot be loaded.
        """
        context = client_context(self.authorities, certificate, insecure=self.insecure)
        options: dict[str, Any] = {"limit": limit, "ssl": context}
        is_socks = urlsplit(self.proxy).scheme.startswith("socks5")
        if is_socks:
            from argogrant.kube.socks5_connector import (  # noqa: PLC0415 - rare
                Socks5Connector,
            )

            resolver = resolver or aiohttp.ThreadedResolver()
            connector: aiohttp.TCPConnector
            connector = Socks5Connector(self.proxy, resolver, **options)
        else:
            connector = aiohttp.TCPConnector(resolver=resolver, **options)
        return aiohttp.ClientSession(
            connector=connector,
            headers=self.headers,
            proxy=None if is_socks else self.proxy or None,
            middlewares=(*outer, self._authenticate),
            cookie_jar=aiohttp.DummyCookieJar(),
            **settings,
        )

    async def _authenticate(
        self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if self.tls_server_name:
            request.server_hostname = self.tls_server_name
        credential = await self.credentials.current()
        _authorize(request, credential)
        response = await send(request)
        if response.status != UNAUTHORIZED:
            return response
        renewed = await self.credentials.renew(credential)
        if renewed is None or renewed.certificate != credential.certificate:
            return response
        response.close()
        _authorize(request, renewed)
        return await send(request)


async def retry_later(
    request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Turn a missing credential into an error after which kopf repeats a request.

    kopf ends the whole operator at an exception that it does not know.

    Raises:
        aiohttp.ClientConnectionError: The credential is missing now.
    """
    try:
        return await send(request)
    except CredentialUnavailable as error:
        logger.warning("%s", error)
        raise aiohttp.ClientConnectionError("there is no credential now") from error


def _authorize(request: aiohttp.ClientRequest, credential: Credential) -> None:
    request.headers.pop("Authorization", None)
    if credential.authorization:
        request.headers["Authorization"] = credential.authorization


def api_server_with_token(
    server: str, token: str, authorities: str, environment: Mapping[str, str]
) -> ApiServer:
    """Return the API server of another cluster; its certificate is always verified.

    Args:
        server: URL of the API server.
        token: Bearer token.
        authorities: Trusted CA certificates in PEM; empty for those of the system.
        environment: Proxies.

    Raises:
        InvalidCertificate: ``authorities`` has no certificate.
        InvalidProxy: The proxy of the environment has no usable URL.
    """
    trusted = authorities.encode() if authorities else None
    client_context(trusted)
    return ApiServer(
        url=server.rstrip("/"),
        credentials=StaticCredential(Credential(f"Bearer {token}" if token else "")),
        authorities=trusted,
        proxy=proxy_of(server, "", environment),
    )


def api_server_of(
    config: ClientConfig,
    *,
    environment: Mapping[str, str],
    terminal: PluginTerminal,
    clock: Callable[[], datetime],
) -> ApiServer:
    """Return the API server that a kubeconfig or a pod names.

    Args:
        config: What was chosen in the kubeconfig.
        environment: Proxies, and the environment of exec plugins.
        terminal: What an exec plugin may use of the terminal.
        clock: Current time in UTC.

    Raises:
        InvalidKubeconfig: A file, certificate, proxy or plugin cannot be used.
    """
    cluster = config.cluster
    title = f"user {quote(config.user_name)} of the kubeconfig"
    if config.in_cluster:
        title = config.user_name
    try:
        proxy = proxy_of(config.server, cluster.proxy_url, environment)
    except InvalidProxy as error:
        raise InvalidKubeconfig(str(error)) from None
    authorities = cluster.ca_data or None
    if cluster.ca_file:
        authorities = _read(cluster.ca_file, "the certificate authority")
    try:
        if config.server.startswith("https://"):
            client_context(authorities, insecure=cluster.insecure)
    except InvalidCertificate as error:
        raise InvalidKubeconfig(
            f"the certificate authority of {config.place} {error}. Correct"
            " certificate-authority or certificate-authority-data."
        ) from None
    return ApiServer(
        url=url_without_credential(config.server),
        credentials=_credentials(config, title, environment, terminal, clock),
        authorities=authorities,
        insecure=cluster.insecure,
        tls_server_name=cluster.tls_server_name or _absolute_host(config.server),
        proxy=proxy,
        headers=_checked(impersonation_headers(config.user), title),
    )


def _absolute_host(server: str) -> str:
    """Return a host name without the dot at its end; empty if it has none.

    Go's TLS removes the dot, which no certificate contains.
    """
    host = urlsplit(server).hostname or ""
    return host.removesuffix(".") if host.endswith(".") else ""


def _credentials(
    config: ClientConfig,
    title: str,
    environment: Mapping[str, str],
    terminal: PluginTerminal,
    clock: Callable[[], datetime],
) -> CredentialSource:
    user = config.user
    if user.auth_provider is not None:
        problem = check_auth_provider(user.auth_provider, title)
        if problem:
            raise InvalidKubeconfig(problem)
    if user.exec is not None and user.exec.api_version not in VERSIONS:
        raise InvalidKubeconfig(
            f"the exec plugin of {title} has the apiVersion"
            f" {quote(user.exec.api_version)}. Use {VERSIONS[0]}."
        )
    files = FileCredential(user, title)
    has_header = user.token or user.token_file or user.username
    has_certificate = user.cert_file or user.cert_data
    if has_certificate:
        _check_pair(user.cert_data, user.cert_file, user.key_data, user.key_file, title)
    from_url = basic_of_url(config.server)
    if from_url is not None:
        # Go's client prefers it to every other credential.
        return StaticCredential(Credential(basic(*from_url)))
    if user.auth_provider is not None and not has_header:
        return OIDCCredential(user.auth_provider, files, title=title, clock=clock)
    if user.exec is not None and not (has_header or has_certificate):
        check_plugin(user.exec.command, title, environment)
        return ExecCredential(
            user.exec,
            config.cluster,
            title=title,
            environment=environment,
            terminal=terminal,
            clock=clock,
        )
    return files


def _check_pair(
    cert_data: bytes, cert_file: str, key_data: bytes, key_file: str, title: str
) -> None:
    certificate = ClientCertificate(
        cert_data or _read(cert_file, f"the client certificate of {title}"),
        key_data or _read(key_file, f"the client key of {title}"),
    )
    try:
        client_context(b"", certificate, insecure=True)
    except InvalidCertificate as error:
        raise InvalidKubeconfig(
            f"the client certificate of {title} {error}. Correct the kubeconfig, or log"
            " in again."
        ) from None


def _read(path: str, title: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise InvalidKubeconfig(
            f"{title} cannot be read: {quote(path)}: {reason}."
        ) from None


def _checked(headers: Headers, title: str) -> Headers:
    for name, value in headers:
        if any(character < " " or character == "\x7f" for character in value):
            raise InvalidKubeconfig(
                f"the header {name} of {title} contains a line break or another control"
                " character. Correct as, as-uid, as-groups or as-user-extra."
            )
    return headers
