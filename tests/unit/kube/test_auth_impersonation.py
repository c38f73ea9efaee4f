"""A kubeconfig that acts as somebody else does so here as well."""

from typing import Any

import pytest

from argogrant.kube.auth import IncompleteImpersonation, impersonation_headers


@pytest.mark.parametrize(
    ("user", "headers"),
    [
        pytest.param({"token": "x"}, (), id="oneself"),
        pytest.param({"as": "bob"}, (("Impersonate-User", "bob"),), id="another user"),
        pytest.param(
            {
                "as": "bob",
                "as-uid": "7",
                "as-groups": ["a", "b"],
                "as-user-extra": {"example.com/x y": ["1", "2"]},
            },
            (
                ("Impersonate-User", "bob"),
                ("Impersonate-Uid", "7"),
                ("Impersonate-Group", "a"),
                ("Impersonate-Group", "b"),
                ("Impersonate-Extra-example.com%2Fx%20y", "1"),
                ("Impersonate-Extra-example.com%2Fx%20y", "2"),
            ),
            id="all that can be said",
        ),
    ],
)
def test_the_headers_say_as_whom(user: dict[str, Any], headers: tuple[Any]) -> None:
    assert impersonation_headers(user) == headers


def test_groups_alone_are_refused() -> None:
    """As kubectl does: they would be the rights of a user who is not named."""
    with pytest.raises(IncompleteImpersonation, match="set as to the user"):
        impersonation_headers({"as-groups": ["a"]})
