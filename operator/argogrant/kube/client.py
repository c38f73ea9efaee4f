"""Client of an API server, with the verbs that argogrant uses, and its credentials.

Every request goes through ``KubernetesCluster._send``. Objects are plain JSON: a list
of ten thousand grants would cost seconds as objects of a client library.

Nothing that an API server answers is taken for granted, because that of another cluster
belongs to somebody else. Whatever it sends is read up to a limit and within a time, or
raises a ``ClusterError``; the work that it causes is paced (``_pause``).

Credentials come from a kubeconfig or the pod (``kubeconfig``), or are a token for
another cluster.
"""

import asyncio
import json
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from math import inf
from typing import Any, Final, Protocol, Self
from urllib.parse import urlencode

import aiohttp

from argogrant.kube.answers import (
    as_items,
    as_mapping,
    as_object,
    metadata_of,
    parse_json,
)
from argogrant.kube.api_server import (
    ApiServer,
    api_server_of,
    api_server_with_token,
)
from argogrant.kube.connections import (
    OBJECT_BYTES,
    Connections,
    Lane,
    lane_of,
    read_body,
    read_lines,
)
from argogrant.kube.errors import (
    CONNECTION_FAILURES,
    LONGEST_TEXT,
    TooLarge,
    Unavailable,
    UntrustedCertificate,
    connection_error,
    error_of_event,
    foreign_text,
    raise_for_status,
)
from argogrant.kube.exec_plugin import PluginTerminal
from argogrant.kube.kubeconfig.choosing import ClientConfig
from argogrant.kube.proxies import InvalidProxy
from argogrant.kube.resources import Collection
from argogrant.kube.tls import InvalidCertificate

Body = dict[str, Any]

FIELD_MANAGER: Final = "argogrant"
"""Not kubectl's, since Argo CD adopts fields that kubectl has applied client-side."""

REQUEST_TIMEOUT: Final = aiohttp.ClientTimeout(total=5, connect=3)
WRITE_TIMEOUT: Final = aiohttp.ClientTimeout(total=36, connect=3)
"""Longer than any write takes: the API server gives up after 34 seconds, most of which
are for admission webhooks (``timeoutSeconds`` of up to 30). It discards a write whose
client does not wait.

Source: kubernetes/kubernetes, ``apiserver/pkg/endpoints/handlers/rest.go``,
``requestTimeoutUpperBound``.
"""
LIST_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=3)
PLUGIN_SECONDS: Final = 60.0
"""Seconds that an exec plugin of the operator may run: it has no one to ask."""
PLUGIN_PAUSE: Final = 5.0
"""Longest seconds between two runs of a plugin of the operator that fails; the end of
access waits for it."""
PAGE_SIZE: Final = 100
"""Objects per page of a list. A parsed page takes about 15 kB for each object. Pages of
500 objects, read during a burst of grants, increased the memory of the process by four
to six megabytes for good."""
PAGE_BYTES: Final = 2 * 2**20
"""Longest page of several objects. Parsed, a page can take twenty times as much."""
_FEWER: Final = 10
"""Divisor of the objects per page, when a page is too long."""
WATCH_SECONDS: Final = 240
WATCH_TIMEOUT: Final = aiohttp.ClientTimeout(
    total=WATCH_SECONDS + 120, connect=5, sock_read=75
)
"""The API server sends a bookmark every minute; a watch idle for longer is dead. It
ends every watch itself, so one that stays open for longer does not come from it."""


_SERVER_ERRORS: Final = range(500, 600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits of the time that requests take, except watches."""

    request: aiohttp.ClientTimeout = field(default=REQUEST_TIMEOUT)
    writes: aiohttp.ClientTimeout = field(default=WRITE_TIMEOUT)
    lists: aiohttp.ClientTimeout = field(default=LIST_TIMEOUT)
    retries: int = 0
    """How often a request is sent again, if the API server asks for that."""

    @classmethod
    def of(cls, seconds: float) -> Self:
        """Return the limits of kubectl; 0 seconds are no limit but that of connecting.

        Source: kubernetes/client-go, ``transport/cache.go`` and ``rest/with_retry.go``.
        """
        limit = aiohttp.ClientTimeout(total=seconds or None, sock_connect=30)
        return cls(request=limit, writes=limit, lists=limit, retries=10)


SHORT_TIMEOUTS: Final = Timeouts(writes=REQUEST_TIMEOUT)
"""For the Lease: a renewal that takes longer comes too late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLimits:
    """Limits of what one API server answers."""

    object_bytes: int
    """Longest answer with a single object, and longest event of a watch."""
    text: int
    """Characters of a message."""
    pause: float
    """Seconds of pause for each second of work that an answer causes."""


HOME_LIMITS: Final = AnswerLimits(object_bytes=OBJECT_BYTES, text=1_000, pause=0.0)
"""A message may list several faults of an object."""
REMOTE_LIMITS: Final = AnswerLimits(
    object_bytes=3 * 2**20, text=LONGEST_TEXT, pause=9.0
)
"""All answers of another cluster take at most a tenth of the time of this process."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a list, as of one resourceVersion."""

    items: list[Body]
    resource_version: str
    next_page: str = ""
    """Continue token of the next page; empty after the last page."""
    size: int = 0
    """Bytes of the page."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event of a watch: ADDED, MODIFIED, DELETED or BOOKMARK, with the object."""

    type: str
    body: Body
    size: int = 0
    """Bytes of the event."""


@dataclass(frozen=True, slots=True)
class _Request:
    """A request, and the limits of its response."""

    method: str
    path: str
    query: Mapping[str, str]
    lane: Lane
    timeout: aiohttp.ClientTimeout
    limit: int
    """Bytes of the response's body, or of a line of it."""
    body: Body | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


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
    """A client of an API server.

    Args:
        api_server: The API server, with the credential for it.
        clock: Current time in UTC, which is compared with the server's.
        dry_run: Send writes with ``dryRun=All``: validated but not stored.
        limits: Limits of what the API server answers.
        timeouts: Limits of the time that requests take.
        clock_skew: Difference of the clocks, if other clients observe it also.
    """

    def __init__(  # noqa: PLR0913
        self,
        api_server: ApiServer,
        clock: Callable[[], datetime],
        *,
        dry_run: bool = False,
        limits: AnswerLimits | None = None,
        timeouts: "Timeouts | None" = None,
        clock_skew: "ClockSkew | None" = None,
    ) -> None:
        self._api_server = api_server
        self._clock = clock
        self._dry_run = dry_run
        self._dry_run_params = {"dryRun": "All"} if dry_run else {}
        self._limits = limits or HOME_LIMITS
        self._timeouts = timeouts or Timeouts()
        self._clock_skew = clock_skew or ClockSkew()
        self._connections = Connections(api_server)
        self._page_sizes: dict[str, int] = {}
        """By the path of a collection: objects per page, if its pages were too long."""

    @classmethod
    def connect(  # noqa: PLR0913
        cls,
        config: ClientConfig,
        clock: Callable[[], datetime],
        *,
        environment: Mapping[str, str],
        terminal: PluginTerminal | None = None,
        dry_run: bool = False,
        timeouts: "Timeouts | None" = None,
    ) -> Self:
        """Connect to the API server that a kubeconfig or the pod names.

        Args:
            config: What was chosen in the kubeconfig.
            clock: Current time in UTC.
            environment: Proxies, and the environment of exec plugins.
            terminal: What exec plugins may use of the terminal; None for nothing.
            dry_run: Send writes with ``dryRun=All``.
            timeouts: Limits of the time that requests take.

        Raises:
            InvalidKubeconfig: A file, certificate, proxy or plugin cannot be used.
        """
        api_server = api_server_of(
            config,
            environment=environment,
            terminal=terminal
            or PluginTerminal(limit=PLUGIN_SECONDS, longest_pause=PLUGIN_PAUSE),
            clock=clock,
        )
        return cls(api_server, clock, dry_run=dry_run, timeouts=timeouts)

    @classmethod
    def connect_to(
        cls,
        server: str,
        *,
        authorities: str,
        token: str,
        clock: Callable[[], datetime],
        environment: Mapping[str, str],
    ) -> Self:
        """Connect to another cluster; its certificate is always verified.

        ``authorities`` are the trusted CA certificates in PEM; empty for the system's.
        ``environment`` names the proxies.

        Raises:
            UntrustedCertificate: ``authorities`` contains no certificate.
            Unavailable: The proxy of the environment has no usable URL.
        """
        try:
            api_server = api_server_with_token(server, token, authorities, environment)
        except InvalidProxy as error:
            raise Unavailable(str(error)) from error
        except InvalidCertificate as error:
            raise UntrustedCertificate(
                f"the CA certificates for {server} cannot be read: the text {error}"
            ) from error
        return cls(api_server, clock, limits=REMOTE_LIMITS)

    def partition(self) -> Self:
        """Return a client with the same credentials and connections of its own.

        Requests through one of them never wait for those through another one.
        """
        return type(self)(
            self._api_server,
            self._clock,
            dry_run=self._dry_run,
            limits=self._limits,
            timeouts=self._timeouts,
            clock_skew=self._clock_skew,
        )

    @property
    def api_server(self) -> ApiServer:
        """The API server, with the credential for it."""
        return self._api_server

    async def log_in(self) -> None:
        """Get the credential before the first request needs it.

        Raises:
            CredentialUnavailable: There is none; the message says why.
        """
        await self._api_server.credentials.current()

    async def close(self) -> None:
        """Close all connections of this client."""
        await self._connections.close()

    async def get(self, path: str) -> Body:
        """Read one object, or another document such as ``/version``."""
        is_object = "/namespaces/" in path
        parse = as_object if is_object else as_mapping
        return await self._request("GET", path, {}, parse=parse)

    async def list(self, collection: Collection, page: str = "") -> ListPage:
        """Read one page of a collection; 10,000 objects at once would take 100 MB.

        A page that is too long is asked for again with fewer objects. Later pages begin
        with as many as were read last.

        Raises:
            TooLarge: A single object exceeds the limit of one object.
        """
        query = _selector(collection) | ({"continue": page} if page else {})
        path = collection.path
        while True:
            count = self._page_sizes.get(path, PAGE_SIZE)
            limit = PAGE_BYTES if count > 1 else self._limits.object_bytes
            try:
                return await self._page(
                    collection, {**query, "limit": str(count)}, limit
                )
            except TooLarge:
                if count == 1:
                    raise
                self._page_sizes[path] = count // _FEWER

    async def _page(
        self, collection: Collection, query: Mapping[str, str], limit: int
    ) -> ListPage:
        """Read one page of at most so many bytes."""
        path = collection.path
        request = _Request("GET", path, query, Lane.OTHERS, self._timeouts.lists, limit)
        try:
            body = await self._read(request)
            started = time.perf_counter()
            answer = as_mapping(parse_json(body))
            metadata, items = metadata_of(answer), as_items(answer)
            token = str(metadata.get("continue") or "")
            page = ListPage(items, metadata["resourceVersion"], token, len(body))
        except CONNECTION_FAILURES as error:
            raise connection_error(error, str(request), self._clean) from error
        if path in self._page_sizes and page.size * _FEWER < PAGE_BYTES:
            more = self._page_sizes[path] * _FEWER
            self._page_sizes[path] = min(more, PAGE_SIZE)
        await self._pause(started, self._limits.pause)
        return page

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
        request = _Request(
            *("GET", collection.path, query, Lane.WATCHES),
            *(WATCH_TIMEOUT, self._limits.object_bytes),
        )
        pause = max(self._limits.pause, collection.pause)
        try:
            response = await self._send(request)
            try:
                if response.status != HTTPStatus.OK:
                    body = await read_body(response, request.limit, pause)
                    what = f"WATCH {request.path}"
                    raise_for_status(response.status, body, what, self._clean)
                async for line in read_lines(response, request.limit, pause):
                    started = time.perf_counter()
                    yield self._event(line)
                    # A flood of events, which are handled meanwhile, must not keep
                    # other tasks from running.
                    await self._pause(started, pause)
            finally:
                response.close()
        except CONNECTION_FAILURES as error:
            raise connection_error(
                error, f"WATCH {request.path}", self._clean
            ) from error

    def _event(self, line: bytes) -> WatchEvent:
        event = as_mapping(parse_json(line))
        kind, body = str(event.get("type")), as_mapping(event.get("object"))
        if kind == "ERROR":
            raise error_of_event(body, self._clean)
        if kind == "BOOKMARK":
            return WatchEvent(kind, {"metadata": metadata_of(body)}, len(line))
        return WatchEvent(kind, as_object(body), len(line))

    async def merge_patch(self, path: str, body: Body) -> Body:
        """Patch an existing object."""
        query = self._write_params()
        return await self._request("PATCH", path, query, body, parse=as_object)

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
        query: Mapping[str, str],
        body: Body | None = None,
        *,
        parse: Callable[[object], Body] = as_mapping,
    ) -> Body:
        """Send a request and return what ``parse`` makes of the JSON it gets."""
        timeouts = self._timeouts
        limits = (
            timeouts.request if method == "GET" else timeouts.writes,
            self._limits.object_bytes,
        )
        request = _Request(method, path, query, lane_of(method, path), *limits, body)
        try:
            return parse(parse_json(await self._read(request)))
        except CONNECTION_FAILURES as error:
            raise connection_error(error, str(request), self._clean) from error

    async def _read(self, request: _Request) -> bytes:
        """Send a request and return the body of a successful response.

        A request that the API server did not carry out, because it is overloaded or
        starts, is sent again after the seconds that its answer names.
        """
        for retries_left in reversed(range(self._timeouts.retries + 1)):
            async with await self._send(request) as response:
                body = await read_body(response, request.limit, self._limits.pause)
            pause = _retry_after(response)
            if pause is None or not retries_left:
                break
            await asyncio.sleep(pause)
        raise_for_status(response.status, body, str(request), self._clean)
        return body

    async def _send(self, request: _Request) -> aiohttp.ClientResponse:
        headers, content = {"Accept": "application/json"}, None
        if request.body is not None:
            kind = "merge-patch+json" if request.method == "PATCH" else "json"
            headers["Content-Type"] = f"application/{kind}"
            content = json.dumps(request.body)
        url = f"{self._api_server.url}{request.path}"
        if request.query:
            url = f"{url}?{urlencode(request.query)}"
        sent = self._clock()
        response = await self._connections.send(
            *(request.lane, request.method, url),
            headers=headers,
            body=content,
            timeout=request.timeout,
        )
        date = response.headers.get("Date", "")
        self._clock_skew.observe(date, sent=sent, received=self._clock())
        return response

    async def _pause(self, started: float, pause: float) -> None:
        """Let other tasks run, for longer the more work an answer has caused."""
        work = time.perf_counter() - started
        await asyncio.sleep(work * pause)

    def _clean(self, text: str) -> str:
        """Make text of the API server harmless: one short line without the token."""
        return foreign_text(text, self._connections.secrets, self._limits.text)


def _retry_after(response: aiohttp.ClientResponse) -> int | None:
    """Return after how many seconds to send a request again; None for not at all.

    Source: kubernetes/client-go, ``rest/with_retry.go``, ``checkWait``.
    """
    status, text = response.status, response.headers.get("Retry-After", "")
    is_busy = status in (HTTPStatus.TOO_MANY_REQUESTS, *_SERVER_ERRORS)
    return int(text) if is_busy and re.fullmatch("[0-9]{1,5}", text) else None


def _selector(collection: Collection) -> dict[str, str]:
    name = f"metadata.name={collection.name}" if collection.name else ""
    selectors = {"fieldSelector": name, "labelSelector": collection.labels}
    return {key: value for key, value in selectors.items() if value}


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
