"""Base model, shared field types, and their structural OpenAPI schema for CRDs.

Source: Kubernetes, "Specifying a structural schema": no ``$ref``, no ``anyOf`` with
types, no ``title``.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from argogrant.api.cel_rules import DURATION_RULES
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


def structural_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Convert the JSON schema of a model into a structural schema."""
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs", {})
    converted = _convert(schema, definitions)
    assert isinstance(converted, dict)
    return converted


def _convert(node: Any, definitions: dict[str, Any]) -> Any:  # noqa: ANN401
    """Resolve references and unwrap ``X | None``, depth first."""
    if isinstance(node, list):
        return [_convert(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    node = _without_null(node)
    if "$ref" in node:
        name = node.pop("$ref").rsplit("/", 1)[-1]
        node = {**definitions[name], **node}
    converted = {
        key: (
            {name: _convert(value, definitions) for name, value in item.items()}
            if key == "properties"
            else _convert(item, definitions)
        )
        for key, item in node.items()
        if key not in {"title", "additionalProperties"}
    }
    if converted.get("default", ...) in (None, []):
        del converted["default"]
    if isinstance(text := converted.get("description"), str):
        converted["description"] = " ".join(text.split())
    return converted


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """Replace ``anyOf: [X, null]`` with X, because Kubernetes omits null fields."""
    choices = [c for c in node.get("anyOf", ()) if c != {"type": "null"}]
    if len(choices) != 1:
        return dict(node)
    rest = {key: value for key, value in node.items() if key != "anyOf"}
    return {**choices[0], **rest}


Duration = Annotated[
    str,
    Field(
        max_length=32,
        pattern=DURATION_PATTERN,
        json_schema_extra=validations(*DURATION_RULES),
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
    Field(
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
    ),
]
"""Name of a Kubernetes object: a DNS subdomain."""
