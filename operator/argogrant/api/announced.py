"""What a status says about its object, for those who read it and wait for more."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from argogrant.api.stored_status import read_conditions
from argogrant.grants.model.stored_condition import Conditions
from argogrant.grants.model.window import parse_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """An object of ours as far as a status tells about it."""

    uid: str
    name: str
    is_current: bool
    """Whether the status is about the object as it is now."""
    conditions: Conditions = field(default_factory=dict)
    expires_at: datetime | None = None
    extended_by: str = ""
    url: str = ""
    details: str = ""

    def is_said(self, condition: str) -> bool:
        """Tell whether a condition is there and True."""
        said = self.conditions.get(condition)
        return said is not None and said.status is True


def read_announced(body: dict[str, Any]) -> Announced:
    """Read what the status of a grant or an approval says."""
    metadata, status = body["metadata"], body.get("status") or {}
    end = status.get("expiresAt")
    return Announced(
        uid=metadata["uid"],
        name=metadata["name"],
        is_current=status.get("observedGeneration", 0) >= metadata.get("generation", 1),
        conditions=read_conditions(status),
        expires_at=parse_instant(end) if end else None,
        extended_by=status.get("extendedBy") or "",
        url=status.get("url") or "",
        details=status.get("accessDetails") or "",
    )
