"""Globs and regular expressions of access policies."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.grants.access.policy import matches_pattern, pattern_problem
from argogrant.grants.model.identity import RequesterVerification, matches_glob
from support.builders import NOON, a_group, a_user, an_account, an_identity


@given(st.text("ab*.[", max_size=8), st.text("ab*.[", max_size=10))
def test_glob_matches_like_its_regular_expression(glob, text) -> None:
    expression = ".*".join(map(re.escape, glob.split("*")))

    assert matches_glob(glob, text) is bool(re.fullmatch(expression, text))


def test_glob_with_many_asterisks_matches_fast() -> None:
    """A backtracking implementation would not return."""
    assert not matches_glob("*a" * 500 + "b", "a" * 5000)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        pytest.param("OPS-[0-9]+", None, id="valid pattern"),
        pytest.param("(", "missing )", id="unclosed parenthesis"),
        pytest.param("(?=a)", "invalid perl operator", id="lookahead, which RE2 lacks"),
    ],
)
def test_invalid_pattern_is_reported(pattern, problem) -> None:
    message = pattern_problem(pattern)

    assert (message is None) is (problem is None)
    assert problem is None or problem in (message or "")


def test_pattern_matches_anywhere_in_the_text() -> None:
    assert matches_pattern("b+", "abbc")
    assert not matches_pattern("^b", "abbc")
    assert not matches_pattern("(", "(")


@pytest.mark.parametrize(
    ("pattern", "identity", "is_owner"),
    [
        pytest.param(a_user("a*"), an_identity("a*"), True, id="equal name"),
        pytest.param(
            a_user("a*"), an_identity("ab"), False, id="asterisk is not a wildcard"
        ),
        pytest.param(
            a_group("sre"), an_identity("a", "sre"), True, id="member of the group"
        ),
        pytest.param(
            a_group("sre"),
            an_identity("sre"),
            False,
            id="user with the name of the group",
        ),
    ],
)
def test_owner_is_compared_literally(pattern, identity, is_owner) -> None:
    assert pattern.equals(identity) is is_owner


def test_service_account_is_described_with_its_namespace() -> None:
    assert an_account("argocd", "*").describe() == 'ServiceAccount "argocd/*"'


def test_accepted_unverified_requesters_may_be_older_than_the_policies() -> None:
    assert RequesterVerification(are_accepted_unverified=True).is_verified(NOON)
    assert not RequesterVerification().is_verified(NOON)
