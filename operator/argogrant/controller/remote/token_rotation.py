"""Rotation of the token for another cluster: request, verify, store.

A new token is stored only after it has proved to do what the present one does::

    due ──► TokenRequest ──► verify ──► store in the Secret ──► done until due again
                 │             │              │
                 └─────────────┴── error ─────┤   the present token stays;
                                              │   the rotation is retried with backoff
                                  conflict ───┘   the Secret changed meanwhile:
                                                  the other writer wins

If the operator is killed in between, the present token stays in the Secret and remains
valid until it expires. The write carries the resource version of the Secret that was
observed, so it never overwrites a change by a person or by another replica.

Source: Kubernetes, TokenRequest of ``authentication.k8s.io/v1``.
"""

import asyncio
import base64
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from argogrant.api.argocdinstance import Instance
from argogrant.api.remote_cluster import RemoteCluster, TokenRotation
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.controller.apply import Clock
from argogrant.controller.permissions import (
    ROTATION_ROLE,
    argocd_permissions,
)
from argogrant.controller.remote.connection import Connect, ObservedSecret
from argogrant.controller.remote.token_lifetime import (
    TokenLifetime,
    TokenState,
    parse_lifetime,
    seconds_to_request,
)
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.validation import with_full_stop
from argogrant.grants.model.window import parse_instant
from argogrant.kube.client import Cluster
from argogrant.kube.errors import (
    Backoff,
    ClusterError,
    Conflict,
    Forbidden,
    NotFound,
    Unavailable,
)
from argogrant.kube.permissions import describe_permissions, missing_permissions
from argogrant.kube.resources import CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS

POLL_SECONDS: Final = 5.0
"""Deadlines are wall-clock times: polling notices a stepped clock."""
PAUSE_AFTER_SUCCESS: Final = 60.0
"""Seconds, in case the API server issues tokens that are due for rotation at once."""
FIRST_BACKOFF: Final = 10.0
LONGEST_BACKOFF: Final = 300.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _IssuedToken:
    """Token from a TokenRequest, with the lifetime that the API server reported."""

    token: str
    lifetime: TokenLifetime


class TokenRotator:
    """Rotation of one instance's token.

    Args:
        home: Client of the cluster of the Secret.
        connect: Builds clients of the other cluster.
        clock: Returns the time in UTC.
        on_change: Called when ``state`` has changed.
        on_result: Called with the result of each rotation: ok, conflict or error.
        on_stored: Called with the expiry of a stored token, as far as it is known, and
            the version of the Secret.
    """

    def __init__(  # noqa: PLR0913
        self,
        home: Cluster,
        *,
        connect: Connect,
        clock: Clock,
        on_change: Callable[[], None],
        on_result: Callable[[str], None],
        on_stored: Callable[[datetime | None, str], None],
    ) -> None:
        self._home = home
        self._connect = connect
        self._clock = clock
        self._on_change = on_change
        self._on_result = on_result
        self._on_stored = on_stored
        self._stored: _IssuedToken | None = None
        self._failure = ""
        self._backoff = Backoff(first=FIRST_BACKOFF, longest=LONGEST_BACKOFF)
        self._not_before = 0.0

    def state(
        self, instance: Instance, secret: ObservedSecret | None
    ) -> TokenState | None:
        """Return what is known of the token; None if there is no token."""
        if instance.cluster is None or secret is None or not secret.token:
            return None
        lifetime = self._lifetime(secret)
        is_rotated = instance.cluster.rotation is not None
        return TokenState(
            lifetime=lifetime,
            secret=secret.name,
            is_ending=lifetime.is_ending(self._clock()),
            is_rotated=is_rotated,
            failure=self._failure if is_rotated else "",
        )

    async def run(
        self,
        get_instance: Callable[[], Instance | None],
        get_secret: Callable[[], ObservedSecret | None],
    ) -> None:
        """Rotate the token whenever that is due, until cancelled.

        Args:
            get_instance: Returns the instance as last observed.
            get_secret: Returns its token Secret as last observed.
        """
        loop = asyncio.get_running_loop()
        while True:
            if loop.time() >= self._not_before:
                instance, secret = get_instance(), get_secret()
                if instance is not None and secret is not None:
                    await self._rotate_if_due(instance, secret)
            await asyncio.sleep(POLL_SECONDS)

    async def _rotate_if_due(self, instance: Instance, secret: ObservedSecret) -> None:
        cluster = instance.cluster
        if cluster is None or cluster.rotation is None or instance.being_deleted:
            return
        if not secret.token:
            return  # A TokenRequest has to be authenticated with a token.
        due = self._lifetime(secret).rotation_due(cluster.rotation.every)
        if self._clock() < due:
            self._set_failure("")  # Another writer has stored a new token.
            return
        await self._try_rotation(instance, cluster, secret)

    def _lifetime(self, secret: ObservedSecret) -> TokenLifetime:
        """Return the lifetime that the API server reported, or the token's own."""
        if self._stored is not None and self._stored.token == secret.token:
            return self._stored.lifetime
        return parse_lifetime(secret.token)

    async def _try_rotation(
        self, instance: Instance, cluster: RemoteCluster, secret: ObservedSecret
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            await self._rotate(instance, cluster, secret)
        except Conflict:
            self._on_result("conflict")
            self._not_before = loop.time() + FIRST_BACKOFF
        except ClusterError as error:
            self._on_result("error")
            self._set_failure(_describe_failure(error))
            logger.warning(
                "%s/%s: token not rotated: %s", instance.namespace, instance.name, error
            )
            self._not_before = loop.time() + self._backoff.next_delay()
        else:
            self._on_result("ok")
            self._set_failure("")
            self._backoff.reset()
            self._not_before = loop.time() + PAUSE_AFTER_SUCCESS

    async def _rotate(
        self, instance: Instance, cluster: RemoteCluster, secret: ObservedSecret
    ) -> None:
        assert cluster.rotation is not None
        # The reconciler's own client may be replaced at any time, so it is not used.
        present = await self._connect(cluster, secret.token)
        try:
            issued = await self._request_token(cluster.rotation, present)
            await self._verify_token(instance, cluster, issued.token, present)
        finally:
            await present.close()
        encoded = base64.b64encode(issued.token.encode()).decode()
        body = await self._home.merge_patch(
            SECRETS.path(instance.namespace, secret.name),
            {
                "metadata": {"resourceVersion": secret.resource_version},
                "data": {cluster.secret_key: encoded},
            },
        )
        self._stored = issued
        version = str(body["metadata"]["resourceVersion"])
        self._on_stored(issued.lifetime.expires_at, version)

    async def _request_token(
        self, rotation: TokenRotation, present: Cluster
    ) -> _IssuedToken:
        issued_at = self._clock()
        answer = await present.create(
            SERVICE_ACCOUNTS.path(
                rotation.namespace, rotation.service_account, "token"
            ),
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": seconds_to_request(rotation.every)},
            },
        )
        status: dict[str, Any] = answer.get("status") or {}
        token = status.get("token")
        if not isinstance(token, str) or not token.isascii() or not token:
            raise Unavailable("the API server answered a TokenRequest without a token")
        try:
            expires_at = parse_instant(str(status.get("expirationTimestamp")))
        except InvalidGrant:
            return _IssuedToken(token, parse_lifetime(token))
        return _IssuedToken(
            token, TokenLifetime(issued_at=issued_at, expires_at=expires_at)
        )

    async def _verify_token(
        self, instance: Instance, cluster: RemoteCluster, token: str, present: Cluster
    ) -> None:
        """Verify that a new token has every permission that the present one has.

        Raises:
            ClusterError: The new token does not work, or has fewer permissions.
        """
        client = await self._connect(cluster, token)
        try:
            with suppress(NotFound):  # The ConfigMap may be missing at the moment.
                path = CONFIG_MAPS.path(instance.argocd_namespace, CONFIG_MAP_NAME)
                await client.get(path)
            missing = await missing_permissions(client, argocd_permissions(instance))
            missing_before = await missing_permissions(present, missing)
        finally:
            await client.close()
        lost = [one for one in missing if one not in missing_before]
        if lost:
            raise Forbidden(f"the new token may not {describe_permissions(lost)}")

    def _set_failure(self, failure: str) -> None:
        if failure != self._failure:
            self._failure = failure
            self._on_change()


def _describe_failure(error: ClusterError) -> str:
    remedy = (
        f" See {ROTATION_ROLE.manifest} for the permissions."
        if isinstance(error, Forbidden)
        else ""
    )
    return f"{with_full_stop(str(error))}{remedy}"
