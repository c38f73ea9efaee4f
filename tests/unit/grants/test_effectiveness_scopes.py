"""Line for ``scopes`` in messages."""

import pytest
import yaml

from argogrant.grants.effectiveness import scopes_line


@pytest.mark.parametrize(
    ("claims", "line"),
    [
        (("groups", "email"), "scopes: '[groups, email]'"),
        ((), "scopes: '[]'"),
        (("cognito:groups", "https://x.dev/g"), None),
        (("on", "null", "it's", 'a"b', "a, b", "[x]", "#x", "7", "a\nb"), None),
    ],
)
def test_scopes_line_parses_as_the_claims(claims, line) -> None:
    text = scopes_line(claims)
    value = yaml.safe_load(text)["scopes"]

    assert line in (None, text)
    assert yaml.safe_load(value) == list(claims)
