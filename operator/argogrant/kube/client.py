"""The verbs that argogrant uses on an API server, and the client that speaks them.

One choke point: every request goes through ``KubernetesCluster._send``. Objects are
plain JSON here, since lists of ten thousand grants would cost seconds as models.
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
"""Never kubectl's: Argo CD takes over what kubectl applied on the client side."""

REQUEST_TIMEOUT: Final = aiohttp.ClientTimeout(total=5, connect=3)
"""A revocation whose answer is lost is tried again, so waiting long is no virtue."""
LIST_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=3)
PAGE_SIZE: Final = 100
"""Objects that are listed at once. What is parsed of a page is some fifteen kilobytes
an object, and the process stays as large as it once was: a sweep of 500 at the worst
moment of a burst added four to six megabytes for good."""
WATCH_SECONDS: Final = 240
WATCH_IDLE_SECONDS: Final = 75
"""The API server sends a bookmark every minute; a longer silence is a dead watch."""
_MERGE_PATCH: Final = "application/merge-patch+json"
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a collection, as it was at one resource version."""

    items: list[Body]
    resource_version: str
    next_page: str = ""
    """Asks for the page after this one; empty if this is the last."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One change: ADDED, MODIFIED, DELETED or BOOKMARK, with the object."""

    type: str
    body: Body


class Cluster(Protocol):
    """What argogrant asks of an API server; every verb raises ``ClusterError``."""

    async def get(self, path: str) -> Body:
        """Read one object."""
        ...

    async def list(self, collection: Collection, page: str = "") -> ListPage:
        """Read a page of a collection, the first one or the one that was named."""
        ...

    def watch(
        self, collection: Collection, resource_version: str
    ) -> AsyncIterator[WatchEvent]:
        """Follow the changes of a collection since a resource version."""
        ...

    async def merge_patch(self, path: str, body: Body) -> Body:
        """Change some fields of an object that exists; answers the whole object."""
        ...

    async def create(self, path: str, body: Body) -> Body:
        """Create an object in the collection at this path."""
        ...

    async def delete(self, path: str, *, uid: str, version: str = "") -> None:
        """Delete an object, if it still is this one, and at this resource version."""
        ...

    def clock_skew(self) -> float:
        """Seconds that the API server's clock is ahead of ours; 0 if they may agree."""
        ...

    async def close(self) -> None:
        """Close every connection; what is asked after that fails."""
        ...


class KubernetesCluster:
    """An API server reached with the official client's credentials."""

    def __init__(
        self, api: ApiClient, clock: Callable[[], datetime], *, dry_run: bool = False
    ) -> None:
        self._api = api
        self._clock = clock
        self._tried = {"dryRun": "All"} if dry_run else {}
        self._clock_skew = ClockSkew()

    @classmethod
    async def connect(
        cls,
        clock: Callable[[], datetime],
        context: str = "",
        *,
        dry_run: bool = False,
    ) -> Self:
        """Use the pod's service account, or else the kubeconfig.

        Args:
            clock: Tells the time in UTC; the API server's is compared with it.
            context: One of the kubeconfig, whatever the pod; empty for the current.
            dry_run: What is written is judged and filled in, but not kept.
        """
        return cls(await client_from_environment(context), clock, dry_run=dry_run)

    @classmethod
    def connect_to(
        cls, server: str, *, authorities: str, token: str, clock: Callable[[], datetime]
    ) -> Self:
        """Use the API server of another cluster; its certificate is always verified.

        Args:
            server: Its URL, ``https://…``.
            authorities: PEM of the certificates to trust; empty for the system's.
            token: Shown as a bearer token.
            clock: Tells the time in UTC; the API server's is compared with it.

        Raises:
            Untrusted: There is no certificate in ``authorities``.
        """
        return cls(
            client_for_server(server, authorities=authorities, token=token), clock
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._api.close()  # type: ignore[no-untyped-call]

    async def get(self, path: str) -> Body:
        """Read one object."""
        return await self._request("GET", path)

    async def list(self, collection: Collection, page: str = "") -> ListPage:
        """Read a page of a collection: ten thousand objects at once would be 100 MB.

        Raises:
            Gone: The page was asked for too late; list from the beginning.
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
        """Follow a collection; ends by itself after some minutes.

        Raises:
            Gone: The version is too old: list again.
            Unavailable: The connection broke, or nothing was heard for too long.
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
        """Change some fields of an object; it is never created."""
        return await self._request("PATCH", path, query=self._write_params(), body=body)

    async def create(self, path: str, body: Body) -> Body:
        """Create an object.

        Raises:
            Conflict: There is one of that name.
        """
        return await self._request("POST", path, query=self._write_params(), body=body)

    async def delete(self, path: str, *, uid: str, version: str = "") -> None:
        """Delete an object; one with finalizers stays until they are gone.

        Raises:
            Conflict: It was changed, or another one has its name.
        """
        preconditions = {"uid": uid} | ({"resourceVersion": version} if version else {})
        await self._request(
            "DELETE", path, query=self._tried, body={"preconditions": preconditions}
        )

    def _write_params(self) -> dict[str, str]:
        return {"fieldManager": FIELD_MANAGER, **self._tried}

    def clock_skew(self) -> float:
        """Seconds that the API server's clock is ahead of ours."""
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
