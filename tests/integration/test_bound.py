"""Processes of the tests, which end with the process that started them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support import operator_process
from support.operator_process import ROOT
from support.process_checks import becomes_true, runs

STARTER = """
import subprocess, sys
from support import operator_process
bound = operator_process.bound()
sleeper = [*bound, sys.executable, "-c", "import time; time.sleep(300)"]
print(subprocess.Popen(sleeper, stdout=subprocess.DEVNULL).pid, flush=True)
sys.stdin.read()
"""


def test_bound_processes_end_with_a_killed_starter() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER],
        env={"PYTHONPATH": f"{ROOT}/tests:{ROOT}/operator"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as starter:
        assert starter.stdout is not None
        bound = int(starter.stdout.readline())
        was_running = runs(bound)
        starter.send_signal(signal.SIGKILL)

    assert was_running
    assert becomes_true(lambda: not runs(bound))


SLEEPER = """
import os, time
def test_that_takes_long():
    with open({pid!r}, "w") as pid:
        pid.write(str(os.getpid()))
    time.sleep(300)
"""


@pytest.mark.long
def test_worker_ends_with_its_run(tmp_path: Path) -> None:
    """It ends before its own sleep does."""
    pid = tmp_path / "pid"
    (tmp_path / "test_sleeper.py").write_text(SLEEPER.format(pid=str(pid)))
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_configure")
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "--numprocesses=1", "-c/dev/null", tmp_path],
        env={
            **os.environ,
            "PYTHONPATH": f"{operator_process.ROOT}:{operator_process.ROOT}/tests",
        },
        stdout=subprocess.DEVNULL,
    ) as run:
        is_busy = becomes_true(lambda: pid.exists() and pid.read_text() != "", 30)
        run.send_signal(signal.SIGKILL)

    assert is_busy
    assert becomes_true(lambda: not runs(int(pid.read_text())), 2)
