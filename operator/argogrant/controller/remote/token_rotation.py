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

The claims of a token are read without verifying its signature. That is safe: they only
decide when the operator requests another token, and when it warns. The API server
alone decides whether a token is still valid.

Source: Kubernetes, TokenRequest of ``authentication.k8s.io/v1``, which issues JWTs;
RFC 7519, section 4.1 (``iat``, ``exp``).
"""

import asyncio
import base64
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from argogrant.api.argocdinstance import Instance
from argogrant.api.remote_cluster import RemoteCluster, TokenRotation
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.controller.apply import Clock
from argogrant.controller.permissions import (
    ROTATION_ROLE,
    argocd_permissions,
)
from argogrant.controller.remote.connection import TOKEN, Connect, ObservedSecret
from argogrant.grants.conditions import Condition
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.reasons import InstanceCondition, Reason
from argogrant.grants.model.validation import with_full_stop
from argogrant.grants.model.window import format_instant, parse_instant
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
from argogrant.kube.refusals import Cause, refusal_of
from argogrant.kube.resources import CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS

POLL_SECONDS: Final = 5.0
"""Deadlines are wall-clock times: polling notices a stepped clock."""
PAUSE_AFTER_SUCCESS: Final = 60.0
"""Seconds, in case the API server issues tokens that are due for rotation at once."""
FIRST_BACKOFF: Final = 10.0
LONGEST_BACKOFF: Final = 300.0

LIFETIMES: Final = 3
"""A token is requested for three times the rotation period: two rotations may fail."""
SHORTEST_SECONDS: Final = 600
LONGEST_SECONDS: Final = 2**32
"""Source: Kubernetes, ``ValidateTokenRequest``: ten minutes to 2^32 seconds."""
WARNING: Final = timedelta(days=7)
WARNING_PART: Final = 0.2
"""Warn in the last five hours of a day's token, in the last week of a year's."""
PAGE: Final = "docs/how-to/token-rotation.md"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLifetime:
    """Validity of a token, as far as it is known."""

    issued_at: datetime | None = None
    expires_at: datetime | None = None

    def rotation_due(self, every: timedelta) -> datetime:
        """Return from when on a new token should be requested.

        At once, if the age of the token is unknown.

        Args:
            every: Longest age of a token. If the API server issues tokens that expire
                before three times that age, rotation is due earlier, and two rotations
                may still fail.
        """
        if self.issued_at is None:
            return datetime.min.replace(tzinfo=UTC)
        age = every
        if self.expires_at is not None:
            age = min(age, (self.expires_at - self.issued_at) / LIFETIMES)
        try:
            return self.issued_at + age
        except OverflowError:
            return datetime.max.replace(tzinfo=UTC)

    def is_ending(self, now: datetime) -> bool:
        """Return whether the token expires soon enough to warn, or has expired."""
        if self.expires_at is None:
            return False
        warning = WARNING
        if self.issued_at is not None:
            warning = min(warning, (self.expires_at - self.issued_at) * WARNING_PART)
        return self.expires_at - now <= warning


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenState:
    """State of the token for another cluster."""

    lifetime: TokenLifetime
    secret: str
    """Name of its Secret."""
    is_ending: bool
    is_rotated: bool
    """True if spec.cluster.tokenRotation is set."""
    failure: str = ""
    """Why the last rotation failed; a sentence."""

    @property
    def needs_attention(self) -> bool:
        """Return whether the token expires soon, or its rotation fails."""
        return self.is_ending or bool(self.failure)


def parse_lifetime(token: str) -> TokenLifetime:
    """Parse the claims of a token; an unknown lifetime if it is not a JWT."""
    claims = _claims(token)
    return TokenLifetime(
        issued_at=_instant(claims.get("iat")), expires_at=_instant(claims.get("exp"))
    )


def seconds_to_request(every: timedelta) -> int:
    """Return the lifetime to request; the API server may grant a shorter one."""
    seconds = int(every.total_seconds()) * LIFETIMES
    return max(SHORTEST_SECONDS, min(seconds, LONGEST_SECONDS))


def token_condition(state: TokenState) -> Condition:
    """Build the condition TokenFresh, with the remedy if it is False."""
    end = state.lifetime.expires_at
    validity = f" until {format_instant(end)}" if end is not None else ""
    if state.failure:
        reason = Reason.ROTATION_FAILED
        message = (
            f"The token in Secret {state.secret} could not be rotated: {state.failure}"
            f" The present token stays{validity}. The rotation is retried."
        )
    elif state.is_ending:
        reason = Reason.TOKEN_ENDING
        remedy = (
            "See the operator's log for the reason."
            if state.is_rotated
            else "Store a new token in the Secret, or set spec.cluster.tokenRotation"
            f" ({PAGE})."
        )
        message = (
            f"The token in Secret {state.secret} is valid{validity}, and no new"
            f" token was requested. {remedy}"
        )
    elif end is None:
        reason, message = Reason.FRESH, "The token has no known expiry."
    else:
        reason, message = Reason.FRESH, f"The token is valid{validity}."
        if state.is_rotated:
            message += " A new token is requested before that time."
    return Condition(
        type=InstanceCondition.TOKEN_FRESH,
        status=reason is Reason.FRESH,
        reason=reason,
        message=message,
    )


def _claims(token: str) -> dict[str, Any]:
    try:
        _header, payload, _signature = token.split(".")
        decoded = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        claims = json.loads(decoded)
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _instant(claim: object) -> datetime | None:
    """Parse a NumericDate, rounded down to whole seconds."""
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        return None
    try:
        return datetime.fromtimestamp(claim, UTC).replace(microsecond=0)
    except (ValueError, OverflowError, OSError):
        return None


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
        self._stored: tuple[str, TokenLifetime] = "", TokenLifetime()
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

    def _lifetime(self, secret: ObservedSecret) -> TokenLifetime:
        """Return the lifetime that the API server reported, or the token's own."""
        token, lifetime = self._stored
        return lifetime if token == secret.token else parse_lifetime(secret.token)

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
        loop = asyncio.get_running_loop()
        try:
            await self._rotate(instance, cluster, cluster.rotation, secret)
        except Conflict:
            self._on_result("conflict")
            self._not_before = loop.time() + FIRST_BACKOFF
        except ClusterError as error:
            self._on_result("error")
            self._set_failure(f"{with_full_stop(str(error))}{_remedy(error)}")
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
        self,
        instance: Instance,
        cluster: RemoteCluster,
        rotation: TokenRotation,
        secret: ObservedSecret,
    ) -> None:
        # The reconciler's own client may be replaced at any time, so it is not used.
        present = await self._connect(cluster, secret.token)
        try:
            token, lifetime = await self._request_token(rotation, present)
            await self._verify_token(instance, cluster, token, present)
        finally:
            await present.close()
        encoded = base64.b64encode(token.encode()).decode()
        body = await self._home.merge_patch(
            SECRETS.path(instance.namespace, secret.name),
            {
                "metadata": {"resourceVersion": secret.resource_version},
                "data": {cluster.secret_key: encoded},
            },
        )
        self._stored = token, lifetime
        version = str(body["metadata"]["resourceVersion"])
        self._on_stored(lifetime.expires_at, version)

    async def _request_token(
        self, rotation: TokenRotation, present: Cluster
    ) -> tuple[str, TokenLifetime]:
        """Return a new token with the lifetime that the API server reports."""
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
        answered = answer.get("status")
        status: dict[str, Any] = answered if isinstance(answered, dict) else {}
        token = status.get("token")
        if not isinstance(token, str) or not TOKEN.fullmatch(token):
            raise Unavailable("the API server answered a TokenRequest without a token")
        try:
            expires_at = parse_instant(str(status.get("expirationTimestamp")))
        except InvalidGrant:
            return token, parse_lifetime(token)
        return token, TokenLifetime(issued_at=issued_at, expires_at=expires_at)

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


def _remedy(error: ClusterError) -> str:
    """Return what to do about a failed rotation, after a blank; empty if nothing."""
    refusal = refusal_of(error)
    if refusal.cause is Cause.PERMISSION:
        return f" See {ROTATION_ROLE.manifest} for the permissions."
    remedy = refusal.remedy("the ServiceAccount of the token")
    return f" {remedy}" if remedy else ""
