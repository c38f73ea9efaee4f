"""The largest objects that the schemas let pass are not too costly to check."""

from typing import Any

import pytest

from controlplane import ControlPlane
from support.live_cluster import a_grant
from support.sample_objects import a_policy, an_approval, owned_by, rejection


def names(count: int, length: int) -> list[str]:
    """Different names of that length, in characters that cost several bytes."""
    return [f"{number:04}{'é' * (length - 4)}" for number in range(count)]


LARGEST = {
    "a policy": a_policy(
        instances=[f"{number:04}{'x' * 249}" for number in range(64)],
        requesters=[{"kind": "User", "name": name} for name in names(64, 512)],
        subjects={"self": True, "users": names(64, 256), "groups": names(64, 256)},
        roles=[{"name": name} for name in names(64, 256)],
        justification={"pattern": "x" * 512, "hint": "y" * 256},
        approval={
            "required": 10,
            "approvers": [{"kind": "User", "name": name} for name in names(32, 512)],
        },
    ),
    "an approval": an_approval(
        comment="x" * 1024, approver={"username": "y" * 512, "groups": names(512, 512)}
    ),
    "an instance": owned_by(
        *({"kind": "User", "name": name} for name in names(32, 512)),
        resource={"key": f"{'x' * 253}/{'y' * 63}", "kind": "User"},
    ),
    "a grant": a_grant(
        "tried",
        subject="é" * 256,
        justification="x" * 1024,
        breakGlass=True,
        requester={"username": "y" * 512, "groups": names(512, 512)},
    ),
}


@pytest.mark.parametrize("body", LARGEST.values(), ids=LARGEST.keys())
def test_the_largest_object_is_checked_in_time(
    emptied: ControlPlane, body: dict[str, Any]
) -> None:
    """The API server gives up on rules that cost too much, on creation and change."""
    labelled = {**body, "metadata": {**body["metadata"], "labels": {"a": "b"}}}
    assert rejection(emptied, "create", body=body) == ""

    assert rejection(emptied, "replace", body=labelled) == ""
