"""Languages of patterns, compared with the matcher that the simulation uses."""

import pytest
import re2
from hypothesis import example, given
from hypothesis import strategies as st

from argogrant.argocd.pattern_match import pattern_matches
from argogrant.argocd.simulation.language import (
    ANYTHING,
    NOTHING,
    chars,
    concat,
    derivative,
    either,
    find_text,
    has_empty_text,
    language_of,
    literal,
    repeated,
)

GLOBS = st.lists(
    st.sampled_from(["a", "b", "/", "*", "?", "[ab]", "[!a]", "{a,b/}", "{,*}", "\\*"]),
    max_size=6,
).map("".join)
EXPRESSIONS = st.lists(
    st.sampled_from(
        [
            "a",
            "b",
            "/",
            ".",
            ".*",
            "[ab]",
            "[^a]",
            "(a|b/)",
            "a+",
            "b?",
            "\\.",
            "|",
            "\\w",
        ]
    ),
    max_size=6,
).map("".join)
ANCHORED = st.tuples(
    st.sampled_from(["", "^"]), EXPRESSIONS, st.sampled_from(["", "$"])
)
TEXTS = st.text("ab/*.", max_size=6)


def contains(language, text: str) -> bool:
    for character in text:
        language = derivative(language, character)
    return has_empty_text(language)


def found(*wanted, excluded=NOTHING) -> bool | None:
    steps = find_text(wanted, excluded)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@given(GLOBS, TEXTS)
@example("{a,b}{a,b}", "ab")
def test_glob_contains_what_it_matches(glob: str, text: str) -> None:
    language = language_of(glob, "")

    assert language is not None
    assert contains(language, text) is pattern_matches(glob, text, mode="")


@given(ANCHORED.map("".join), TEXTS)
def test_expression_contains_what_it_matches(pattern: str, text: str) -> None:
    language = language_of(pattern, "regex")

    if language is not None:
        assert contains(language, text) is (re2.search(pattern, text) is not None)


@given(GLOBS, GLOBS, TEXTS)
def test_search_finds_what_a_text_shows(wanted: str, excluded: str, text: str) -> None:
    inside, outside = language_of(wanted, ""), language_of(excluded, "")
    assert inside is not None
    assert outside is not None
    if contains(inside, text) and not contains(outside, text):
        assert found(inside, excluded=outside) is not False


def test_search_proves_that_nothing_is_left() -> None:
    team = concat(literal("team-"), ANYTHING)

    assert found(team, excluded=team) is False
    assert found(team, excluded=concat(literal("team-a"), ANYTHING)) is True
    assert found(ANYTHING, excluded=ANYTHING) is False
    assert found(NOTHING) is False


def test_search_is_limited(monkeypatch) -> None:
    monkeypatch.setattr("argogrant.argocd.simulation.language.MAX_STATES", 3)

    assert found(literal("abcdefgh"), excluded=literal("abcdefgi")) is None


def test_unions_and_repetitions_are_simplified() -> None:
    a = chars("a")

    assert either(a, NOTHING, a) == a
    assert either(a, ANYTHING) == ANYTHING
    assert either() == NOTHING
    assert repeated(repeated(a)) == repeated(a)
    assert repeated(NOTHING) == concat()
    assert concat(a, NOTHING) == NOTHING


def test_unsupported_and_long_patterns_have_no_language() -> None:
    for pattern in (
        "x{3}",
        "a^",
        "(?i)a",
        "[[:alpha:]]",
        "\\b",
        "a$b",
        "(",
        "a)",
        "[]",
    ):
        assert language_of(pattern, "regex") is None, pattern
    assert language_of("a" * 200, "") is None
    assert language_of("[a", "") == NOTHING


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        pytest.param("^(?:a|b)$", "b", id="a group that captures nothing"),
        pytest.param("^(a)b$", "ab", id="a group that captures"),
    ],
)
def test_group_contains_its_choices(pattern: str, text: str) -> None:
    language = language_of(pattern, "regex")

    assert language is not None
    assert contains(language, text)
    assert not contains(language, "c")


@pytest.mark.parametrize("pattern", ["(?i:a)", "(a$)b", "(a", "a{2}"])
def test_what_is_not_translated_has_no_language(pattern: str) -> None:
    assert language_of(pattern, "regex") is None
