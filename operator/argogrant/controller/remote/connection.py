"""The clients of Argo CDs: our own cluster's, or one made from a token in a Secret.

The token is looked at all the time: a Secret that changes takes effect at once, and one
that is not there, or holds no token, is said to be so.
"""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from argogrant.api.bound_locations import ArgoCDLocation
from argogrant.api.remote_cluster import RemoteCluster
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import ClusterError, TokenMissing
from argogrant.kube.informer import Informer
from argogrant.kube.resources import SECRETS, Collection
from argogrant.kube.swappable_client import ExchangeableCluster

Connect = Callable[[RemoteCluster, str], Awaitable[Cluster]]
"""Makes a client of another cluster that shows this token."""

TOKENS_REMEMBERED: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedSecret:
    """A Secret as last seen, as far as it holds the token."""

    name: str
    resource_version: str
    token: str = field(repr=False)
    """Empty if there is none."""
    problem: str = ""
    """Why there is none."""


class RemoteConnection:
    """The way to one Argo CD's cluster.

    Args:
        home: The cluster of our own objects.
        namespace: Where the Secret is.
        place: Where Argo CD is.
        connect: Makes clients of another cluster.
    """

    def __init__(
        self, home: Cluster, namespace: str, place: ArgoCDLocation, connect: Connect
    ) -> None:
        self.place = place
        self.on_change: Callable[[], None] = lambda: None
        """Called when the client is another one, or is missing."""
        self._home = home
        self._connect = connect
        self._title = f"{namespace}/"
        self._is_held = False
        self._token = ""
        self._known: list[str] = []
        self._changed = asyncio.Event()
        self._ready = asyncio.Event()
        self._secrets: Informer[ObservedSecret] | None = None
        self._exchange: ExchangeableCluster | None = None
        if place.cluster is not None:
            self._title += place.cluster.secret_name
            self._exchange = ExchangeableCluster(self._missing("was not read yet"))
            self._secrets = Informer(
                home,
                Collection(SECRETS, namespace, place.cluster.secret_name),
                read=_reader(place.cluster.secret_key),
                on_change=lambda _before, _after: self._changed.set(),
            )

    @property
    def cluster(self) -> Cluster:
        """Argo CD's cluster, by whatever client is right at the moment."""
        return self._exchange or self._home

    @property
    def secret(self) -> ObservedSecret | None:
        """The Secret with the token; None if there is none, or none is needed."""
        if self._secrets is None or self.place.cluster is None:
            return None
        return self._secrets.objects.get(self.place.cluster.secret_name)

    @property
    def failures(self) -> tuple[tuple[Collection, ClusterError], ...]:
        """Why there is no token, or it can not be looked at for the moment."""
        if self._secrets is None or self._exchange is None:
            return ()
        failure = self._exchange.absence or self._secrets.error
        return () if failure is None else ((self._secrets.collection, failure),)

    async def run(self) -> None:
        """Follow the Secret until cancelled; then close every connection."""
        if self._secrets is None:
            self._ready.set()
            await asyncio.Event().wait()
            return
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._secrets.run())
                tasks.create_task(self._follow())
        finally:
            self._ready.set()  # nobody waits for what has failed
            await self.close()

    async def wait_until_observed(self) -> None:
        """Wait until there is a client, or it is known why there is none."""
        await self._ready.wait()

    async def close(self) -> None:
        """Close every connection but the one to our own objects."""
        if self._exchange is not None:
            await self._exchange.close()

    def hold(self) -> None:
        """Keep the token from now on: the Secret may soon be another cluster's."""
        self._is_held = bool(self._token)

    def try_another_token(self) -> None:
        """Give up a token that was refused: the Secret's own comes next, or an older.

        Somebody who moves an Argo CD may write the new cluster's token first.
        """
        secret = self.secret
        current = [secret.token] if secret and secret.token else []
        tokens = list(dict.fromkeys([*self._known, *current]))
        if len(tokens) > 1:
            self._is_held = True
            position = tokens.index(self._token) if self._token in tokens else 0
            self._token = tokens[position - 1]
            self._changed.set()

    async def _follow(self) -> None:
        assert self._secrets is not None
        await self._secrets.attempted.wait()
        shown = ""
        while True:
            self._changed.clear()
            shown = await self._renew(shown)
            self._ready.set()
            await self._changed.wait()

    async def _renew(self, shown: str) -> str:
        """Make the client that is right now; answers the token that it shows."""
        assert self._exchange is not None
        assert self.place.cluster is not None
        token = self._wanted()
        if token and token == shown:
            return shown
        try:
            if not token:
                raise self._absence()
            client = await self._connect(self.place.cluster, token)
        except ClusterError as error:
            self._exchange.lack(error)
        else:
            self._exchange.use(client)
            self._remember(token)
        self.on_change()
        return token

    def _wanted(self) -> str:
        """The token to show; what can not be read for a moment stays as it was."""
        assert self._secrets is not None
        if self._is_held or (self._secrets.error is not None and self._token):
            return self._token
        secret = self.secret
        return secret.token if secret is not None else ""

    def _remember(self, token: str) -> None:
        self._token = token
        if token not in self._known:
            self._known = [*self._known, token][-TOKENS_REMEMBERED:]

    def _absence(self) -> ClusterError:
        """Say why there is no token."""
        assert self._secrets is not None
        if not self._secrets.synced.is_set() and self._secrets.error is not None:
            return self._secrets.error
        secret = self.secret
        return self._missing(secret.problem if secret is not None else "is not there")

    def _missing(self, problem: str) -> TokenMissing:
        return TokenMissing(f"Secret {self._title} {problem}")


def _reader(key: str) -> Callable[[Body], ObservedSecret]:
    """Give what reads the token from this key of a Secret."""

    def read(body: Body) -> ObservedSecret:
        encoded = (body.get("data") or {}).get(key)
        token, problem = _token(key, encoded)
        return ObservedSecret(
            name=body["metadata"]["name"],
            resource_version=body["metadata"]["resourceVersion"],
            token=token,
            problem=problem,
        )

    return read


def _token(key: str, encoded: str | None) -> tuple[str, str]:
    """Read a token, or say why there is none; never say what was there instead."""
    if encoded is None:
        return "", f"has no key {key}"
    try:
        token = base64.b64decode(encoded).decode("ascii").strip()
    except (binascii.Error, UnicodeDecodeError):
        return "", f"holds no token in its key {key}: not every character is ASCII"
    if not token:
        return "", f"has an empty key {key}"
    if not token.isprintable() or " " in token:
        return "", f"holds no token in its key {key}, but several words or lines"
    return token, ""


class RemoteConnections:
    """The open connections of one namespace, by instance and place.

    Args:
        home: The cluster of our own objects.
        namespace: Where the instances and their Secrets are.
        connect: Makes clients of another cluster.
    """

    def __init__(self, home: Cluster, namespace: str, connect: Connect) -> None:
        self.home = home
        self.connect = connect
        self._namespace = namespace
        self._open: dict[tuple[str, tuple[str, str]], _Open] = {}

    def get(self, instance: str, place: ArgoCDLocation) -> RemoteConnection:
        """Open a connection, or give the one that is open already.

        The one that an instance had to a place that it left is still there, with the
        token of that time.
        """
        there = self._open.get((instance, place.key))
        if there is not None and not there.running.done():
            return there.connection
        connection = RemoteConnection(self.home, self._namespace, place, self.connect)
        running = asyncio.create_task(connection.run())
        self._open[instance, place.key] = _Open(connection, running)
        return connection

    async def to_present(
        self, instance: str, place: ArgoCDLocation
    ) -> RemoteConnection:
        """Open the way to where Argo CD is now; one that was left before is no better.

        Its token may be an old one, and its authority not the one that is written now.
        """
        there = self._open.get((instance, place.key))
        if there is not None:
            await self.close(there.connection, instance)
        return self.get(instance, place)

    async def close(self, connection: RemoteConnection, instance: str) -> None:
        """Close a connection that is not needed any longer."""
        there = self._open.get((instance, connection.place.key))
        if there is not None and there.connection is connection:
            del self._open[instance, connection.place.key]
            there.running.cancel()
            await asyncio.gather(there.running, return_exceptions=True)

    def close_all(self) -> list["asyncio.Task[None]"]:
        """Begin to close everything; answers what to wait for."""
        tasks = [one.running for one in self._open.values()]
        for task in tasks:
            task.cancel()
        self._open.clear()
        return tasks


@dataclass(frozen=True, slots=True)
class _Open:
    connection: RemoteConnection
    running: "asyncio.Task[None]"
