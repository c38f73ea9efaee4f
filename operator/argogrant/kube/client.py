"""Client of an API server, with the verbs that argogrant uses.

Every request goes through ``KubernetesCluster._send``. Objects are plain JSON: a list
of ten thousand grants would cost seconds as model objects of the client library.
"""

import json
import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, Self

import aiohttp
from kubernetes.aio.client import ApiClient

from argogrant.kube.auth import client_for_server, client_from_environment
from argogrant.kube.clock_skew import ClockSkew
from argogrant.kube.errors import (
    connection_errors,
    error_of_event,
    raise_for_status,
)
from argogrant.kube.resources import Collection

Body = dict[str, Any]

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
WATCH_IDLE_SECONDS: Final = 75
"""The API server sends a bookmark every minute; a watch idle for longer is dead."""
_MERGE_PATCH: Final = "application/merge-patch+json"
_JSON: Final = "application/json"


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
        ...

    async def list(self, collection: Collection, page: str = "") -> ListPage:
        """Read one page of a collection, by default the first."""
        ...

    def watch(
        self, collection: Collection, resource_version: str
    ) -> AsyncIterator[WatchEvent]:
        """Yield the changes of a collection after a resourceVersion."""
        ...

    async def merge_patch(self, path: str, body: Body) -> Body:
        """Patch an existing object and return the whole object."""
        ...

    async def create(self, path: str, body: Body) -> Body:
        """Create an object in the collection at this path."""
        ...

    async def delete(self, path: str, *, uid: str, version: str = "") -> None:
        """Delete an object if its uid, and its version if given, are these."""
        ...

    def clock_skew(self) -> float:
        """Return how many seconds the server's clock is ahead; 0 if they may agree."""
        ...

    async def close(self) -> None:
        """Close all connections; later requests fail."""
        ...


class KubernetesCluster:
    """An API server, with the official client for credentials and connections."""

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

        Args:
            clock: Current time in UTC, which is compared with the server's.
            context: Context of the kubeconfig, which takes precedence over the pod's
                service account; empty for the current context.
            dry_run: Send writes with ``dryRun=All``: validated but not stored.
        """
        return cls(await client_from_environment(context), clock, dry_run=dry_run)

    @classmethod
    def connect_to(
        cls, server: str, *, authorities: str, token: str, clock: Callable[[], datetime]
    ) -> Self:
        """Connect to another cluster; its certificate is always verified.

        Args:
            server: URL, ``https://…``.
            authorities: Trusted CA certificates in PEM; empty for those of the system.
            token: Bearer token.
            clock: Current time in UTC, which is compared with the server's.

        Raises:
            UntrustedCertificate: ``authorities`` contains no certificate.
        """
        return cls(
            client_for_server(server, authorities=authorities, token=token), clock
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._api.close()  # type: ignore[no-untyped-call]

    async def get(self, path: str) -> Body:
        """Read one object."""
        return await self._request("GET", path)

    async def list(self, collection: Collection, page: str = "") -> ListPage:
        """Read one page of a collection; 10,000 objects at once would take 100 MB.

        Raises:
            Gone: The continue token has expired; list from the beginning.
        """
        query = {**_selector(collection), "limit": str(PAGE_SIZE)}
        if page:
            query["continue"] = page
        answer = await self._request(
            "GET", collection.path, query=query, timeout=LIST_TIMEOUT
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
        """Yield the changes of a collection; the server ends a watch after minutes.

        Raises:
            Gone: The resourceVersion is too old; list again.
            Unavailable: The connection broke or was idle for too long.
        """
        seconds = WATCH_SECONDS + random.randrange(60)  # noqa: S311
        query = {
            **_selector(collection),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(seconds),
        }
        timeout = aiohttp.ClientTimeout(
            total=None, connect=5, sock_read=WATCH_IDLE_SECONDS
        )
        request = f"WATCH {collection.path}"
        with connection_errors(request):
            response = await self._send(
                "GET", collection.path, query=query, timeout=timeout
            )
            try:
                if response.status != 200:  # noqa: PLR2004
                    raise_for_status(response.status, await response.read(), request)
                async for line in response.content:
                    yield _event(line)
            finally:
                response.close()

    async def merge_patch(self, path: str, body: Body) -> Body:
        """Patch an existing object; a merge patch never creates one."""
        return await self._request("PATCH", path, query=self._write_params(), body=body)

    async def create(self, path: str, body: Body) -> Body:
        """Create an object.

        Raises:
            Conflict: An object of that name exists.
        """
        return await self._request("POST", path, query=self._write_params(), body=body)

    async def delete(self, path: str, *, uid: str, version: str = "") -> None:
        """Delete an object; finalizers delay its removal.

        Raises:
            Conflict: The object has changed, or another one has its name.
        """
        preconditions = {"uid": uid} | ({"resourceVersion": version} if version else {})
        await self._request(
            "DELETE",
            path,
            query=self._dry_run_params,
            body={"preconditions": preconditions},
        )

    def _write_params(self) -> dict[str, str]:
        return {"fieldManager": FIELD_MANAGER, **self._dry_run_params}

    def clock_skew(self) -> float:
        """Return how many seconds the API server's clock is ahead."""
        return self._clock_skew.seconds

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        timeout: aiohttp.ClientTimeout = REQUEST_TIMEOUT,  # noqa: ASYNC109
    ) -> Body:
        request = f"{method} {path}"
        with connection_errors(request):
            response = await self._send(
                method, path, query=query or {}, body=body, timeout=timeout
            )
            answer = await response.read()
            raise_for_status(response.status, answer, request)
            parsed: Body = json.loads(answer)
        return parsed

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
        body: Body | None = None,
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = _MERGE_PATCH if method == "PATCH" else _JSON
        serialized = await self._api.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        method, url, headers, content, _ = serialized
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


def _event(line: bytes) -> WatchEvent:
    event = json.loads(line)
    if event["type"] == "ERROR":
        raise error_of_event(event["object"])
    return WatchEvent(event["type"], event["object"])
