"""Base of all models: field types, identities, and strict parsing of specs."""

from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic.alias_generators import to_camel

from argogrant.api.cel_rules import DURATION_RULE, TEXT_RULE
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.identity import Identity
from argogrant.grants.model.window import DURATION_PATTERN, INSTANT_PATTERN


class Model(BaseModel):
    """Part of an object: camelCase in JSON, immutable in Python.

    The docstring of a field is its description in the CRD. Unknown fields are ignored:
    the API server prunes fields that the CRD lacks.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )


def validations(*rules: tuple[str, str]) -> dict[str, JsonValue]:
    """Return CEL rules with their messages as a ``json_schema_extra``."""
    return {
        "x-kubernetes-validations": [
            {"rule": rule, "message": message} for rule, message in rules
        ]
    }


Duration = Annotated[
    str,
    Field(
        max_length=32,
        pattern=DURATION_PATTERN,
        json_schema_extra=validations(DURATION_RULE),
    ),
]
"""Duration of hours, minutes and seconds in Go's format."""

Instant = Annotated[
    str,
    Field(
        max_length=40,
        pattern=INSTANT_PATTERN,
        json_schema_extra={"format": "date-time"},
    ),
]
"""Time in RFC 3339 format."""

ObjectName = Annotated[
    str,
    Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"),
]
"""Name of a Kubernetes object: a DNS subdomain."""

NamespaceName = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
]

VisibleText = Annotated[str, Field(json_schema_extra=validations(TEXT_RULE))]
"""Text without invisible characters."""

ATOMIC: Final[dict[str, JsonValue]] = {"x-kubernetes-list-type": "atomic"}
SET: Final[dict[str, JsonValue]] = {"x-kubernetes-list-type": "set"}
"""Merge strategies of lists in the API server."""

MAX_USERNAME_LENGTH: Final = 512


class IdentityModel(Model):
    """Kubernetes user with groups."""

    username: str = Field(min_length=1, max_length=MAX_USERNAME_LENGTH)
    """User name in Kubernetes, such as alice@example.com or
    system:serviceaccount:ci:deployer; `kubectl auth whoami` prints your own."""
    groups: list[Annotated[str, Field(max_length=MAX_USERNAME_LENGTH)]] = Field(
        [], max_length=512, json_schema_extra=SET
    )
    """All groups of the user in Kubernetes, such as developers and
    system:authenticated, in any order."""


def read_identity(model: IdentityModel | None) -> Identity | None:
    """Convert an identity; return None if the object has none."""
    if model is None:
        return None
    return Identity(username=model.username, groups=frozenset(model.groups))


Spec = TypeVar("Spec", bound=Model)


def read_spec(model: type[Spec], spec: Any) -> Spec:  # noqa: ANN401
    """Parse the spec of an object as the API server returns it, None for no spec.

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
