"""How long a token lasts, when to request another, and what is said of it. Pure.

A token is read without verifying it: nothing is believed for it, it is only renewed in
time. Its end is the API server's affair.

Source: RFC 7519, section 4.1 (``iat``, ``exp``); Kubernetes, "Managing Service
Accounts": tokens of the TokenRequest API are such JWTs.

What is known of our rights and of the token for another cluster. Pure.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from argogrant.grants.conditions import Condition
from argogrant.grants.model.reasons import InstanceCondition, Reason
from argogrant.grants.model.window import format_instant
from argogrant.kube.permissions import Permission

LIFETIMES: Final = 3
"""A token lasts as many times as long as it is used, so that two rotations may fail."""
SHORTEST_SECONDS: Final = 600
LONGEST_SECONDS: Final = 2**32
"""Source: Kubernetes, ``ValidateTokenRequest``: ten minutes to 2^32 seconds."""
WARNING: Final = timedelta(days=7)
WARNING_PART: Final = 0.2
"""Of a life of 25 hours the last five are told, of a year the last week."""
PAGE: Final = "docs/how-to/token-rotation.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLifetime:
    """From when until when a token is good, as far as that is known."""

    issued_at: datetime | None = None
    expires_at: datetime | None = None

    def rotation_due(self, every: timedelta) -> datetime:
        """Say from when a new token should be requested.

        Args:
            every: How old a token may become. One that lasts shorter than three times
                as long is renewed earlier, so that two rotations may still fail.

        Returns:
            The beginning of time for a token whose age nobody knows.
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
        """Tell whether a person should know that it ends soon, or has ended."""
        if self.expires_at is None:
            return False
        warning = WARNING
        if self.issued_at is not None:
            whole = self.expires_at - self.issued_at
            warning = min(warning, whole * WARNING_PART)
        return self.expires_at - now <= warning


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenState:
    """What is known of the token for another cluster."""

    lifetime: TokenLifetime
    secret: str
    """The name of the Secret that holds it."""
    is_ending: bool
    is_rotated: bool
    """Whether somebody asked for rotation."""
    failure: str = ""
    """Why it could not be renewed; a sentence."""

    @property
    def needs_attention(self) -> bool:
        """Whether it ends soon and nobody renews it, or that fails."""
        return self.is_ending or bool(self.failure)


def parse_lifetime(token: str) -> TokenLifetime:
    """Read from when until when a token is good; of one that is no JWT nothing."""
    claims = _claims(token)
    return TokenLifetime(
        issued_at=_instant(claims.get("iat")), expires_at=_instant(claims.get("exp"))
    )


def seconds_wanted(every: timedelta) -> int:
    """Say for how long a token is requested; the API server may give less."""
    seconds = int(every.total_seconds()) * LIFETIMES
    return max(SHORTEST_SECONDS, min(seconds, LONGEST_SECONDS))


def token_condition(state: TokenState) -> Condition:
    """Say whether the token is renewed in time, with what to do if not."""
    status, reason, message = True, Reason.FRESH, _fresh(state)
    if state.failure:
        status, reason = False, Reason.ROTATION_FAILED
        message = (
            f"The token in Secret {state.secret} could not be renewed: {state.failure}"
            f" The present one stays{_until(state)}. It is tried again."
        )
    elif state.is_ending:
        status, reason = False, Reason.TOKEN_ENDING
        message = (
            f"The token in Secret {state.secret} is good{_until(state)}, and no new one"
            f" was requested. {_remedy(state)}"
        )
    return Condition(
        type=InstanceCondition.TOKEN_FRESH,
        status=status,
        reason=reason,
        message=message,
    )


def _fresh(state: TokenState) -> str:
    if state.lifetime.expires_at is None:
        return "The token says nothing of an end."
    renewed = " A new one is requested before that." if state.is_rotated else ""
    return f"The token is good{_until(state)}.{renewed}"


def _until(state: TokenState) -> str:
    end = state.lifetime.expires_at
    return f" until {format_instant(end)}" if end is not None else ""


def _remedy(state: TokenState) -> str:
    if state.is_rotated:
        return "The operator's log says what it is waiting for."
    return f"Write a new one there, or set spec.cluster.tokenRotation ({PAGE})."


def _claims(token: str) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, payload and signature
        return {}
    payload = parts[1]
    try:
        decoded = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        claims = json.loads(decoded)
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _instant(claim: object) -> datetime | None:
    """Read a NumericDate; whole seconds, rounded so that the token seems older."""
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        return None
    try:
        return datetime.fromtimestamp(claim, UTC).replace(microsecond=0)
    except (ValueError, OverflowError, OSError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceState:
    """How it stands with what is looked after beside the convergence."""

    missing: tuple[Permission, ...] = ()
    """What the operator may not do; it is all named at once."""
    token: TokenState | None = None
    """None if there is no other cluster, or no token for it."""

    @property
    def tokens(self) -> tuple[TokenState, ...]:
        """The token, if there is one."""
        return (self.token,) if self.token is not None else ()


NO_MAINTENANCE: Final = MaintenanceState()
