"""Lenient access to JSON objects that other people write.

The CRD of another program, an older CRD of argogrant or another API server may allow
any value at any field. The readers here never raise: a value of another type is left
out, and a text is valid Unicode.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.untrusted_text import valid_text
from argogrant.grants.model.window import parse_instant

_MAX_INT: Final = (1 << 63) - 1
"""Largest integer of Kubernetes' JSON."""


def get_dict(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object at a key; empty if there is none."""
    found = body.get(key)
    return found if isinstance(found, Mapping) else {}


def get_list(body: Mapping[str, Any], key: str) -> list[Any]:
    """Return the list at a key; empty if there is none."""
    found = body.get(key)
    return found if isinstance(found, list) else []


def get_dicts(body: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """Return the list at a key; every item that is no object is an empty one."""
    return [one if isinstance(one, Mapping) else {} for one in get_list(body, key)]


def get_str(body: Mapping[str, Any], key: str) -> str:
    """Return the text at a key; empty if there is none."""
    value = body.get(key)
    return valid_text(value) if isinstance(value, str) else ""


def get_texts(body: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return the texts of the list at a key, without other items."""
    return tuple(valid_text(x) for x in get_list(body, key) if isinstance(x, str))


def get_text_map(body: Mapping[str, Any], key: str) -> dict[str, str]:
    """Return the object at a key without the fields that are no texts."""
    return {
        valid_text(name): valid_text(value)
        for name, value in get_dict(body, key).items()
        if isinstance(value, str)
    }


def get_int(body: Mapping[str, Any], key: str) -> int:
    """Return the integer at a key; 0 if there is none."""
    value = body.get(key)
    return value if isinstance(value, int) and abs(value) <= _MAX_INT else 0


def get_time(body: Mapping[str, Any], key: str) -> datetime | None:
    """Return the RFC 3339 time at a key; None if there is no valid time."""
    try:
        return parse_instant(get_str(body, key))
    except InvalidGrant:
        return None
