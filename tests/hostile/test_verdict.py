"""The formula by which attacks are judged, and the parts that measure."""

import subprocess
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest

from controlplane.errors import APIRequestFailed
from hostile.attack import Attack, Attacking
from hostile.confinement import MEBIBYTE, confined
from hostile.positions import POSITIONS
from hostile.verdict import PATIENCE, SWEEP_SECONDS, Ended, Outcome, Times, limit


def times(**seconds: list[float]) -> Times:
    measured = Times()
    for name, each in seconds.items():
        for one in each:
            measured.add({Ended[name]: one})
    return measured


@pytest.mark.parametrize(
    ("usual", "edits", "seconds"),
    [
        pytest.param([2.0], [], 6.0, id="three times what is usual"),
        pytest.param([1.0, 2.0, 1.5], [], 6.0, id="the slowest round is what is usual"),
        pytest.param([0.02], [], 3.0, id="less than a second counts as one"),
        pytest.param([2.0], [0.5, 1.0], 8.0, id="twice the slowest edit comes on top"),
    ],
)
def test_limit(usual: list[float], edits: list[float], seconds: float) -> None:
    attacked = times(EDIT=edits)

    assert limit(Ended.EXPIRY, usual=times(EXPIRY=usual), attacked=attacked) == seconds


@pytest.mark.parametrize(
    ("seconds", "violations"),
    [
        pytest.param(5.9, 0, id="in time"),
        pytest.param(6.1, 1, id="late"),
        pytest.param(PATIENCE, 1, id="never"),
    ],
)
def test_late_removal_is_a_violation(seconds: float, violations: int) -> None:
    outcome = Outcome("Somebody does something", "Somebody")
    outcome.times.add({Ended.REVOCATION: seconds})
    outcome.judge(times(REVOCATION=[2.0]))

    assert len(outcome.violations) == violations


@pytest.mark.parametrize(
    ("seconds", "is_denied", "violations"),
    [
        pytest.param(SWEEP_SECONDS - 1, True, 0, id="before its deadline"),
        pytest.param(SWEEP_SECONDS + 1, True, 1, id="after its deadline"),
        pytest.param(PATIENCE, False, 1, id="never"),
    ],
)
def test_sweep_that_leaves_access_is_a_violation(
    seconds: float, violations: int, *, is_denied: bool
) -> None:
    outcome = Outcome("A requester tries", "A requester")
    outcome.judge_sweep(seconds, "exit 0", is_denied=is_denied)

    assert len(outcome.violations) == violations


def attacking(change: Callable[[Any, int], None]) -> Attacking:
    attack = Attack(
        position=POSITIONS["requester"], sentence="tries", change=change, pause=0.0
    )
    return Attacking(attack, attacker=None)  # type: ignore[arg-type]


def refused(message: str) -> Callable[[Any, int], None]:
    def change(_: object, _number: int) -> None:
        raise APIRequestFailed(message, status=HTTPStatus.FORBIDDEN)

    return change


def test_refusal_by_a_rule_is_counted() -> None:
    with attacking(refused("POST /x: 403 ValidatingAdmissionPolicy denied it")) as one:
        one.wait_until_complete(5)

    assert (one.accepted, one.refused.total() >= 20) == (0, True)


def test_attacker_without_the_rights_of_the_position_fails() -> None:
    """Otherwise an attack that never happened would be held off."""
    message = 'POST /x: 403 grants is forbidden: User "x" cannot create resource'
    with (
        pytest.raises(AssertionError, match="cannot create"),
        attacking(refused(message)) as one,
    ):
        one.wait_until_complete(5)


def test_process_is_killed_at_its_limit() -> None:
    hungry = (
        "import time; time.sleep(0.3); held = bytearray(300 * 2**20); time.sleep(40)"
    )
    with subprocess.Popen([sys.executable, "-c", hungry]) as process:
        with confined(process.pid, 100 * MEBIBYTE):
            process.wait(30)

        assert process.returncode == -9
