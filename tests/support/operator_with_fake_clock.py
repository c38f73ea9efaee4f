"""The operator with a clock that a test can step, and otherwise as shipped.

Usage: ``python operator_with_fake_clock.py FILE``; FILE contains the offset in seconds.
"""

import sys
from datetime import datetime, timedelta
from pathlib import Path

import kopf.cli

from argogrant.handlers import instances, startup

true_now = startup.utc_now


def stepped_now() -> datetime:
    return true_now() + timedelta(seconds=float(Path(sys.argv[1]).read_text()))


if __name__ == "__main__":
    startup.utc_now = instances.utc_now = stepped_now
    kopf.cli.main(["run", "-m", "argogrant.handlers", "--namespace", "argogrant"])
