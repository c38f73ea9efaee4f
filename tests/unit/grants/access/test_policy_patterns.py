"""Globs and regular expressions that people write into access policies."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.grants.access.policy import matches_pattern, pattern_problem
from argogrant.grants.model.identity import RequesterVerification, matches_glob
from support.builders import NOON, a_group, a_user, an_account, an_identity


@given(st.text("ab*.[", max_size=8), st.text("ab*.[", max_size=10))
def test_a_glob_means_what_its_expression_means(glob, text) -> None:
    expression = ".*".join(map(re.escape, glob.split("*")))

    assert matches_glob(glob, text) is bool(re.fullmatch(expression, text))


def test_a_hostile_glob_takes_no_time() -> None:
    """One that tries every way to match would never come back."""
    assert not matches_glob("*a" * 500 + "b", "a" * 5000)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        pytest.param("OPS-[0-9]+", None, id="a pattern"),
        pytest.param("(", "missing )", id="a bracket that is not closed"),
        pytest.param("(?=a)", "invalid perl operator", id="what RE2 does not know"),
    ],
)
def test_what_is_no_pattern_is_told(pattern, problem) -> None:
    told = pattern_problem(pattern)

    assert (told is None) is (problem is None)
    assert problem is None or problem in (told or "")


def test_a_pattern_is_found_anywhere() -> None:
    assert matches_pattern("b+", "abbc")
    assert not matches_pattern("^b", "abbc")
    assert not matches_pattern("(", "(")


@pytest.mark.parametrize(
    ("pattern", "identity", "is_owner"),
    [
        pytest.param(a_user("a*"), an_identity("a*"), True, id="the name itself"),
        pytest.param(a_user("a*"), an_identity("ab"), False, id="a star is a star"),
        pytest.param(a_group("sre"), an_identity("a", "sre"), True, id="a group"),
        pytest.param(a_group("sre"), an_identity("sre"), False, id="a user is none"),
    ],
)
def test_an_owner_is_named_literally(pattern, identity, is_owner) -> None:
    assert pattern.equals(identity) is is_owner


def test_an_account_is_named_with_its_namespace() -> None:
    assert an_account("argocd", "*").describe() == 'ServiceAccount "argocd/*"'


def test_whoever_is_believed_unverified_is_believed_at_any_age() -> None:
    assert RequesterVerification(are_accepted_unverified=True).is_verified(NOON)
    assert not RequesterVerification().is_verified(NOON)
