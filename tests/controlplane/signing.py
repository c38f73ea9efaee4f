"""Keys and tokens made with the standard library alone."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P256_OBJECT_IDENTIFIER = bytes.fromhex("06082a8648ce3d030107")


def private_key() -> str:
    """Make an elliptic-curve key (P-256) for the tokens of service accounts.

    The public point is left out; readers compute it. Source: RFC 5915, section 3.
    """
    number = secrets.randbelow(P256_ORDER - 1) + 1
    version, key = b"\x02\x01\x01", b"\x04\x20" + number.to_bytes(32, "big")
    body = version + key + b"\xa0\x0a" + P256_OBJECT_IDENTIFIER
    encoded = base64.b64encode(b"\x30" + bytes([len(body)]) + body).decode()
    lines = [encoded[start : start + 64] for start in range(0, len(encoded), 64)]
    kind = "EC PRIVATE KEY"
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""])


def claims_of(token: str) -> dict[str, Any]:
    """Read the claims of a JSON web token without judging its signature."""
    payload = token.split(".")[1]
    padded = payload + "=" * (-len(payload) % 4)
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(padded))
    return claims


def signed(claims: Mapping[str, Any], key: bytes) -> str:
    """Sign a JSON web token with HS256, as Argo CD signs its own."""
    header = _part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    payload = _part(json.dumps(claims).encode())
    signature = hmac.digest(key, f"{header}.{payload}".encode(), hashlib.sha256)
    return f"{header}.{payload}.{_part(signature)}"


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
