"""The long run and the replay: ``python -m chaos run`` and ``… replay``."""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import controlplane
from chaos.faults import Fault
from chaos.operations import Do, Operation, generate, load, save
from chaos.running import Outcome, Say, prepare, run
from chaos.shrinking import shrink
from controlplane import ControlPlane

SHRINK_SECONDS = 900.0
REPLAY = "PYTHONPATH=tests .venv/bin/python -m chaos replay"


class Totals:
    """Results of all runs."""

    def __init__(self) -> None:
        self.seeds: list[int] = []
        self._operations: Counter[Do] = Counter()
        self._faults: Counter[Fault] = Counter()
        self._worst: defaultdict[str, float] = defaultdict(float)
        self._outcomes: list[Outcome] = []
        self.violations: list[str] = []

    def add(self, seed: int, outcome: Outcome) -> None:
        """Add the results of one run."""
        self.seeds.append(seed)
        self._outcomes.append(outcome)
        self._operations += outcome.operations
        self._faults += outcome.faults
        for excuse, seconds in outcome.findings.worst.items():
            self._worst[excuse] = max(self._worst[excuse], seconds)
        self.violations += [f"seed {seed}: {said}" for said in outcome.violations]

    def report(self) -> str:
        """Print the results, one per line."""
        runs = self._outcomes
        held = [said for outcome in runs for said in outcome.held]
        slowest = max((each.slowest_quiet for each in runs), default=0)
        worst = [
            f"{excuse} {self._worst[excuse]:.1f} s" for excuse in sorted(self._worst)
        ]
        facts = {
            "seeds": ", ".join(map(str, self.seeds)),
            "questions": sum(each.findings.questions for each in runs),
            "operations": _counted(self._operations),
            "faults injected": _counted(self._faults),
            "exited": f"{sum(each.restarts for each in runs)} times",
            "quiet moments": f"{sum(each.quiets for each in runs)}, the slowest after "
            f"{slowest:.1f} s",
            "worst overdue": ", ".join(worst) or "never seen",
            "deletions held": f"{len(held)} times, after watches went silent",
            "violations": len(self.violations),
        }
        lines = [f"{name:<20}{fact}" for name, fact in facts.items()]
        lines += self.violations
        return "\n".join(lines)


def _counted(counts: Counter[Do] | Counter[Fault]) -> str:
    return f"{counts.total()}: " + ", ".join(
        f"{k} {n}" for k, n in counts.most_common()
    )


def run_long(minutes: float, *, seed: int, length: int, keep: Path) -> Totals:
    """Run scripts until the time is over, at least one."""
    totals = Totals()
    with controlplane.start() as plane:
        prepare(plane)
        began = time.monotonic()
        while not totals.seeds or time.monotonic() - began < minutes * 60:
            script = generate(seed, length)
            outcome = _run(script, plane, seed=seed, say=_say_nothing)
            totals.add(seed, outcome)
            _say(
                f"[{(time.monotonic() - began) / 60:5.1f} min] seed {seed}: "
                f"{outcome.operations.total()} operations, "
                f"{outcome.faults.total()} faults, worst overdue "
                f"{max(outcome.findings.worst.values(), default=0):.1f} s, "
                f"{len(outcome.violations)} violations"
            )
            if outcome.violations:
                _say("\n".join([*outcome.violations, outcome.log]))
                _shrunk(script, plane, seed=seed, keep=keep)
            seed += 1
    return totals


def replay(path: Path, times: int) -> Totals:
    """Run a saved script, several times if it does not fail every time."""
    totals = Totals()
    with controlplane.start() as plane:
        prepare(plane)
        for number in range(times):
            totals.add(number, _run(load(path), plane, seed=number, say=_say))
    return totals


def _run(
    script: Sequence[Operation],
    plane: ControlPlane,
    *,
    seed: int,
    say: Say,
) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="argogrant-chaos-") as folder:
        return run(script, plane, Path(folder), seed=seed, say=say)


def _shrunk(
    script: Sequence[Operation], plane: ControlPlane, *, seed: int, keep: Path
) -> None:
    """Save a failing script, and then a smaller one that also fails."""
    path = keep / f"chaos-{seed}.jsonl"
    save(script, path)
    _say(f"run it again with: {REPLAY} {path}\nmaking it smaller …")
    deadline = time.monotonic() + SHRINK_SECONDS
    small = shrink(
        script,
        lambda part: bool(_run(part, plane, seed=seed, say=_say_nothing).violations),
        is_time_left=lambda: time.monotonic() < deadline,
    )
    save(small, path)
    _say(f"{len(small)} of {len(script)} operations are left in {path}:")
    _say("".join(f"  {each.as_json()}\n" for each in small))


def _say(line: str) -> None:
    print(line, flush=True)


def _say_nothing(_: str) -> None:
    pass


def main() -> None:
    """Run for a time or replay a script; exit with 1 after a violation."""
    parser = argparse.ArgumentParser(prog="python -m chaos")
    commands = parser.add_subparsers(dest="command", required=True)
    long = commands.add_parser("run", help="run generated scripts for some minutes")
    long.add_argument("--minutes", type=float, default=30)
    long.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(10**6)
    )
    long.add_argument("--length", type=int, default=48)
    long.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()))
    again = commands.add_parser("replay", help="run a saved script again")
    again.add_argument("file", type=Path)
    again.add_argument("--times", type=int, default=1)
    asked = parser.parse_args()
    if asked.command == "run":
        totals = run_long(
            asked.minutes, seed=asked.seed, length=asked.length, keep=asked.keep
        )
    else:
        totals = replay(asked.file, asked.times)
    _say(totals.report())
    sys.exit(bool(totals.violations))


if __name__ == "__main__":
    main()
