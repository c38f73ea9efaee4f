"""Fields of a kind, from its CRD, with readable types and limits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from argogrant.api.crd import Kind, custom_resource_definition, schema_with_limits


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOfKind:
    """One field of a kind in its CRD."""

    path: str
    schema: Mapping[str, Any]
    """With its limits as keywords."""
    in_crd: Mapping[str, Any]
    """With its limits as rules."""
    required: bool

    @property
    def description(self) -> str:
        """Description as ``kubectl explain`` prints it."""
        return str(self.in_crd["description"])

    @property
    def type(self) -> str:
        """Readable type, such as ``list of strings``."""
        if self.schema["type"] == "array":
            return f"list of {self.schema['items']['type']}s"
        if self.schema.get("format") == "date-time":
            return "time"
        return str(self.schema["type"])

    @property
    def presence(self) -> str:
        """Default value, ``required`` or ``optional``."""
        if "default" in self.schema and self.schema["type"] != "object":
            return f"default `{self.schema['default']}`"
        return "required" if self.required else "optional"

    def limits(self) -> list[str]:
        """Return the limits in the schema of the field and of its items."""
        items = self.schema.get("items", {})
        each = [] if "properties" in items else _limits(items)
        return [*_limits(self.schema), *(f"each {limit}" for limit in each)]

    def rules(self) -> list[tuple[str, str]]:
        """Return the CEL rules with their messages, of the field and of its items."""
        return [
            (rule["rule"], rule["message"])
            for schema in (self.in_crd, self.in_crd.get("items", {}))
            for rule in schema.get("x-kubernetes-validations", ())
        ]


def _limits(schema: Mapping[str, Any]) -> list[str]:
    limits = []
    is_time = schema.get("format") == "date-time"
    if "enum" in schema:
        limits.append(" or ".join(f"`{one}`" for one in schema["enum"]))
    if is_time:
        limits.append("in RFC 3339 format")
    for minimum, maximum, unit in (
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
        ("minimum", "maximum", ""),
    ):
        if not is_time and {minimum, maximum} & schema.keys():
            limits.append(_range(schema.get(minimum), schema.get(maximum)) + unit)
    if "pattern" in schema and not is_time:
        limits.append(f"matches `{schema['pattern']}`")
    return limits


def _range(minimum: int | None, maximum: int | None) -> str:
    if maximum is None:
        return f"≥ {minimum}"
    return f"≤ {maximum}" if minimum is None else f"{minimum} to {maximum}"


def fields_of(kind: Kind) -> Iterator[FieldOfKind]:
    """Yield every field of a kind, parents before children."""
    crd = custom_resource_definition(kind)
    in_crd = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    schema = schema_with_limits(kind)
    for part in ("spec", "status"):
        required = part in schema["required"]
        yield from _fields(
            part, schema["properties"][part], in_crd[part], required=required
        )


def _fields(
    path: str, schema: Mapping[str, Any], in_crd: Mapping[str, Any], *, required: bool
) -> Iterator[FieldOfKind]:
    yield FieldOfKind(path=path, schema=schema, in_crd=in_crd, required=required)
    if schema["type"] == "array":
        path, schema, in_crd = f"{path}[]", schema["items"], in_crd["items"]
    for name, child in schema.get("properties", {}).items():
        is_required = name in schema.get("required", ())
        yield from _fields(
            f"{path}.{name}", child, in_crd["properties"][name], required=is_required
        )
