"""Changes of a grant that trigger a reconciliation, and others that do not."""

from typing import Any

import pytest

from argogrant.controller.store import GrantRecord, record_grant


def a_record(
    *,
    annotations: dict[str, str] | None = None,
    status: dict[str, Any] | None = None,
    **metadata: str,
) -> GrantRecord:
    """Return the record of a grant for one hour."""
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
    ("before", "after", "triggers"),
    [
        pytest.param(a_record(), a_record(**DELETED), True, id="deletion"),
        pytest.param(
            a_record(**DELETED),
            a_record(annotations={"argogrant.dev/abandon": "true"}, **DELETED),
            True,
            id="annotation argogrant.dev/abandon on a deleted grant",
        ),
        pytest.param(
            a_record(),
            a_record(annotations={"argocd.argoproj.io/tracking-id": "app:…"}),
            True,
            id="tracking annotation of Argo CD",
        ),
        pytest.param(
            a_record(),
            a_record(status={"observedGeneration": 1}),
            False,
            id="own status write does not",
        ),
        pytest.param(
            a_record(),
            a_record(annotations={"note": "x"}),
            False,
            id="unrelated annotation does not",
        ),
    ],
)
def test_change_triggers_a_reconciliation_that_depends_on_it(
    before, after, triggers
) -> None:
    assert before.decides_like(after) is not triggers
