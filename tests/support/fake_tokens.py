"""Unsigned service account tokens, and a TokenRequest API in memory."""

import base64
import json
from datetime import datetime, timedelta
from typing import Any

from argogrant.grants.model.window import format_instant
from argogrant.kube.client import Body
from support.fake_clock import FakeClock


def a_token(issued_at: datetime, lifetime: timedelta | None, **claims: Any) -> str:
    """Return a JWT with this lifetime; None for one without an expiry."""
    payload = {"iat": int(issued_at.timestamp()), **claims}
    if lifetime is not None:
        payload["exp"] = int((issued_at + lifetime).timestamp())
    return ".".join((_part({"alg": "ES256"}), _part(payload), "c2lnbmF0dXJl"))


def token_in(secret: Body, key: str = "k8s_token") -> str:
    """Return the token in a Secret."""
    return base64.b64decode(secret["data"][key]).decode()


class Mint:
    """The TokenRequest API.

    Args:
        clock: Current time.
        longest: Maximum lifetime of a token.
    """

    def __init__(
        self, clock: FakeClock, longest: timedelta = timedelta(days=365)
    ) -> None:
        self._clock = clock
        self._longest = longest
        self.requests: list[tuple[str, int]] = []
        """Path of the service account, and requested seconds."""
        self.given: list[str] = []

    def __call__(self, path: str, body: Body) -> Body:
        """Answer a TokenRequest."""
        seconds: int = body["spec"]["expirationSeconds"]
        self.requests.append((path, seconds))
        lifetime = min(timedelta(seconds=seconds), self._longest)
        token = a_token(self._clock(), lifetime, jti=str(len(self.given)))
        self.given.append(token)
        end = format_instant(self._clock() + lifetime)
        return {**body, "status": {"token": token, "expirationTimestamp": end}}


def _part(content: Any) -> str:
    encoded = base64.urlsafe_b64encode(json.dumps(content).encode())
    return encoded.decode().rstrip("=")
