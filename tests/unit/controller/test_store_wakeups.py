"""What is kept of an object, and which of its changes wake a convergence."""

from typing import Any

import pytest

from argogrant.controller.cached_objects import GrantRecord, record_grant


def a_record(
    *,
    annotations: dict[str, str] | None = None,
    status: dict[str, Any] | None = None,
    **metadata: str,
) -> GrantRecord:
    """What is kept of one grant of an hour."""
    return record_grant(
        {
            "metadata": {
                "uid": "u1",
                "namespace": "argogrant",
                "name": "g1",
                "creationTimestamp": "2026-11-24T12:00:00Z",
                "annotations": annotations or {},
                **metadata,
            },
            "spec": {
                "subject": {"kind": "User", "name": "alice"},
                "role": {"name": "role:deployer"},
                "duration": "1h",
            },
            "status": status or {},
        }
    )


DELETED = {"deletionTimestamp": "2026-11-24T12:30:00Z"}


@pytest.mark.parametrize(
    ("before", "after", "wakes"),
    [
        pytest.param(a_record(), a_record(**DELETED), True, id="a deletion"),
        pytest.param(
            a_record(**DELETED),
            a_record(annotations={"argogrant.dev/abandon": "true"}, **DELETED),
            True,
            id="a person gives a deleted grant up",
        ),
        pytest.param(
            a_record(),
            a_record(annotations={"argocd.argoproj.io/tracking-id": "app:…"}),
            True,
            id="Argo CD begins to track it",
        ),
        pytest.param(
            a_record(),
            a_record(status={"observedGeneration": 1}),
            False,
            id="our own report does not",
        ),
        pytest.param(
            a_record(),
            a_record(annotations={"note": "x"}),
            False,
            id="somebody's annotation does not",
        ),
    ],
)
def test_a_change_wakes_if_a_convergence_looks_at_it(before, after, wakes) -> None:
    assert before.decides_like(after) is not wakes
