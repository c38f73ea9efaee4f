"""The reference, which documents every name of the code."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from argogrant.grants.model.reasons import (
    APPROVAL_REASONS,
    GRANT_REASONS,
    INSTANCE_REASONS,
    POLICY_REASONS,
    ApprovalCondition,
    GrantCondition,
    InstanceCondition,
    PolicyCondition,
    Reason,
)
from generate import DESCRIPTIONS

ROOT = Path(__file__).parent.parent.parent
CRDS = sorted((ROOT / "crds").glob("*.yaml"))
FOR_KIND = {
    "accessgrant": GRANT_REASONS,
    "argocdinstance": INSTANCE_REASONS,
    "accesspolicy": POLICY_REASONS,
    "accessapproval": APPROVAL_REASONS,
}
CONDITIONS = {
    "accessgrant": GrantCondition,
    "argocdinstance": InstanceCondition,
    "accesspolicy": PolicyCondition,
    "accessapproval": ApprovalCondition,
}


def version_of(crd: Path) -> tuple[str, dict[str, Any]]:
    body = yaml.safe_load(crd.read_text())
    return body["spec"]["names"]["singular"], body["spec"]["versions"][0]


def page_of(kind: str) -> str:
    return (ROOT / f"docs/reference/{kind}.md").read_text()


def field_paths(schema: dict[str, Any], path: str) -> list[str]:
    """Every field below a schema, read from the CRD without the generator."""
    items = schema.get("items", schema)
    below = f"{path}[]" if "items" in schema else path
    return [path] + [
        found
        for name, child in items.get("properties", {}).items()
        for found in field_paths(child, f"{below}.{name}")
    ]


def nodes(schema: dict[str, Any]) -> list[dict[str, Any]]:
    inner = [*schema.get("properties", {}).values(), schema.get("items", {})]
    return [schema, *(node for child in inner if child for node in nodes(child))]


@pytest.mark.parametrize("crd", CRDS, ids=lambda crd: crd.stem)
def test_every_field_has_a_section_in_the_reference(crd: Path) -> None:
    kind, version = version_of(crd)
    schema = version["schema"]["openAPIV3Schema"]["properties"]

    for part in ("spec", "status"):
        for path in field_paths(schema[part], part):
            assert f"\n### `{path}`\n" in page_of(kind)


@pytest.mark.parametrize("crd", CRDS, ids=lambda crd: crd.stem)
def test_every_field_is_described_and_every_rule_has_its_message(crd: Path) -> None:
    kind, version = version_of(crd)
    schema = version["schema"]["openAPIV3Schema"]["properties"]

    for part in ("spec", "status"):
        for node in nodes(schema[part]):
            described = node.get("description", "")  # what a list holds has none
            assert described in page_of(kind) or node["type"] == "object"
            for rule in node.get("x-kubernetes-validations", ()):
                assert f"\n- {rule['message']}\n" in page_of(kind)


@pytest.mark.parametrize("crd", CRDS, ids=lambda crd: crd.stem)
def test_every_column_is_in_the_reference(crd: Path) -> None:
    kind, version = version_of(crd)

    for column in version["additionalPrinterColumns"]:
        assert f"| {column['name'].upper()} |" in page_of(kind)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_belongs_to_a_condition_and_is_explained(reason: Reason) -> None:
    """Reasons without a condition are missing on the pages of the kinds."""
    kinds = [
        kind
        for kind, conditions in FOR_KIND.items()
        for reasons in conditions.values()
        if any(reason in used for used in reasons.values())
    ]

    assert kinds, "list its conditions in grants/model/reasons.py"
    for page in ("reasons", *kinds):
        assert f"| `{reason}` |" in page_of(page)
        assert f"| {DESCRIPTIONS[reason]} |" in page_of(page)


def test_every_reason_has_a_description() -> None:
    """The reference documentation is generated from them."""
    assert set(DESCRIPTIONS) == set(Reason)
    assert all(text.endswith(".") for text in DESCRIPTIONS.values())


def test_every_condition_type_is_explained() -> None:
    for kind, conditions in FOR_KIND.items():
        assert set(conditions) == set(CONDITIONS[kind])
        for condition in conditions:
            assert f"\n### Condition `{condition}`\n" in page_of(kind)
