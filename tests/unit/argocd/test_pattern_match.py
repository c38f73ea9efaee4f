"""Pattern matching of p lines as in Argo CD."""

import pytest

from argogrant.argocd.pattern_match import pattern_matches


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("exec", "exec", True),
        ("exec", "executed", False),
        ("*", "applications", True),
        ("app*", "applications", True),
        ("*sets", "applicationsets", True),
        ("**", "a/b", True),
        ("update/*", "update/apps/Deployment", True),
        ("update/*", "update", False),
        ("exe?", "exec", True),
        ("exe?", "exe", False),
        ("{create,update}", "update", True),
        ("{create,update}", "create,update", False),
        ("{a{b,c},d}", "ac", True),
        ("a,b", "a,b", True),
        ("a}", "a}", True),
        ("[ec]xec", "exec", True),
        ("[a-f]xec", "exec", True),
        ("[!a-f]xec", "exec", False),
        ("[!^]xec", "exec", True),
        (r"\*", "*", True),
        (r"\exec", "exec", True),
        (r"\*", "x", False),
        (".xec", "exec", False),
        ("a(b", "a(b", True),
        ("{create", "create", False),
        ("[create", "c", False),
        ("a\nb", "a\nb", True),
    ],
)
def test_glob(pattern, text, matches) -> None:
    assert pattern_matches(pattern, text, mode="glob") is matches


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("^exec$", "exec", True),
        ("xe", "exec", True),
        (".*", "exec", True),
        ("*", "exec", False),
        ("update/.*", "update", False),
    ],
)
def test_regular_expression(pattern, text, matches) -> None:
    assert pattern_matches(pattern, text, mode="regex") is matches
