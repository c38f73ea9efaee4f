"""Conditions in the format of metav1.Condition, and their transition times."""

import pytest

from argogrant.api.conditions import MAX_MESSAGE_LENGTH, write_conditions
from argogrant.grants.conditions import Condition
from argogrant.grants.model.reasons import GrantCondition, Reason
from support.builders import HOUR, NOON


def a_condition(
    status: bool | None,  # noqa: FBT001
    reason: Reason = Reason.BINDING,
    message: str = "m",
) -> Condition:
    return Condition(
        type=GrantCondition.READY, status=status, reason=reason, message=message
    )


def written(existing, *conditions, now=NOON):
    old = {"conditions": existing}
    return write_conditions(old, conditions, generation=2, now=now)["conditions"]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        pytest.param(True, "True", id="true"),
        pytest.param(False, "False", id="false"),
        pytest.param(None, "Unknown", id="unknown"),
    ],
)
def test_condition_has_the_format_of_kubernetes(status, text) -> None:
    assert written((), a_condition(status)) == [
        {
            "type": "Ready",
            "status": text,
            "reason": "Binding",
            "message": "m",
            "lastTransitionTime": "2026-11-24T12:00:00Z",
            "observedGeneration": 2,
        }
    ]


@pytest.mark.parametrize(
    ("after", "time"),
    [
        pytest.param(
            a_condition(status=False, reason=Reason.EXPIRED, message="other"),
            "2026-11-24T12:00:00Z",
            id="another reason keeps the time",
        ),
        pytest.param(
            a_condition(status=True),
            "2026-11-24T13:00:00Z",
            id="another status sets the time",
        ),
    ],
)
def test_transition_time_is_set_when_the_status_changes(after, time) -> None:
    before = written((), a_condition(status=False))
    (condition,) = written(before, after, now=NOON + HOUR)

    assert condition["lastTransitionTime"] == time


def test_missing_type_is_dropped() -> None:
    assert written(written((), a_condition(status=True))) == []


def test_message_is_truncated_to_its_limit() -> None:
    (condition,) = written((), a_condition(status=True, message="m" * 9999))

    assert len(condition["message"]) == MAX_MESSAGE_LENGTH
