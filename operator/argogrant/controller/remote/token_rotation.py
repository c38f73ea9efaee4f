"""Renewing the token for another cluster: request, try, and only then store.

Whoever is killed in between leaves the old token, which stays good until its own end.
The write names the version of the Secret that was looked at: whoever else changed it
meanwhile, a person or another leader, wins.

Source: Kubernetes, TokenRequest of ``authentication.k8s.io/v1``.
"""

import asyncio
import base64
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from argogrant.api.argocdinstance import Instance
from argogrant.api.remote_cluster import RemoteCluster
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.controller.apply import Clock
from argogrant.controller.remote.connection import (
    Connect,
    ObservedSecret,
    RemoteConnection,
)
from argogrant.controller.remote.token_lifetime import (
    TokenLifetime,
    TokenState,
    parse_lifetime,
    seconds_wanted,
)
from argogrant.controller.required_permissions import (
    ROTATION_ROLE,
    argocd_permissions,
)
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.validation import with_full_stop
from argogrant.grants.model.window import parse_instant
from argogrant.kube.backoff import Backoff
from argogrant.kube.client import Cluster
from argogrant.kube.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    NotFound,
    Unavailable,
)
from argogrant.kube.permissions import describe_permissions, missing_permissions
from argogrant.kube.resources import CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS

POLL_SECONDS: Final = 5.0
"""Deadlines are wall-clock, so that a stepped clock is noticed."""
PAUSE_AFTER_SUCCESS: Final = 60.0
"""Seconds, for an API server that gives tokens which are due at once."""
FIRST_BACKOFF: Final = 10.0
LONGEST_BACKOFF: Final = 300.0

logger = logging.getLogger(__name__)


class RotationListener(Protocol):
    """Who is told of rotations."""

    def rotated(self, result: str) -> None:
        """Count a rotation by its result."""
        ...

    def renewed(self, expires_at: datetime | None, *, version: str) -> None:
        """Tell of a token that is stored.

        Args:
            expires_at: Until when it is good.
            version: The version of the Secret that holds it.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Requested:
    """A token that the API server gave, and until when it said that it lasts."""

    token: str
    lifetime: TokenLifetime


class TokenRotator:
    """Keeps the token of one instance fresh.

    Args:
        home: Where the Secret is.
        connect: Makes the client with which a new token is tried.
        told: Told of every rotation.
        clock: Tells the time in UTC.
        on_change: Called when there is something else to say of the token.
    """

    def __init__(
        self,
        home: Cluster,
        *,
        connect: Connect,
        told: RotationListener,
        clock: Clock,
        on_change: Callable[[], None],
    ) -> None:
        self._home = home
        self._connect = connect
        self._told = told
        self._clock = clock
        self._on_change = on_change
        self._stored: _Requested | None = None
        self._failure = ""
        self._backoff = Backoff(first=FIRST_BACKOFF, longest=LONGEST_BACKOFF)
        self._not_before = 0.0

    def state(
        self, instance: Instance, connection: RemoteConnection
    ) -> TokenState | None:
        """Say what is known of the token; None if there is none."""
        cluster, secret = instance.cluster, connection.secret
        if cluster is None or secret is None or not secret.token:
            return None
        life = self._lifetime(secret)
        rotates = cluster.rotation is not None
        return TokenState(
            lifetime=life,
            secret=secret.name,
            is_ending=life.is_ending(self._clock()),
            is_rotated=rotates,
            failure=self._failure if rotates else "",
        )

    async def run(
        self, instance_now: Callable[[], Instance | None], connection: RemoteConnection
    ) -> None:
        """Renew the token whenever that is due, until cancelled.

        Args:
            instance_now: Gives the instance as it is.
            connection: The way to its other cluster.
        """
        loop = asyncio.get_running_loop()
        while True:
            instance = instance_now()
            if (
                instance is not None
                and loop.time() >= self._not_before
                and self._is_due(instance, connection)
            ):
                await self._try(instance, connection)
            await asyncio.sleep(POLL_SECONDS)

    def _is_due(self, instance: Instance, connection: RemoteConnection) -> bool:
        cluster, secret = instance.cluster, connection.secret
        if cluster is None or cluster.rotation is None or instance.being_deleted:
            return False
        if secret is None or not secret.token:
            return False  # there is nothing to request a token with
        due = self._lifetime(secret).rotation_due(cluster.rotation.every)
        if self._clock() >= due:
            return True
        self._failed("")  # somebody else renewed it
        return False

    def _lifetime(self, secret: ObservedSecret) -> TokenLifetime:
        """What the API server said of a token counts more than what is read in it."""
        if self._stored is not None and self._stored.token == secret.token:
            return self._stored.lifetime
        return parse_lifetime(secret.token)

    async def _try(self, instance: Instance, connection: RemoteConnection) -> None:
        loop = asyncio.get_running_loop()
        try:
            await self._rotate(instance, connection)
        except Conflict:
            self._told.rotated("conflict")  # the Secret that is there now is looked at
            self._not_before = loop.time() + FIRST_BACKOFF
        except ClusterError as error:
            self._told.rotated("error")
            self._failed(_failure(error))
            logger.warning(
                "%s/%s: the token is not renewed: %s",
                instance.namespace,
                instance.name,
                error,
            )
            self._not_before = loop.time() + self._backoff.next_delay()
        else:
            self._told.rotated("ok")
            self._failed("")
            self._backoff.reset()
            self._not_before = loop.time() + PAUSE_AFTER_SUCCESS

    async def _rotate(self, instance: Instance, connection: RemoteConnection) -> None:
        cluster, secret = instance.cluster, connection.secret
        assert cluster is not None
        assert secret is not None
        requested = await self._request(cluster, connection.cluster)
        await self._verify_token(instance, cluster, requested.token, connection.cluster)
        encoded = base64.b64encode(requested.token.encode()).decode()
        body = await self._home.merge_patch(
            SECRETS.path(instance.namespace, secret.name),
            {
                "metadata": {"resourceVersion": secret.resource_version},
                "data": {cluster.secret_key: encoded},
            },
        )
        self._stored = requested
        version = str(body["metadata"]["resourceVersion"])
        self._told.renewed(requested.lifetime.expires_at, version=version)

    async def _request(self, cluster: RemoteCluster, remote: Cluster) -> _Requested:
        rotation = cluster.rotation
        assert rotation is not None
        issued_at = self._clock()
        answer = await remote.create(
            SERVICE_ACCOUNTS.path(
                rotation.namespace, rotation.service_account, "token"
            ),
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": seconds_wanted(rotation.every)},
            },
        )
        status: dict[str, Any] = answer.get("status") or {}
        token = status.get("token")
        if not isinstance(token, str) or not token.isascii() or not token:
            raise Unavailable("the API server answered a TokenRequest without a token")
        try:
            expires_at = parse_instant(str(status.get("expirationTimestamp")))
        except InvalidGrant:
            return _Requested(token, parse_lifetime(token))
        return _Requested(
            token, TokenLifetime(issued_at=issued_at, expires_at=expires_at)
        )

    async def _verify_token(
        self, instance: Instance, cluster: RemoteCluster, token: str, present: Cluster
    ) -> None:
        """See that a new token does what is needed, as far as the present one does.

        Raises:
            ClusterError: It does not.
        """
        client = await self._connect(cluster, token)
        try:
            with suppress(NotFound):  # the ConfigMap may be missing at the moment
                path = CONFIG_MAPS.path(instance.argocd_namespace, CONFIG_MAP_NAME)
                await client.get(path)
            missing = await missing_permissions(client, argocd_permissions(instance))
            lacked = await missing_permissions(present, missing)
        finally:
            await client.close()
        lost = [right for right in missing if right not in lacked]
        if lost:
            raise Forbidden(f"the new token may not {describe_permissions(lost)}")

    def _failed(self, failure: str) -> None:
        if failure != self._failure:
            self._failure = failure
            self._on_change()


def _failure(error: ClusterError) -> str:
    remedy = (
        f" See {ROTATION_ROLE.manifest} for the rights."
        if isinstance(error, Forbidden)
        else ""
    )
    return f"{with_full_stop(str(error))}{remedy}"
