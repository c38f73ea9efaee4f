"""The claims that scopes names, and what is no list of claims."""

import pytest

from argogrant.argocd.policy_csv import read_scopes, read_unmanaged_keys


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        pytest.param("", ("groups",), id="nothing is the default"),
        pytest.param(" ", ("groups",), id="blanks are nothing"),
        pytest.param("null", ("groups",), id="null is nothing"),
        pytest.param("[groups, email]", ("groups", "email"), id="a list"),
        pytest.param("- groups\n- email\n", ("groups", "email"), id="a block"),
        pytest.param("[]", (), id="no claim at all"),
        pytest.param("[7, yes, null]", ("7", "True", ""), id="what reads as a text"),
        pytest.param("[groups,\temail]", ("groups", "email"), id="a tab"),
        pytest.param("groups", None, id="a scalar"),
        pytest.param("groups: email", None, id="a mapping"),
        pytest.param("[[groups]]", None, id="a list in a list"),
        pytest.param("[groups", None, id="no YAML"),
        pytest.param("[2026-99-99]", None, id="a date that is none"),
        pytest.param("[" * 5000, None, id="a bottomless list"),
    ],
)
def test_scopes(text, claims) -> None:
    assert read_scopes(text) == claims


def test_what_is_no_list_is_a_problem_of_the_text() -> None:
    text = read_unmanaged_keys({"scopes": "groups", "policy.csv": "x"})

    assert text.claims is None
    assert [str(problem)[:18] for problem in text.problems] == [
        "policy.csv line 1:",
        "scopes line 1: the",
    ]
