"""The line that a person is told to write for scopes."""

import pytest
import yaml

from argogrant.grants.model.sign_in import scopes_line


@pytest.mark.parametrize(
    ("claims", "line"),
    [
        (("groups", "email"), "scopes: '[groups, email]'"),
        ((), "scopes: '[]'"),
        (("cognito:groups", "https://x.dev/g"), None),
        (("on", "null", "it's", 'a"b', "a, b", "[x]", "#x", "7", "a\nb"), None),
    ],
)
def test_reads_back_as_the_claims(claims, line) -> None:
    written = scopes_line(claims)
    value = yaml.safe_load(written)["scopes"]

    assert line in (None, written)
    assert yaml.safe_load(value) == list(claims)
