"""Schemas of the models as Kubernetes wants them, with CEL rules in place of keywords.

A schema that a value breaks makes the API server answer in its own words, ``should
match '^…'``, and to leave every CEL rule out. So the schema of a ``spec`` has hardly
any keywords: ``with_messages`` turns each limit of a model into a CEL rule whose
message says what is wanted and shows an example.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from pydantic import BaseModel

WANTED: Final = "wanted"
"""Key of a schema: what a value must be, with an example. No keyword of JSON schema."""
RULES: Final = "x-kubernetes-validations"

Node = dict[str, Any]


@cache
def structural_schema(model: type[BaseModel]) -> Node:
    """Convert the JSON schema of a model into a structural schema; do not change it.

    Source: Kubernetes, "Specifying a structural schema": no ``$ref``, no ``anyOf`` with
    types, no ``title``.
    """
    schema = model.model_json_schema(by_alias=True)
    converted: Node = _convert(schema, schema.pop("$defs", {}))
    return converted


def _convert(node: Any, definitions: Node) -> Any:  # noqa: ANN401
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


def _without_null(node: Node) -> Node:
    """Replace ``anyOf: [X, null]`` with X, because Kubernetes omits null fields."""
    choices = [c for c in node.get("anyOf", ()) if c != {"type": "null"}]
    if len(choices) != 1:
        return dict(node)
    rest = {key: value for key, value in node.items() if key != "anyOf"}
    return {**choices[0], **rest}


_KEYWORDS: Final[Mapping[str, str]] = {
    "enum": "self in [{}]",
    "minLength": "size(self) >= {}",
    "maxLength": "size(self) <= {}",
    "minItems": "size(self) >= {}",
    "maxItems": "size(self) <= {}",
    "minimum": "self >= {}",
    "maximum": "self <= {}",
    "pattern": "self.matches(r'{}')",
}
"""CEL for each keyword; CEL and schemas have the same regular expressions (RE2)."""
_LONGEST_TEXT: Final = 16_384
_LONGEST_IN_LIST: Final = 2048
_LONGER: Final = 2
"""Limits that stay in the schema: without any, a rule would exceed the cost limit of
the API server. They are so much higher that the rule answers first."""


def with_messages(node: Node, longest: int = _LONGEST_TEXT) -> Node:
    """Return a schema whose limits are CEL rules with messages.

    As before a keyword, no other rule of a field is evaluated if its limits are not
    kept, and no rule of an object if a required field that it reads is missing.

    Raises:
        KeyError: A field with a limit does not say what is wanted.
    """
    kept = {
        key: value
        for key, value in node.items()
        if key not in {*_KEYWORDS, WANTED, RULES, "required", "format"}
    }
    if "properties" in node:
        kept["properties"] = {
            name: property_with_messages(node, name, longest)
            for name in node["properties"]
        }
    if "items" in node:
        kept["items"] = with_messages(node["items"], _LONGEST_IN_LIST)
    rules = [*_limits(node), *_required(node), *_other_rules(node)]
    return {**kept, **_ceiling(node, longest), **_some(rules)}


def required_rules(node: Node) -> Node:
    """Return the rules of an object that require fields, as part of its schema."""
    return _some([*_required(node)])


def _some(rules: list[dict[str, str]]) -> Node:
    return {RULES: rules} if rules else {}


def without_messages(node: Node) -> Node:
    """Return the schema of a status, which only the operator writes: with keywords."""
    kept = {key: value for key, value in node.items() if key != WANTED}
    if "properties" in node:
        kept["properties"] = {
            name: without_messages(child) for name, child in node["properties"].items()
        }
    if "items" in node:
        kept["items"] = without_messages(node["items"])
    return kept


def property_with_messages(
    parent: Node, name: str, longest: int = _LONGEST_TEXT
) -> Node:
    """Convert a field; ``kubectl explain`` still shows whether it is required."""
    node = parent["properties"][name]
    converted = with_messages(node, longest)
    if name in parent.get("required", ()):
        converted["description"] = f"{node['description']} Required."
    return converted


def _ceiling(node: Node, longest: int) -> Node:
    if node.get("type") == "array":
        return {"maxItems": _LONGER * node["maxItems"]}
    if node.get("type") == "string":
        return {"maxLength": max(longest, _LONGER * node.get("maxLength", 0))}
    return {}


def _limit(node: Node) -> str:
    """Return the condition that a field keeps its limits; empty if it has none."""
    return " && ".join(
        template.format(_literals(node[key]))
        for key, template in _KEYWORDS.items()
        if key in node
    )


def _literals(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(f"'{one}'" for one in value)
    return str(value)


def _limits(node: Node) -> Iterator[dict[str, str]]:
    if limit := _limit(node):
        yield {"rule": limit, "message": node[WANTED]}


def _required(node: Node) -> Iterator[dict[str, str]]:
    for name in node.get("required", ()):
        yield {
            "rule": f"has(self.{_escaped(name)})",
            "message": missing(name, node["properties"][name]),
            "reason": "FieldValueRequired",
            "fieldPath": f".{name}",
        }


def missing(name: str, node: Node) -> str:
    """Return the message for a required field that is missing."""
    return f"{name} is missing; it {wanted(node)}"


def _other_rules(node: Node) -> Iterator[dict[str, str]]:
    limit = _limit(node)
    for rule in node.get(RULES, ()):
        read = set(re.findall(r"\bself\.(\w+)", rule["rule"]))
        required = map(_escaped, node.get("required", ()))
        guards = [f"!({limit})"] if limit else []
        guards += [f"!has(self.{name})" for name in required if name in read]
        alone = [*guards, f"({rule['rule']})"] if guards else [rule["rule"]]
        yield {**rule, "rule": " || ".join(alone)}


def _escaped(name: str) -> str:
    """Return a field's name in CEL, of which some names are reserved words.

    Source: Kubernetes, "Validation rules", escaping of property names.
    """
    return f"__{name}__" if name == "namespace" else name


_TYPES: Final = {
    "boolean": "must be true or false, without quotes",
    "integer": "must be a whole number, without quotes",
    "string": "must be text; put numbers, true and false between quotes",
    "array": "must be a list",
    "object": "must be a mapping of fields",
}


def wanted(node: Node) -> str:
    """Return what the value of a field must be."""
    return str(node.get(WANTED) or _TYPES[node["type"]])


def schema_at(node: Node, path: tuple[int | str, ...]) -> Node:
    """Return the schema of the field at a path, as Pydantic names it."""
    for part in path:
        node = node["items"] if isinstance(part, int) else node["properties"][part]
    return node
