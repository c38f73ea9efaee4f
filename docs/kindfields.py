"""The fields of a kind, as its CRD describes them and a reader thinks of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from argogrant.api.crd import Kind, custom_resource_definition


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOfKind:
    """One field of a kind, as its CRD describes it."""

    path: str
    schema: Mapping[str, Any]
    required: bool

    @property
    def type(self) -> str:
        """The type, as a reader thinks of it."""
        if self.schema["type"] == "array":
            return f"list of {self.schema['items']['type']}s"
        if self.schema.get("format") == "date-time":
            return "time"
        return str(self.schema["type"])

    @property
    def presence(self) -> str:
        """Whether it must be written, or what it is if it is not."""
        if "default" in self.schema and self.schema["type"] != "object":
            return f"default `{self.schema['default']}`"
        return "required" if self.required else "optional"

    def limits(self) -> list[str]:
        """Say what the schema itself demands, of the field and of what it lists."""
        items = self.schema.get("items", {})
        each = [] if "properties" in items else _limits(items)
        return [*_limits(self.schema), *(f"each {limit}" for limit in each)]

    def rules(self) -> list[tuple[str, str]]:
        """Give the CEL rules with their messages, of the field and of what it lists."""
        return [
            (rule["rule"], rule["message"])
            for schema in (self.schema, self.schema.get("items", {}))
            for rule in schema.get("x-kubernetes-validations", ())
        ]


def _limits(schema: Mapping[str, Any]) -> list[str]:
    said = []
    is_time = schema.get("format") == "date-time"
    if "enum" in schema:
        said.append(" or ".join(f"`{one}`" for one in schema["enum"]))
    if is_time:
        said.append("as RFC 3339 writes it")
    for least, most, what in (
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
        ("minimum", "maximum", ""),
    ):
        if not is_time and {least, most} & schema.keys():
            said.append(_range(schema.get(least), schema.get(most)) + what)
    if "pattern" in schema and not is_time:
        said.append(f"matches `{schema['pattern']}`")
    return said


def _range(least: int | None, most: int | None) -> str:
    if most is None:
        return f"≥ {least}"
    return f"≤ {most}" if least is None else f"{least} to {most}"


def fields_of(kind: Kind) -> Iterator[FieldOfKind]:
    """Give every field of a kind, parents before children."""
    crd = custom_resource_definition(kind)
    whole = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for part in ("spec", "status"):
        required = part in whole["required"]
        yield from _fields(part, whole["properties"][part], required=required)


def _fields(
    path: str, schema: Mapping[str, Any], *, required: bool
) -> Iterator[FieldOfKind]:
    yield FieldOfKind(path=path, schema=schema, required=required)
    inner = schema
    if schema["type"] == "array":
        path, inner = f"{path}[]", schema["items"]
    for name, child in inner.get("properties", {}).items():
        is_required = name in inner.get("required", ())
        yield from _fields(f"{path}.{name}", child, required=is_required)
