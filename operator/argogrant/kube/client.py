"""Client of an API server, with the verbs that argogrant uses, and its credentials.

Every request goes through ``KubernetesCluster._send``. Objects are plain JSON: a list
of ten thousand grants would cost seconds as model objects of the client library.

Credentials come from the pod, from a kubeconfig, or from a token for another cluster.
The official Python client reads them, with one addition. kubectl honours ``as`` and its
companions in the user of a kubeconfig; the Python client ignores them, and would send
requests with other permissions, usually more of them. ``impersonation_headers`` adds
the headers that kubectl sends.

Source: Kubernetes, "User impersonation", and ``client-go/transport/round_trippers.go``
(``NewImpersonatingRoundTripper``, ``headerKeyEscape``).
"""

import json
import random
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from math import inf
from typing import Any, Final, Protocol, Self
from urllib.parse import quote
from urllib.request import getproxies

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import (
    ConfigException,
    list_kube_config_contexts,
    load_incluster_config,
    load_kube_config,
)

from argogrant.kube.errors import (
    UntrustedCertificate,
    connection_errors,
    error_of_event,
    raise_for_status,
)
from argogrant.kube.resources import Collection

Body = dict[str, Any]
Headers = tuple[tuple[str, str], ...]
"""Pairs, since ``Impersonate-Group`` may occur several times."""

FIELD_MANAGER: Final = "argogrant"
"""Not kubectl's, since Argo CD adopts fields that kubectl has applied client-side."""

REQUEST_TIMEOUT: Final = aiohttp.ClientTimeout(total=5, connect=3)
"""Short, since a revocation whose response is lost is repeated without harm."""
LIST_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=3)
PAGE_SIZE: Final = 100
"""Objects per page of a list. A parsed page takes about 15 kB for each object. Pages of
500 objects, read during a burst of grants, increased the memory of the process by four
to six megabytes for good."""
WATCH_SECONDS: Final = 240
WATCH_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, connect=5, sock_read=75)
"""The API server sends a bookmark every minute; a watch idle for longer is dead."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a list, as of one resourceVersion."""

    items: list[Body]
    resource_version: str
    next_page: str = ""
    """Continue token of the next page; empty after the last page."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event of a watch: ADDED, MODIFIED, DELETED or BOOKMARK, with the object."""

    type: str
    body: Body


class Cluster(Protocol):
    """The verbs on an API server; each of them raises ``ClusterError``."""

    async def get(self, path: str) -> Body:
        """Read one object."""

    async def list(self, collection: Collection, page: str = "") -> ListPage:
        """Read one page of a collection, by default the first.

        Raises:
            Gone: The continue token has expired; list from the beginning.
        """

    def watch(
        self, collection: Collection, resource_version: str
    ) -> AsyncIterator[WatchEvent]:
        """Yield the changes after a resourceVersion; the server ends it after minutes.

        Raises:
            Gone: The resourceVersion is too old; list again.
            Unavailable: The connection broke or was idle for too long.
        """

    async def merge_patch(self, path: str, body: Body) -> Body:
        """Patch an existing object and return it whole; never create one."""

    async def create(self, path: str, body: Body) -> Body:
        """Create an object in the collection at this path.

        Raises:
            Conflict: An object of that name exists.
        """

    async def delete(self, path: str, *, uid: str, version: str = "") -> None:
        """Delete an object; finalizers delay its removal.

        Raises:
            Conflict: Its uid, or its version if given, are not these.
        """

    def clock_skew(self) -> float:
        """Return how many seconds the server's clock is ahead; 0 if they may agree."""

    async def close(self) -> None:
        """Close all connections; later requests fail."""


class KubernetesCluster:
    """An API server, with the official client for credentials and connections.

    Args:
        api: The official client.
        clock: Current time in UTC, which is compared with the server's.
        dry_run: Send writes with ``dryRun=All``: validated but not stored.
    """

    def __init__(
        self, api: ApiClient, clock: Callable[[], datetime], *, dry_run: bool = False
    ) -> None:
        self._api = api
        self._clock = clock
        self._dry_run_params = {"dryRun": "All"} if dry_run else {}
        self._clock_skew = ClockSkew()

    @classmethod
    async def connect(
        cls,
        clock: Callable[[], datetime],
        context: str = "",
        *,
        dry_run: bool = False,
    ) -> Self:
        """Connect with the pod's service account, or else with the kubeconfig.

        A context of the kubeconfig takes precedence over the pod's service account.
        """
        configuration = Configuration()
        headers: Headers = ()
        if context or not _is_loaded_in_cluster(configuration):
            loader = await load_kube_config(  # type: ignore[no-untyped-call]
                client_configuration=configuration, context=context or None
            )
            user = loader._user  # noqa: SLF001 - there is no public accessor
            headers = impersonation_headers(user.value if user else {})
        return cls(_api_client(configuration, headers), clock, dry_run=dry_run)

    @classmethod
    def connect_to(
        cls, server: str, *, authorities: str, token: str, clock: Callable[[], datetime]
    ) -> Self:
        """Connect to another cluster; its certificate is always verified.

        ``authorities`` are the trusted CA certificates in PEM; empty for the system's.

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
            return cls(_api_client(configuration), clock)
        except ssl.SSLError as error:
            raise UntrustedCertificate(
                f"the CA certificates for {server} cannot be read: {error}"
            ) from error

    async def close(self) -> None:
        """Close all connections."""
        await self._api.close()  # type: ignore[no-untyped-call]

    async def get(self, path: str) -> Body:
        """Read one object."""
        return await self._request("GET", path)

    async def list(self, collection: Collection, page: str = "") -> ListPage:
        """Read one page of a collection; 10,000 objects at once would take 100 MB."""
        query = {**_selector(collection), "limit": str(PAGE_SIZE)}
        if page:
            query["continue"] = page
        answer = await self._request(
            "GET", collection.path, query, timeout=LIST_TIMEOUT
        )
        metadata = answer["metadata"]
        return ListPage(
            answer.get("items") or [],
            metadata["resourceVersion"],
            metadata.get("continue") or "",
        )

    async def watch(
        self, collection: Collection, resource_version: str
    ) -> AsyncIterator[WatchEvent]:
        """Yield the changes of a collection until the server ends the watch."""
        seconds = WATCH_SECONDS + random.randrange(60)  # noqa: S311
        query = {
            **_selector(collection),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(seconds),
        }
        request = f"WATCH {collection.path}"
        with connection_errors(request):
            response = await self._send(
                "GET", collection.path, query, timeout=WATCH_TIMEOUT
            )
            try:
                if response.status != HTTPStatus.OK:
                    raise_for_status(response.status, await response.read(), request)
                async for line in response.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise error_of_event(event["object"])
                    yield WatchEvent(event["type"], event["object"])
            finally:
                response.close()

    async def merge_patch(self, path: str, body: Body) -> Body:
        """Patch an existing object."""
        return await self._request("PATCH", path, self._write_params(), body)

    async def create(self, path: str, body: Body) -> Body:
        """Create an object."""
        return await self._request("POST", path, self._write_params(), body)

    async def delete(self, path: str, *, uid: str, version: str = "") -> None:
        """Delete an object if its uid, and its version if given, are these."""
        preconditions = {"uid": uid} | ({"resourceVersion": version} if version else {})
        body = {"preconditions": preconditions}
        await self._request("DELETE", path, self._dry_run_params, body)

    def clock_skew(self) -> float:
        """Return how many seconds the API server's clock is ahead."""
        return self._clock_skew.seconds

    def _write_params(self) -> dict[str, str]:
        return {"fieldManager": FIELD_MANAGER, **self._dry_run_params}

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        *,
        timeout: aiohttp.ClientTimeout = REQUEST_TIMEOUT,  # noqa: ASYNC109
    ) -> Body:
        request = f"{method} {path}"
        with connection_errors(request):
            response = await self._send(
                method, path, query or {}, body, timeout=timeout
            )
            answer = await response.read()
            raise_for_status(response.status, answer, request)
            parsed: Body = json.loads(answer)
        return parsed

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Body | None = None,
        *,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": "application/json"}
        if body is not None:
            kind = "merge-patch+json" if method == "PATCH" else "json"
            headers["Content-Type"] = f"application/{kind}"
        method, url, headers, content, _ = await self._api.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        sent = self._clock()
        answer = await self._api.call_api(
            method, url, headers, content, _request_timeout=timeout
        )
        response: aiohttp.ClientResponse = answer.response
        date = response.headers.get("Date", "")
        self._clock_skew.observe(date, sent=sent, received=self._clock())
        return response


def _selector(collection: Collection) -> dict[str, str]:
    name = f"metadata.name={collection.name}" if collection.name else ""
    selectors = {"fieldSelector": name, "labelSelector": collection.labels}
    return {key: value for key, value in selectors.items() if value}


class IncompleteImpersonation(Exception):
    """The kubeconfig has as-uid, as-groups or as-user-extra without as."""


def impersonation_headers(user: Mapping[str, Any]) -> Headers:
    """Build the impersonation headers for the entry of a user in a kubeconfig.

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


def namespace_of_context(context: str = "") -> str:
    """Return the namespace of a context, by default the current one; may be empty."""
    try:
        contexts, current = list_kube_config_contexts()  # type: ignore[no-untyped-call]
    except ConfigException:
        return ""
    chosen = [one for one in contexts if one["name"] == context] if context else []
    named = (chosen or [current])[0].get("context") or {}
    return str(named.get("namespace") or "")


def _is_loaded_in_cluster(configuration: Configuration) -> bool:
    try:
        load_incluster_config(  # type: ignore[no-untyped-call]
            client_configuration=configuration
        )
    except ConfigException:
        return False
    return True


def _api_client(configuration: Configuration, headers: Headers = ()) -> ApiClient:
    # With trust_env aiohttp looks for a proxy at every request, which triples the cost
    # of a request. Without a proxy in the environment it is switched off.
    configuration.client_session_kwargs = {
        "trust_env": bool(getproxies()),
        "headers": headers,
    }
    return ApiClient(configuration)


class ClockSkew:
    """Bounds of the difference between two clocks, narrowed by every response.

    The ``Date`` header has whole seconds, and a response takes a while, so one response
    gives two bounds only::

        server - received  <=  skew  <=  server - sent + 1 s

    If the bounds of a response contradict the earlier ones, one of the clocks was set
    or drifts. From then on only the latest bounds count.

    Source: RFC 9110, section 6.6.1.
    """

    def __init__(self) -> None:
        self._lowest, self._highest = -inf, inf

    @property
    def seconds(self) -> float:
        """Seconds that the server is ahead at least; negative if it is behind.

        0.0 if both clocks may agree.
        """
        if self._lowest <= 0 <= self._highest:
            return 0.0
        return self._lowest if self._lowest > 0 else self._highest

    def observe(self, date: str, *, sent: datetime, received: datetime) -> None:
        """Narrow the bounds by one response, unless its header is no date.

        Args:
            date: The ``Date`` header.
            sent: Local time at which the request was sent.
            received: Local time at which the response arrived.
        """
        try:
            server = parsedate_to_datetime(date)
        except ValueError:
            return
        if server.tzinfo is None:
            server = server.replace(tzinfo=UTC)
        lowest = (server - received).total_seconds()
        highest = (server - sent).total_seconds() + 1
        self._lowest = max(lowest, self._lowest)
        self._highest = min(highest, self._highest)
        if self._lowest > self._highest:
            self._lowest, self._highest = lowest, highest
