"""Limits of the models as CEL rules with messages."""

import re
from typing import Annotated, Literal

import pytest
from pydantic import Field

from argogrant.api.crd import KINDS, schema_with_limits
from argogrant.api.schema import Model, must
from argogrant.api.structural_schema import (
    RULES,
    WANTED,
    structural_schema,
    with_messages,
    without_messages,
)


class Inner(Model):
    """Inner object."""

    kind: Literal["A", "B"] = Field(json_schema_extra=must("be A or B"))
    """Kind."""
    namespace: str = Field(max_length=5, json_schema_extra=must("be short"))
    """Namespace."""


class Outer(Model):
    """Outer object."""

    count: int = Field(ge=1, le=3, json_schema_extra=must("be 1 to 3"))
    """Count."""
    name: str = Field(
        "a",
        min_length=1,
        max_length=9,
        pattern="^a'?$",
        json_schema_extra=must("be a", ("self != 'b'", "must not be b"), format="byte"),
    )
    """Name."""
    inner: Inner = Field(
        json_schema_extra=must("be an object", ("self.kind != 'x'", "must not be x"))
    )
    """Inner."""
    items: list[Annotated[str, Field(max_length=4, json_schema_extra=must("be 4"))]] = (
        Field([], min_length=1, max_length=2, json_schema_extra=must("have 2"))
    )
    """Items."""
    flag: bool = False
    """Flag."""


CONVERTED = with_messages(structural_schema(Outer))
FIELDS = CONVERTED["properties"]


def rules(node) -> list[str]:
    return [one["rule"] for one in node.get(RULES, ())]


def messages(node) -> list[str]:
    return [one["message"] for one in node.get(RULES, ())]


def test_limits_of_a_field_are_one_rule_with_one_message() -> None:
    assert rules(FIELDS["count"]) == ["self >= 1 && self <= 3"]
    assert messages(FIELDS["count"]) == ["must be 1 to 3"]
    assert FIELDS["count"]["type"] == "integer"


def test_further_rules_are_evaluated_only_if_the_limits_are_kept() -> None:
    limit = r"size(self) >= 1 && size(self) <= 9 && self.matches(r'^a'?$')"

    assert rules(FIELDS["name"]) == [limit, f"!({limit}) || (self != 'b')"]
    assert messages(FIELDS["name"]) == ["must be a", "must not be b"]


def test_values_of_an_enum_are_a_rule() -> None:
    kind = FIELDS["inner"]["properties"]["kind"]

    assert rules(kind) == ["self in ['A', 'B']"]


def test_required_fields_are_rules_that_name_the_field() -> None:
    required = [one for one in FIELDS["inner"][RULES] if "fieldPath" in one]

    assert [one["rule"] for one in required] == [
        "has(self.kind)",
        "has(self.__namespace__)",
    ]
    assert required[0]["message"] == "kind is missing; it must be A or B"
    assert required[0]["fieldPath"] == ".kind"
    assert required[0]["reason"] == "FieldValueRequired"


def test_rules_that_read_a_required_field_hold_without_it() -> None:
    """The answer then is that it is missing, not that a rule cannot be evaluated."""
    assert "!has(self.kind) || (self.kind != 'x')" in rules(FIELDS["inner"])


def test_explain_shows_which_fields_are_required() -> None:
    assert FIELDS["count"]["description"] == "Count. Required."
    assert FIELDS["name"]["description"] == "Name."


def test_list_has_a_rule_for_its_length_and_for_each_item() -> None:
    assert rules(FIELDS["items"]) == ["size(self) >= 1 && size(self) <= 2"]
    assert rules(FIELDS["items"]["items"]) == ["size(self) <= 4"]


def test_schema_keeps_no_keyword_that_would_answer_before_a_rule() -> None:
    text = repr(CONVERTED)

    assert not re.search("'(enum|pattern|format|required|minLength|wanted)'", text)
    assert FIELDS["items"]["maxItems"] > 2
    assert FIELDS["name"]["maxLength"] > 9
    assert RULES not in FIELDS["flag"]


def test_status_keeps_its_keywords() -> None:
    """Only the operator writes it."""
    kept = without_messages(structural_schema(Outer))

    assert kept["properties"]["name"]["pattern"] == "^a'?$"
    assert kept["properties"]["items"]["items"]["maxLength"] == 4
    assert WANTED not in repr(kept)


def test_field_with_a_limit_and_no_message_is_an_error() -> None:
    class Wordless(Model):
        """Object."""

        name: str = Field(max_length=5)
        """Name."""

    with pytest.raises(KeyError, match=WANTED):
        with_messages(structural_schema(Wordless))


NODES = []
PENDING = [
    (kind.kind, schema_with_limits(kind)["properties"]["spec"]) for kind in KINDS
]
while PENDING:
    path, node = PENDING.pop()
    NODES.append((path, node))
    PENDING += [(f"{path}[]", node["items"])] if "items" in node else []
    PENDING += [
        (f"{path}.{name}", child) for name, child in node.get("properties", {}).items()
    ]


@pytest.mark.parametrize(
    "node", [pytest.param(node, id=path) for path, node in NODES if WANTED in node]
)
def test_message_says_what_is_wanted_with_an_example(node) -> None:
    wanted = node[WANTED]

    assert wanted.startswith("must ")
    assert re.search("such as|explain|in base64", wanted), wanted
    assert len(wanted) < 250
