"""Claims in scopes, and invalid values of scopes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.policy_csv import (
    MAX_CLAIMS,
    MAX_SCOPES,
    read_scopes,
    read_unmanaged_keys,
)


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
        pytest.param("[" * 4000, None, id="a deeply nested list"),
        pytest.param('["\\ud800"]', None, id="the escape of a surrogate"),
        pytest.param('["\\UFFFFFFFF"]', None, id="the escape of no character"),
        pytest.param(f"[0x{'f' * 4000}]", None, id="a number with 4,816 digits"),
        pytest.param("[0x_]", None, id="a number without digits"),
        pytest.param("{<<: groups}", None, id="a merge key without an alias"),
        pytest.param("[groups]\n---\n[email]", None, id="two documents"),
    ],
)
def test_scopes(text, claims) -> None:
    assert read_scopes(text) == claims


ALIASES = "\n".join(
    ["- &a0 [x, x]", *(f"- &a{n + 1} [*a{n}, *a{n}]" for n in range(60))]
)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(ALIASES, id="aliases that multiply"),
        pytest.param("[&a groups, *a]", id="an alias of a scalar"),
        pytest.param("- &a {b: c}\n- {<<: *a}", id="a merge key"),
        pytest.param("[!!timestamp groups]", id="a tag"),
        pytest.param("!!python/object:os.system [groups]", id="a tag of Python"),
        pytest.param(f"[{'a,' * (MAX_CLAIMS + 1)}]", id="too many claims"),
        pytest.param(f"[{'a' * MAX_SCOPES}]", id="too many characters"),
    ],
)
def test_scopes_beyond_the_limits_are_unknown_and_reported(text: str) -> None:
    """Argo CD may read them, so the message does not say that it cannot."""
    read = read_unmanaged_keys({"scopes": text})

    assert read.claims is None
    assert read.problems[0].statement.startswith("argogrant does not parse scopes:")
    assert "Write a plain list" in read.problems[0].consequence


@given(
    st.text(st.sampled_from("[]{}&*!%<>=?:,-#'\"\\|~ \n\tab01xuU.e_T+Z"), max_size=25)
)
def test_any_scopes_can_be_read(text: str) -> None:
    read = read_unmanaged_keys({"scopes": text})

    assert (read.claims is None) is (len(read.problems) == 1)
    assert len(read.claims or ()) <= MAX_CLAIMS


def test_invalid_scopes_are_a_policy_problem() -> None:
    text = read_unmanaged_keys({"scopes": "groups", "policy.csv": "x"})

    assert text.claims is None
    assert [str(problem)[:18] for problem in text.problems] == [
        "policy.csv line 1:",
        "scopes line 1: the",
    ]
