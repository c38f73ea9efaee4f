"""Field types that several kinds share, with their limits."""

from typing import Annotated

from pydantic import Field

from argogrant.api.cel_rules import DURATION_RULES
from argogrant.api.schema import validations
from argogrant.grants.model.window import DURATION_PATTERN, INSTANT_PATTERN

Duration = Annotated[
    str,
    Field(
        max_length=32,
        pattern=DURATION_PATTERN,
        json_schema_extra=validations(*DURATION_RULES),
    ),
]
"""Hours, minutes and seconds, as Go writes them."""

Instant = Annotated[
    str,
    Field(
        max_length=40,
        pattern=INSTANT_PATTERN,
        json_schema_extra={"format": "date-time"},
    ),
]
"""A time as RFC 3339 writes it."""

ObjectName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
    ),
]
"""The name of a Kubernetes object: a DNS subdomain."""
