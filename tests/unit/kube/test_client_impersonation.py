"""Impersonation headers of a user in a kubeconfig."""

from typing import Any

import pytest

from argogrant.kube.client import IncompleteImpersonation, impersonation_headers


@pytest.mark.parametrize(
    ("user", "headers"),
    [
        pytest.param({"token": "x"}, (), id="no impersonation"),
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
            id="all fields",
        ),
    ],
)
def test_headers_contain_every_field(user: dict[str, Any], headers: tuple[Any]) -> None:
    assert impersonation_headers(user) == headers


def test_groups_without_a_user_are_rejected() -> None:
    """As in kubectl: groups cannot be impersonated without a user."""
    with pytest.raises(IncompleteImpersonation, match="set as to the user"):
        impersonation_headers({"as-groups": ["a"]})
