"""What is told of the token for another cluster."""

import pytest

from argogrant.audit.transitions import instance_transitions
from argogrant.grants.model.stored_condition import Conditions, StoredCondition

NOTHING: Conditions = {}


def token(*, status: bool | None, reason: str) -> Conditions:
    return {"TokenFresh": StoredCondition(status, reason, f"It is {reason}.")}


FRESH = token(status=True, reason="Fresh")
ENDING = token(status=False, reason="TokenEnding")
FAILED = token(status=False, reason="RotationFailed")


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        pytest.param(NOTHING, ENDING, ["It is TokenEnding."], id="at first sight"),
        pytest.param(FRESH, ENDING, ["It is TokenEnding."], id="from now on"),
        pytest.param(ENDING, ENDING, [], id="still"),
        pytest.param(
            ENDING, FAILED, ["It is RotationFailed."], id="for another reason"
        ),
        pytest.param(FAILED, FRESH, [], id="no longer"),
        pytest.param(
            FRESH, token(status=None, reason="Unknown"), [], id="nobody knows"
        ),
    ],
)
def test_a_token_is_at_risk(before, now, told) -> None:
    assert [one.message for one in instance_transitions(before, now)] == told
