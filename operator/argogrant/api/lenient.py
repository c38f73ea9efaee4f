"""Parts of JSON that may lack anything, read for people: nothing here raises."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.window import parse_instant


def part(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Read an object; an empty one if there is none."""
    found = body.get(key)
    return found if isinstance(found, Mapping) else {}


def text(body: Mapping[str, Any], key: str) -> str:
    """Read a text, also of what is none; empty if there is nothing."""
    value = body.get(key)
    return "" if value is None else str(value)


def instant(body: Mapping[str, Any], key: str) -> datetime | None:
    """Read an RFC 3339 time; None if it is no such time."""
    try:
        return parse_instant(text(body, key))
    except InvalidGrant:
        return None
