"""RBAC policy of the ConfigMap: keys, order and problems."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.policy_csv import (
    MAX_UNMANAGED_BYTES,
    MAX_UNMANAGED_LINES,
    OVERLAY_KEY,
    compose,
    policy_keys,
    read_key,
    read_unmanaged_keys,
)
from argogrant.grants.model.grant import Binding


def test_keys_are_composed_in_the_order_of_argo_cd() -> None:
    data = dict.fromkeys(
        ["policy.b.csv", "policy.A.csv", "policy..csv", "policy.csv", "policy.csvx"], ""
    )

    assert policy_keys(data) == [
        "policy.csv",
        "policy..csv",
        "policy.A.csv",
        "policy.b.csv",
    ]
    assert compose({"policy.b.csv": "b", "policy.csv": "a"}) == "a\nb"


def test_problem_names_key_and_line() -> None:
    text = read_unmanaged_keys({"policy.csv": "# ok\ng, a\n", OVERLAY_KEY: "broken"})

    assert str(text.problems[0]).startswith(
        "policy.csv line 2: a g line must have 3 fields"
    )
    assert len(text.problems) == 1


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param({}, "", id="empty"),
        pytest.param(
            {"policy.b.csv": "b"}, "\nb", id="an overlay without the main key"
        ),
        pytest.param(
            {"policy.csv": "a\n", "policy.b.csv": "b", "policy.a.csv": "c"},
            "a\n\nc\nb",
            id="a newline before each",
        ),
    ],
)
def test_composed_text_equals_the_input_of_argo_cds_enforcer(data, text) -> None:
    assert compose(data) == text


def test_unmanaged_policy_is_read_from_all_unmanaged_keys() -> None:
    text = read_unmanaged_keys(
        {
            "policy.csv": "g, a, b\n",
            "policy.other.csv": "g, c, d\np, x, y, z, w, allow",
            "policy.default": "role:readonly",
            "scopes": "[groups]",
        }
    )

    assert text.bindings == (Binding("a", "b"), Binding("c", "d"))
    assert [rule.subject for rule in text.rules] == ["x"]
    assert text.default_role == "role:readonly"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"policy.csv": "\n" * MAX_UNMANAGED_LINES}, id="lines"),
        pytest.param(
            {"policy.csv": "#" * MAX_UNMANAGED_BYTES, "policy.b.csv": "#"}, id="bytes"
        ),
    ],
)
def test_keys_beyond_a_limit_are_unknown_and_reported(data) -> None:
    text = read_unmanaged_keys(data)

    assert text.is_too_large
    assert text.problems[0].statement.startswith(
        "argogrant does not parse argocd-rbac-cm: the policy keys of others have more"
    )


def test_managed_key_does_not_count_for_the_limits() -> None:
    text = read_unmanaged_keys({OVERLAY_KEY: "\n" * MAX_UNMANAGED_LINES})

    assert not text.is_too_large


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_can_be_parsed(text) -> None:
    """Every line is a rule, a binding, a problem, or skipped; none raises."""
    read = read_key("policy.csv", text)
    found = len(read.rules) + len(read.bindings) + len(read.problems)

    assert found <= text.count("\n") + 1
