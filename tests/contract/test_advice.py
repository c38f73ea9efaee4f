"""Explanations on the pages about identity and roles, compared with the code."""

import pytest
import yaml

from argogrant.api.argocdinstance import read_instance
from argogrant.argocd.policy_csv import read_scopes
from argogrant.argocd.roles import PERSISTENT
from argogrant.grants.model.reasons import GRANT_REASONS, GrantCondition
from support import doc_pages

HOW_TO = doc_pages.ROOT / "docs/how-to"
IDENTITY = (HOW_TO / "identity.md").read_text()
ROLES = (HOW_TO / "choose-a-role.md").read_text()


@pytest.mark.parametrize("right", PERSISTENT, ids=" ".join)
def test_every_persistent_permission_is_explained(right) -> None:
    assert f"| `{' '.join(right)}` | {PERSISTENT[right]} |" in ROLES


def test_no_other_permission_is_called_persistent() -> None:
    rows = [line for line in ROLES.splitlines() if line.startswith("| `")]

    assert len(rows) == len(PERSISTENT)


@pytest.mark.parametrize("reason", GRANT_REASONS[GrantCondition.EFFECTIVE][False])
def test_every_reason_without_effect_is_explained(reason) -> None:
    assert f"`{reason}`" in IDENTITY


def test_recommended_scopes_can_be_parsed() -> None:
    blocks = doc_pages.blocks_of(HOW_TO / "identity.md", IDENTITY)
    shown = [yaml.safe_load(b.text) for b in blocks if b.language == "yaml"]
    scopes = [one["scopes"] for one in shown if "scopes" in one]
    (instance,) = [one for one in shown if "kind" in one]
    instance["metadata"]["uid"] = "u"

    assert [read_scopes(text) for text in scopes] == [("groups", "email")] * 2
    assert read_scopes("groups, email") is None
    assert "{url}" in read_instance(instance).access_details
