"""Connection to the cluster of one Argo CD.

The operator's own client reaches an Argo CD in the operator's own cluster. For another
cluster a client is built from a URL, certificates and a token. The token is in a
Secret, which is watched::

    Secret observed      client of the other cluster
    Secret missing       every request raises TokenMissing
    Secret unreadable    with a client: the client stays, `failures` has the error
                         without one: every request raises that error

A client never changes its token. If the token or the credentials in spec.cluster
change, ``is_outdated`` returns True, and the reconciler opens another connection.
"""

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NoReturn

from argogrant.api.json_fields import get_dict, get_str, get_text_map
from argogrant.api.remote_cluster import ArgoCDLocation, RemoteCluster
from argogrant.controller.store import OBSERVE_TIMEOUT
from argogrant.kube.client import Body, Cluster, WatchEvent
from argogrant.kube.errors import ClusterError, TokenMissing
from argogrant.kube.informer import Informer
from argogrant.kube.resources import SECRETS, Collection

Connect = Callable[[RemoteCluster, str], Awaitable[Cluster]]
"""Builds a client of another cluster that authenticates with this token."""

MAX_TOKEN: Final = 16_384
"""Characters of a token: it fits into one header. Every message of the other cluster is
searched for its parts."""
TOKEN: Final = re.compile(f"[!-~]{{1,{MAX_TOKEN}}}")
SECRET_PAUSE: Final = 9.0
"""Seconds of pause for each second of work that the Secret causes. Its owner can change
it at full speed, and only its last version counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedSecret:
    """Token Secret as last observed."""

    name: str
    resource_version: str
    token: str = field(repr=False)
    """Empty if the Secret has no usable token."""
    problem: str = ""
    """Why the Secret has no usable token."""


class UnavailableCluster:
    """Client without credentials: every request raises the error that says why."""

    def __init__(self, error: ClusterError) -> None:
        self._error = error

    async def _request(self, *_: object, **__: object) -> NoReturn:
        # A new error each time: a single one would collect all tracebacks.
        raise type(self._error)(str(self._error))

    get = list = merge_patch = create = delete = _request

    def watch(self, *_: object, **__: object) -> AsyncIterator[WatchEvent]:
        """Raise the error."""
        raise type(self._error)(str(self._error))

    def clock_skew(self) -> float:
        """Return 0: no API server was asked for its time."""
        return 0.0

    async def close(self) -> None:
        """Do nothing: there is no connection."""


class RemoteConnection:
    """Connection of one ArgoCDInstance to the cluster of its Argo CD.

    Args:
        home: Client of the operator's own cluster.
        namespace: Namespace of the ArgoCDInstance and its Secret.
        location: Location of Argo CD.
        connect: Builds clients of other clusters.
        on_change: Called when the Secret changes.
    """

    def __init__(
        self,
        home: Cluster,
        namespace: str,
        location: ArgoCDLocation,
        *,
        connect: Connect,
        on_change: Callable[[], None],
    ) -> None:
        self.location = location
        self.cluster: Cluster = home
        """Client of Argo CD's cluster, once ``open`` has returned."""
        self._home = home
        self._connect = connect
        self._remote = location.cluster
        self._secrets: Informer[ObservedSecret] | None = None
        self._used: tuple[object, ...] = ()
        if self._remote is not None:
            self._secrets = Informer(
                home,
                Collection(
                    *(SECRETS, namespace, self._remote.secret_name),
                    pause=SECRET_PAUSE,
                ),
                read=partial(_read_secret, self._remote.secret_key),
                on_change=lambda _before, _after: on_change(),
            )

    @property
    def secret(self) -> ObservedSecret | None:
        """The token Secret; None if it is missing, or not needed."""
        if self._secrets is None:
            return None
        return self._secrets.objects.get(self._secrets.collection.name)

    @property
    def failures(self) -> tuple[tuple[Collection, ClusterError], ...]:
        """Why the Secret cannot be read at the moment."""
        if self._secrets is None or self._secrets.error is None:
            return ()
        return ((self._secrets.collection, self._secrets.error),)

    async def run(self) -> None:
        """Watch the Secret until cancelled."""
        if self._secrets is None:
            await asyncio.Event().wait()
        else:
            await self._secrets.run()

    async def open(self) -> None:
        """Build the client; ``run`` has to run meanwhile."""
        if self._secrets is None or self._remote is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(OBSERVE_TIMEOUT):
                await self._secrets.attempted.wait()
        self._used, secret = self._credentials(), self.secret
        try:
            if secret is None or not secret.token:
                raise self._no_token(self._secrets)
            self.cluster = await self._connect(self._remote, secret.token)
        except ClusterError as error:
            self.cluster = UnavailableCluster(error)

    def is_outdated(self, location: ArgoCDLocation) -> bool:
        """Return whether the client was built for another location or token."""
        return location != self.location or self._credentials() != self._used

    async def close(self) -> None:
        """Close the client, unless it is the operator's own."""
        if self.cluster is not self._home:
            await self.cluster.close()

    def _credentials(self) -> tuple[object, ...]:
        """Return what a client would be built from now."""
        if self._secrets is None:
            return ()
        if (secret := self.secret) is not None:
            return (secret.token, secret.problem)
        return (type(self._secrets.error),)

    def _no_token(self, secrets: Informer[ObservedSecret]) -> ClusterError:
        if (secret := self.secret) is not None:
            problem = secret.problem
        elif secrets.synced.is_set():
            problem = "does not exist"
        elif secrets.error is not None:
            return secrets.error
        else:
            problem = "was not read yet"
        path = f"{secrets.collection.namespace}/{secrets.collection.name}"
        return TokenMissing(f"Secret {path} {problem}")


def _read_secret(key: str, body: Body) -> ObservedSecret:
    token, problem = _token(key, get_text_map(body, "data").get(key))
    metadata = get_dict(body, "metadata")
    return ObservedSecret(
        name=get_str(metadata, "name"),
        resource_version=get_str(metadata, "resourceVersion"),
        token=token,
        problem=problem,
    )


def _token(key: str, encoded: str | None) -> tuple[str, str]:
    """Return the token, or why there is none; the problem never quotes the value."""
    if encoded is None:
        return "", f"has no key {key}"
    invalid = f"has no valid token in its key {key}: it has"
    try:
        token = base64.b64decode(encoded).decode("ascii").strip()
    except ValueError:
        return "", f"{invalid} non-ASCII characters"
    if not token:
        return "", f"has an empty key {key}"
    if len(token) > MAX_TOKEN:
        return "", f"{invalid} {len(token):,} characters, more than {MAX_TOKEN:,}"
    if not TOKEN.fullmatch(token):
        return "", f"{invalid} several words or lines"
    return token, ""
