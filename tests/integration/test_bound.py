"""An operator that a test has started does not outlive the test, however it ends."""

import signal
import subprocess
import sys

import operators
from processes import becomes_true, runs

STARTER = """
import subprocess, sys
import operators
sleeper = [*operators.bound(), sys.executable, "-c", "import time; time.sleep(300)"]
print(subprocess.Popen(sleeper, stdout=subprocess.DEVNULL).pid, flush=True)
sys.stdin.read()
"""


def test_nothing_that_is_bound_outlives_a_killed_starter() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER],
        env={"PYTHONPATH": f"{operators.ROOT}/tests:{operators.ROOT}/operator"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as starter:
        assert starter.stdout is not None
        bound = int(starter.stdout.readline())
        was_running = runs(bound)
        starter.send_signal(signal.SIGKILL)

    assert was_running
    assert becomes_true(lambda: not runs(bound))
