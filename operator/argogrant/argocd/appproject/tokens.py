"""Tokens of the roles of an AppProject."""

import hashlib
from typing import NamedTuple


class Token(NamedTuple):
    """Record of a project token in an AppProject; never the token itself."""

    issued_at: int
    """Seconds since 1970, by the clock of argocd-server."""
    expires_at: int = 0
    """Seconds since 1970; 0 if the token does not expire."""
    id: str = ""

    @property
    def fingerprint(self) -> str:
        """Short identifier of the token, of the same length for every id."""
        text = f"{self.issued_at} {self.id}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
