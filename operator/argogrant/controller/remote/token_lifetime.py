"""Lifetime of a token: when it expires, when to rotate it, and what to report. Pure.

The claims of a token are read without verifying its signature. That is safe: they only
decide when the operator requests another token, and when it warns. The API server
alone decides whether a token is still valid.

Source: RFC 7519, section 4.1 (``iat``, ``exp``); Kubernetes, "Managing Service
Accounts": the TokenRequest API issues such JWTs.
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

LIFETIMES: Final = 3
"""A token is requested for three times the rotation period: two rotations may fail."""
SHORTEST_SECONDS: Final = 600
LONGEST_SECONDS: Final = 2**32
"""Source: Kubernetes, ``ValidateTokenRequest``: ten minutes to 2^32 seconds."""
WARNING: Final = timedelta(days=7)
WARNING_PART: Final = 0.2
"""Warn in the last five hours of a day's token, in the last week of a year's."""
PAGE: Final = "docs/how-to/token-rotation.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLifetime:
    """Validity of a token, as far as it is known."""

    issued_at: datetime | None = None
    expires_at: datetime | None = None

    def rotation_due(self, every: timedelta) -> datetime:
        """Return from when on a new token should be requested.

        Args:
            every: Longest age of a token. If the API server issues tokens that expire
                before three times that age, rotation is due earlier, and two rotations
                may still fail.

        Returns:
            The earliest time there is if the age of the token is unknown.
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
            whole = self.expires_at - self.issued_at
            warning = min(warning, whole * WARNING_PART)
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
    status, reason, message = True, Reason.FRESH, _valid_message(state)
    if state.failure:
        status, reason = False, Reason.ROTATION_FAILED
        message = (
            f"The token in Secret {state.secret} could not be rotated: {state.failure}"
            f" The present token stays{_validity(state)}. The rotation is retried."
        )
    elif state.is_ending:
        status, reason = False, Reason.TOKEN_ENDING
        message = (
            f"The token in Secret {state.secret} is valid{_validity(state)}, and no new"
            f" token was requested. {_remedy(state)}"
        )
    return Condition(
        type=InstanceCondition.TOKEN_FRESH,
        status=status,
        reason=reason,
        message=message,
    )


def _valid_message(state: TokenState) -> str:
    if state.lifetime.expires_at is None:
        return "The token has no known expiry."
    rotation = " A new token is requested before that time." if state.is_rotated else ""
    return f"The token is valid{_validity(state)}.{rotation}"


def _validity(state: TokenState) -> str:
    end = state.lifetime.expires_at
    return f" until {format_instant(end)}" if end is not None else ""


def _remedy(state: TokenState) -> str:
    if state.is_rotated:
        return "See the operator's log for the reason."
    return (
        f"Store a new token in the Secret, or set spec.cluster.tokenRotation ({PAGE})."
    )


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
    """Parse a NumericDate, rounded down to whole seconds."""
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        return None
    try:
        return datetime.fromtimestamp(claim, UTC).replace(microsecond=0)
    except (ValueError, OverflowError, OSError):
        return None
