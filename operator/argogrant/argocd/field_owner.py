"""Field manager that wrote a part of an object of Argo CD."""

from typing import NamedTuple


class FieldOwner(NamedTuple):
    """The manager that owns a field, and when it last changed any of its fields."""

    at: str
    """Time of the API server in RFC 3339, with whole seconds; may be empty."""
    manager: str
