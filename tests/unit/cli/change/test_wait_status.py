"""What is waited for has come, may come, or never will."""

import pytest

from argogrant.api.accessgrant_view import StoredStatus
from argogrant.cli.change.wait import (
    NOT_OBSERVED,
    WaitCondition,
    wait_for_counted,
    wait_for_ended,
    wait_for_ready,
)
from argogrant.grants.model.stored_condition import StoredCondition

FORCE, OVER, COUNTED = wait_for_ready("u"), wait_for_ended("u"), wait_for_counted("u")


def seen(
    condition: str = "",
    *,
    is_so: bool | None = False,
    reason: str = "R",
    is_current: bool = True,
    uid: str = "u",
) -> StoredStatus:
    """An object with at most one condition, whose message is its reason."""
    said = (
        {condition: StoredCondition(is_so, reason, f"{reason}!")} if condition else {}
    )
    return StoredStatus(uid=uid, name="hotfix", is_current=is_current, conditions=said)


@pytest.mark.parametrize(
    ("question", "found", "has_come", "said"),
    [
        pytest.param(
            FORCE, seen("Ready", is_so=True, reason="Bound"), True, "Bound!", id="bound"
        ),
        pytest.param(
            FORCE,
            seen("Ready", is_so=True, is_current=False),
            None,
            NOT_OBSERVED,
            id="a status from before the last change",
        ),
        pytest.param(FORCE, seen(), None, NOT_OBSERVED, id="no status yet"),
        pytest.param(
            FORCE,
            seen("Ready", reason="AwaitingApproval"),
            None,
            "AwaitingApproval! They type: argogrant approve hotfix",
            id="nobody has agreed yet",
        ),
        pytest.param(
            FORCE,
            seen("Ready", reason="RoleNotFound"),
            None,
            "RoleNotFound!",
            id="a role may come to be",
        ),
        pytest.param(
            FORCE, seen("Ready", reason="NotAllowed"), False, "NotAllowed!", id="no"
        ),
        pytest.param(
            FORCE, seen("Ready", reason="Expired"), False, "Expired!", id="too late"
        ),
        pytest.param(
            FORCE,
            seen("Ended", is_so=True, reason="Denied", is_current=False),
            False,
            "Denied!",
            id="an end is an end",
        ),
        pytest.param(FORCE, None, False, "it was deleted", id="deleted"),
        pytest.param(
            FORCE,
            seen("Ready", is_so=True, uid="other"),
            False,
            "it was deleted",
            id="another one of that name is in force",
        ),
        pytest.param(
            OVER,
            seen("Ended", is_so=True, reason="Revoked"),
            True,
            "Revoked!",
            id="over",
        ),
        pytest.param(
            OVER,
            seen("Ready", reason="Revoked"),
            None,
            "Revoked!",
            id="revoked, but not certainly gone from Argo CD",
        ),
        pytest.param(OVER, seen(), None, NOT_OBSERVED, id="not looked at yet"),
        pytest.param(OVER, None, True, "it was deleted", id="gone is over"),
        pytest.param(
            COUNTED,
            seen("Counted", is_so=True, reason="Counts"),
            True,
            "Counts!",
            id="1",
        ),
        pytest.param(
            COUNTED,
            seen("Counted", reason="SelfApproval"),
            False,
            "SelfApproval!",
            id="an approval that does not count",
        ),
        pytest.param(COUNTED, seen(), None, NOT_OBSERVED, id="not looked at"),
        pytest.param(COUNTED, None, False, "it was deleted", id="taken back"),
    ],
)
def test_what_is_waited_for(
    question: WaitCondition,
    found: StoredStatus | None,
    *,
    has_come: bool | None,
    said: str,
) -> None:
    outlook = question(found)

    assert (outlook.has_come, outlook.text) == (has_come, said)


def test_a_condition_without_a_message_has_its_reason() -> None:
    found = StoredStatus(
        uid="u",
        name="x",
        is_current=True,
        conditions={"Ready": StoredCondition(status=True, reason="Bound", message="")},
    )

    assert FORCE(found).text == "Bound"
