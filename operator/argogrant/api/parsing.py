"""How an object's spec enters the domain, and what is said of one that can not.

Parts of JSON that may lack anything, read for people: nothing here raises.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from argogrant.api.schema import Model
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.window import parse_instant

Spec = TypeVar("Spec", bound=Model)


def read_spec(model: type[Spec], spec: Any) -> Spec:  # noqa: ANN401
    """Read what a person wrote, as the API server gives it.

    Args:
        model: What the CRD describes.
        spec: The object's spec; None if it has none.

    Raises:
        InvalidGrant: It is not what the CRD describes; an older CRD, or none, let it
            pass. The message names the field.
    """
    try:
        return model.model_validate(spec)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, ("spec", *first["loc"])))
        raise InvalidGrant(f"{where}: {first['msg']}") from error


def get_dict(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Read an object; an empty one if there is none."""
    found = body.get(key)
    return found if isinstance(found, Mapping) else {}


def get_str(body: Mapping[str, Any], key: str) -> str:
    """Read a text, also of what is none; empty if there is nothing."""
    value = body.get(key)
    return "" if value is None else str(value)


def get_time(body: Mapping[str, Any], key: str) -> datetime | None:
    """Read an RFC 3339 time; None if it is no such time."""
    try:
        return parse_instant(get_str(body, key))
    except InvalidGrant:
        return None
