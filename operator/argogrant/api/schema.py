"""Base of all models: field types, identities, and strict parsing of specs."""

from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic.alias_generators import to_camel

from argogrant.api.cel_rules import DURATION_RULE, TEXT_RULE, TIME_PATTERN
from argogrant.api.structural_schema import (
    RULES,
    WANTED,
    missing,
    schema_at,
    structural_schema,
    wanted,
)
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.identity import Identity
from argogrant.grants.model.window import DURATION_PATTERN


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
    return {RULES: [{"rule": rule, "message": message} for rule, message in rules]}


def must(be: str, *rules: tuple[str, str], **extra: JsonValue) -> dict[str, JsonValue]:
    """Return what the limits of a field mean, as a ``json_schema_extra``.

    Args:
        be: End of the message for a value that does not keep them, which begins with
            *must*: what is wanted, with an example.
        rules: Further CEL rules of the field.
        extra: Other keys of its schema.
    """
    return {WANTED: f"must {be}", **(validations(*rules) if rules else {}), **extra}


_DURATION: Final = (
    "be hours, minutes and seconds, such as 2h30m or 90m; write one day as 24h, not as"
    " 1d"
)


def duration(*rules: tuple[str, str]) -> dict[str, JsonValue]:
    """Return the meaning of a duration with further rules."""
    return must(_DURATION, DURATION_RULE, *rules)


Duration = Annotated[
    str,
    Field(max_length=32, pattern=DURATION_PATTERN, json_schema_extra=duration()),
]
"""Duration of hours, minutes and seconds in Go's format."""

Instant = Annotated[
    str,
    Field(
        max_length=40,
        pattern=TIME_PATTERN,
        json_schema_extra=must(
            "be a date and a time of day with a time zone (RFC 3339), such as"
            " 2026-11-24T18:00:00Z or 2026-11-24T19:00:00+01:00",
            format="date-time",
        ),
    ),
]
"""Time in RFC 3339 format."""


def object_name(what: str, example: str) -> dict[str, JsonValue]:
    """Return the meaning of an ``ObjectName``."""
    return must(
        f"be the name of {what}: 1 to 253 lower-case letters, digits, '-' and '.', with"
        f" a letter or digit at both ends, such as {example}"
    )


ObjectName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        json_schema_extra=object_name("an AccessGrant", "deploy-4711"),
    ),
]
"""Name of a Kubernetes object: a DNS subdomain."""

NamespaceName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=63,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        json_schema_extra=must(
            "be the name of a namespace: 1 to 63 lower-case letters, digits and '-',"
            " with a letter or digit at both ends, such as argocd"
        ),
    ),
]

VisibleText = Annotated[str, Field(json_schema_extra=validations(TEXT_RULE))]
"""Text without invisible characters."""

ATOMIC: Final[dict[str, JsonValue]] = {"x-kubernetes-list-type": "atomic"}
SET: Final[dict[str, JsonValue]] = {"x-kubernetes-list-type": "set"}
"""Merge strategies of lists in the API server."""

MAX_USERNAME_LENGTH: Final = 512


GroupName = Annotated[
    str,
    Field(
        max_length=MAX_USERNAME_LENGTH,
        json_schema_extra=must(
            "be the name of a group of at most 512 characters, such as developers"
        ),
    ),
]


class IdentityModel(Model):
    """Kubernetes user with groups."""

    username: str = Field(
        min_length=1,
        max_length=MAX_USERNAME_LENGTH,
        json_schema_extra=must(
            "be a user name of 1 to 512 characters, such as alice@example.com;"
            " `kubectl auth whoami` prints your own"
        ),
    )
    """User name in Kubernetes, such as alice@example.com or
    system:serviceaccount:ci:deployer; `kubectl auth whoami` prints your own."""
    groups: list[GroupName] = Field(
        [],
        max_length=512,
        json_schema_extra=must(
            "have at most 512 groups, such as groups: [developers,"
            " system:authenticated]",
            **SET,
        ),
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
        raise InvalidGrant(_problem(model, error)) from error


def _problem(model: type[Model], error: ValidationError) -> str:
    """Return the first problem, in the words of the API server's answer."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = ".".join(map(str, ("spec", *first["loc"])))
    if "error" in first.get("ctx", {}):
        return f"{path}: {first['ctx']['error']}"
    schema = schema_at(structural_schema(model), first["loc"])
    is_missing = first["type"] == "missing"
    text = missing(str(first["loc"][-1]), schema) if is_missing else wanted(schema)
    return f"{path}: {text}"
