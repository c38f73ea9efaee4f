"""The long runs: ``python -m hostile run`` and ``python -m hostile soak``."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import controlplane
from hostile.attack import ATTACKS, Attack
from hostile.attacks import MODULES
from hostile.running import Stage, on_stage
from hostile.scene import Scene
from hostile.soak import soak
from hostile.verdict import Outcome, table

LEAST_SECONDS = 4.0
"""Shortest attack, however many there are for the time."""
OVERHEAD_SECONDS = 12.0
"""Time of the rounds before and after an attack."""
ROUND_SECONDS = 6.0


@contextmanager
def _stage(*, has_limits: bool) -> Iterator[Stage]:
    with (
        controlplane.start() as plane,
        tempfile.TemporaryDirectory(prefix="argogrant-hostile-") as folder,
        on_stage(Scene(plane, has_limits=has_limits), Path(folder), _say) as stage,
    ):
        yield stage


def run_long(
    minutes: float, wanted: list[Attack], *, has_limits: bool
) -> list[Outcome]:
    """Run every attack once, each for an equal part of the time.

    Args:
        minutes: Time for all attacks together.
        wanted: The attacks.
        has_limits: ``argogrant-limits`` is installed.
    """
    part = minutes * 60 / len(wanted) - OVERHEAD_SECONDS
    seconds = max(LEAST_SECONDS, part)
    rounds = max(2, round(seconds / ROUND_SECONDS))
    began = time.monotonic()
    with _stage(has_limits=has_limits) as stage:
        for number, attack in enumerate(wanted, 1):
            passed = (time.monotonic() - began) / 60
            _say(f"[{passed:5.1f} min] {number} of {len(wanted)}")
            stage.run(attack, seconds=seconds, rounds=rounds)
        _say(table(stage.outcomes, stage.usual))
        return stage.outcomes


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    """Run the attacks, or the soak; exit with 1 after a violation."""
    parser = argparse.ArgumentParser(prog="python -m hostile")
    commands = parser.add_subparsers(dest="command", required=True)
    long = commands.add_parser("run", help="run all attacks for some minutes")
    long.add_argument("--minutes", type=float, default=30)
    long.add_argument(
        "--only",
        action="append",
        default=[],
        help="a text in the sentence of an attack",
    )
    long.add_argument(
        "--without-limits",
        action="store_true",
        help="do not install admission/argogrant-limits.yaml",
    )
    flat = commands.add_parser("soak", help="change every kind of input many times")
    flat.add_argument("--changes", type=int, default=10_000)
    asked = parser.parse_args()
    assert MODULES
    if asked.command == "soak":
        with controlplane.start() as plane, tempfile.TemporaryDirectory() as folder:
            sys.exit(bool(soak(plane, Path(folder), asked.changes, _say)))
    texts = asked.only or [""]
    wanted = [one for one in ATTACKS if any(text in one.name for text in texts)]
    if not wanted:
        parser.error(f"no attack has one of {texts} in its sentence")
    outcomes = run_long(asked.minutes, wanted, has_limits=not asked.without_limits)
    violated = [one for one in outcomes if one.violations]
    _say(f"{len(outcomes)} attacks, {len(violated)} with a violation.")
    sys.exit(bool(violated))


if __name__ == "__main__":
    main()
