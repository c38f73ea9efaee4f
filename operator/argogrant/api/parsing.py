"""Strict parsing of specs for decisions, and lenient access to JSON for display."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from argogrant.api.schema import Model
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.window import parse_instant

Spec = TypeVar("Spec", bound=Model)


def read_spec(model: type[Spec], spec: Any) -> Spec:  # noqa: ANN401
    """Parse the spec of an object as the API server returns it.

    Args:
        model: Model from which the CRD is generated.
        spec: Spec of the object; None if it has none.

    Raises:
        InvalidGrant: The spec does not match the CRD: the object was created under an
            older CRD, or without one. The message names the field.
    """
    try:
        return model.model_validate(spec)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(map(str, ("spec", *first["loc"])))
        raise InvalidGrant(f"{path}: {first['msg']}") from error


def get_dict(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object at a key; empty if there is none."""
    found = body.get(key)
    return found if isinstance(found, Mapping) else {}


def get_str(body: Mapping[str, Any], key: str) -> str:
    """Return the value at a key as text; empty if there is none."""
    value = body.get(key)
    return "" if value is None else str(value)


def get_time(body: Mapping[str, Any], key: str) -> datetime | None:
    """Return the RFC 3339 time at a key; None if there is no valid time."""
    try:
        return parse_instant(get_str(body, key))
    except InvalidGrant:
        return None
