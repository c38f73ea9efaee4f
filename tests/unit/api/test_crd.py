"""CRDs: descriptions, limits and messages of all fields and rules."""

from collections.abc import Iterator
from typing import Any

import pytest

from argogrant.api import accessapproval, cel_rules
from argogrant.api.crd import KINDS, crd_yaml, custom_resource_definition

RULE_FIELDS = ("rule", "message", "reason", "fieldPath")
Field = tuple[str, dict[str, Any]]


def schemas() -> dict[str, dict[str, Any]]:
    return {
        kind.kind: custom_resource_definition(kind)["spec"]["versions"][0]
        for kind in KINDS
    }


def fields(schema: dict[str, Any], path: str) -> Iterator[Field]:
    """Yield every field below a schema, with its path."""
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from fields(part, f"{path}.{name}")
    if "items" in schema:
        yield from fields(schema["items"], f"{path}[]")


FIELDS: list[Field] = [
    field
    for kind, version in schemas().items()
    for part in ("spec", "status")
    for field in fields(
        version["schema"]["openAPIV3Schema"]["properties"][part], f"{kind}.{part}"
    )
]
EVERY_FIELD = pytest.mark.parametrize(
    ("path", "schema"), [pytest.param(*field, id=field[0]) for field in FIELDS]
)


@EVERY_FIELD
def test_field_has_a_description(path, schema) -> None:
    """``kubectl explain`` prints sentences."""
    if path.endswith("[]"):
        return

    assert len(schema.get("description", "")) > 15
    assert schema["description"].endswith(".")
    assert "\n" not in schema["description"]


@EVERY_FIELD
def test_string_or_list_has_a_limit(path, schema) -> None:
    """Without limits, the cost of CEL rules exceeds the budget of the API server."""
    if schema.get("type") == "string":
        assert "maxLength" in schema or "enum" in schema, path
    if schema.get("type") == "array":
        assert "maxItems" in schema, path
    if schema.get("type") == "integer":
        rules = [one["rule"] for one in schema.get("x-kubernetes-validations", ())]
        assert "minimum" in schema or any("self >= " in rule for rule in rules), path


@EVERY_FIELD
def test_field_is_structural(path, schema) -> None:
    """The API server rejects references, unions of types and open objects."""
    assert "type" in schema, path
    assert not schema.keys() & {"$ref", "anyOf", "allOf", "oneOf", "title"}
    assert schema["type"] != "object" or schema["properties"]


@EVERY_FIELD
def test_rule_has_a_message(path, schema) -> None:
    for rule in schema.get("x-kubernetes-validations", ()):
        assert {"rule", "message"} <= set(rule) <= {*RULE_FIELDS}
        assert 10 < len(rule["message"]) < 300, path


LISTED = [
    pytest.param(table if name.endswith("_RULES") else (table,), id=name)
    for module in (cel_rules, accessapproval)
    for name, table in vars(module).items()
    if name.endswith(("_RULE", "_RULES"))
]


@pytest.mark.parametrize("listed", LISTED)
def test_every_rule_is_part_of_a_crd(listed) -> None:
    """An unused rule has no effect."""
    wanted = {rule for rule, _ in listed}
    found = {
        rule["rule"]
        for _, schema in FIELDS
        for rule in schema.get("x-kubernetes-validations", ())
    }

    assert all(any(one in rule for rule in found) for one in wanted)


def test_every_immutable_field_has_a_rule() -> None:
    """Each immutable field of a grant has a transition rule."""
    transitions = [rule for rule, _ in cel_rules.SPEC_RULES if "oldSelf" in rule]
    guarded = ["instance", "subject", "role", "duration", "expiresAt", "notBefore"]
    guarded += ["justification", "requester", "extends", "breakGlass"]
    guarded += ["revoked", "revocation"]
    unguarded = [
        name
        for name in guarded
        if not any(f"oldSelf.{name}" in rule for rule in transitions)
    ]
    spec = dict(FIELDS)["AccessGrant.spec"]

    assert unguarded == []
    assert sorted(spec["properties"]) == sorted(guarded)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_kind_has_a_short_name_and_columns(kind) -> None:
    definition = custom_resource_definition(kind)
    version = definition["spec"]["versions"][0]
    columns = {c["name"]: c for c in version["additionalPrinterColumns"]}

    assert definition["spec"]["names"]["shortNames"] == [kind.short_name]
    assert definition["spec"]["names"]["categories"] == ["argogrant"]
    assert version["subresources"] == {"status": {}}
    assert {"Ready", "Counted"} & set(columns)
    assert "Age" in columns
    assert columns["Message"]["priority"] == 1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_crd_file_has_a_header(kind) -> None:
    assert crd_yaml(kind).startswith("# Generated from the models")
