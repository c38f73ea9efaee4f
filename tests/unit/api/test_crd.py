"""The CRDs: every field is described and bounded, every rule says what to do."""

from collections.abc import Iterator
from typing import Any

import pytest

from argogrant.api import accessapproval
from argogrant.api import cel_rules as policyrules
from argogrant.api import cel_rules as rules
from argogrant.api.crd import KINDS, crd_yaml, custom_resource_definition

Field = tuple[str, dict[str, Any]]


def schemas() -> dict[str, dict[str, Any]]:
    return {
        kind.kind: custom_resource_definition(kind)["spec"]["versions"][0]
        for kind in KINDS
    }


def fields(schema: dict[str, Any], path: str) -> Iterator[Field]:
    """Every field below a schema, by its path."""
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from fields(part, f"{path}.{name}")
    if "items" in schema:
        yield from fields(schema["items"], f"{path}[]")


OURS: list[Field] = [
    field
    for kind, version in schemas().items()
    for part in ("spec", "status")
    for field in fields(
        version["schema"]["openAPIV3Schema"]["properties"][part], f"{kind}.{part}"
    )
]
EVERY_FIELD = pytest.mark.parametrize(
    ("path", "schema"), [pytest.param(*field, id=field[0]) for field in OURS]
)


@EVERY_FIELD
def test_a_field_is_described(path, schema) -> None:
    """``kubectl explain`` has an answer, and it is a sentence."""
    if path.endswith("[]"):
        return

    assert len(schema.get("description", "")) > 15
    assert schema["description"].endswith(".")


@EVERY_FIELD
def test_a_string_or_a_list_is_bounded(path, schema) -> None:
    """What has no limit makes CEL too costly, and lists too long to read."""
    if schema.get("type") == "string":
        assert "maxLength" in schema or "enum" in schema, path
    if schema.get("type") == "array":
        assert "maxItems" in schema, path
    if schema.get("type") == "integer":
        assert "minimum" in schema, path


@EVERY_FIELD
def test_a_field_is_structural(path, schema) -> None:
    """The API server takes no references, no unions of types, no open objects."""
    assert "type" in schema, path
    assert not schema.keys() & {"$ref", "anyOf", "allOf", "oneOf", "title"}
    assert schema["type"] != "object" or schema["properties"]


@EVERY_FIELD
def test_a_rule_says_what_to_do(path, schema) -> None:
    for rule in schema.get("x-kubernetes-validations", ()):
        assert set(rule) == {"rule", "message"}
        assert 10 < len(rule["message"]) < 300, path


LISTED = [
    pytest.param(table, id=name)
    for module in (rules, policyrules, accessapproval)
    for name, table in vars(module).items()
    if name.endswith("_RULES")
]


@pytest.mark.parametrize(
    "listed", [pytest.param((rules.TEXT_RULE,), id="TEXT"), *LISTED]
)
def test_every_rule_that_is_written_is_in_a_crd(listed) -> None:
    """A rule that no field refers to protects nothing."""
    wanted = {rule for rule, _ in listed}
    found = {
        rule["rule"]
        for _, schema in OURS
        for rule in schema.get("x-kubernetes-validations", ())
    }

    assert wanted <= found


def test_the_rules_that_hold_after_creation_are_listed() -> None:
    """Each field of a grant that must not change has its rule."""
    transitions = [rule for rule, _ in rules.SPEC_RULES if "oldSelf" in rule]
    guarded = ["instance", "subject", "role", "duration", "expiresAt", "notBefore"]
    guarded += ["justification", "requester", "extends", "breakGlass"]
    guarded += ["revoked", "revocation"]
    unguarded = [
        name
        for name in guarded
        if not any(f"oldSelf.{name}" in rule for rule in transitions)
    ]
    spec = dict(OURS)["AccessGrant.spec"]

    assert unguarded == []
    assert sorted(spec["properties"]) == sorted(guarded)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_a_kind_can_be_asked_for_shortly_and_answers_in_columns(kind) -> None:
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
def test_a_crd_says_that_it_is_generated(kind) -> None:
    assert crd_yaml(kind).startswith("# Generated from the models")
