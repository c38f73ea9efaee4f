"""Claims in scopes, and invalid values of scopes."""

import pytest

from argogrant.argocd.policy_csv import read_scopes, read_unmanaged_keys


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        pytest.param("", ("groups",), id="empty is the default"),
        pytest.param(" ", ("groups",), id="blanks are empty"),
        pytest.param("null", ("groups",), id="null is empty"),
        pytest.param("[groups, email]", ("groups", "email"), id="a list"),
        pytest.param("- groups\n- email\n", ("groups", "email"), id="a block"),
        pytest.param("[]", (), id="an empty list"),
        pytest.param("[7, yes, null]", ("7", "True", ""), id="scalars are strings"),
        pytest.param("[groups,\temail]", ("groups", "email"), id="a tab"),
        pytest.param("groups", None, id="a scalar"),
        pytest.param("groups: email", None, id="a mapping"),
        pytest.param("[[groups]]", None, id="a list in a list"),
        pytest.param("[groups", None, id="invalid YAML"),
        pytest.param("[2026-99-99]", None, id="an invalid date"),
        pytest.param("[" * 5000, None, id="a deeply nested list"),
    ],
)
def test_scopes(text, claims) -> None:
    assert read_scopes(text) == claims


def test_invalid_scopes_are_a_policy_problem() -> None:
    text = read_unmanaged_keys({"scopes": "groups", "policy.csv": "x"})

    assert text.claims is None
    assert [str(problem)[:18] for problem in text.problems] == [
        "policy.csv line 1:",
        "scopes line 1: the",
    ]
