"""What has to hold under an attack: the formula, and its figures."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

FACTOR: Final = 3.0
LEAST_USUAL: Final = 1.0
"""Seconds below which no difference counts: a machine that computes other things too
makes them."""
ADDITION_SECONDS: Final = 20.0
"""Most seconds until a new grant of other people is bound, under an attack."""
REPORT_SECONDS: Final = 25.0
"""Most seconds from then until its status says so."""
DELETION_SECONDS: Final = 20.0
"""Most seconds until ``kubectl delete`` of other people's grant returns."""
SWEEP_SECONDS: Final = 50.0
"""Seconds after which Kubernetes ends the sweep (``activeDeadlineSeconds``)."""
PATIENCE: Final = 30.0
"""Seconds after which nobody waits any longer; the attack has then succeeded."""


class Ended(StrEnum):
    """What ends the access of other people."""

    EXPIRY = "an end"
    REVOCATION = "a revocation"
    DELETION = "a deletion"
    RESTART = "a revocation while no operator ran"
    EDIT = "an edit by hand"
    """Not argogrant: an admin removes a line from ``argocd-rbac-cm``. It takes the time
    that the API server and argocd-server need."""


JUDGED: Final = (Ended.EXPIRY, Ended.REVOCATION, Ended.DELETION, Ended.RESTART)


@dataclass(slots=True)
class Times:
    """Seconds until argocd-server said no, of every round."""

    seconds: defaultdict[Ended, list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def add(self, measured: Mapping[Ended, float]) -> None:
        """Add the seconds of one round."""
        for ended, seconds in measured.items():
            self.seconds[ended].append(seconds)

    def slowest(self, ended: Ended) -> float:
        """Return the seconds of the slowest round, 0 without any."""
        return max(self.seconds.get(ended, ()), default=0.0)


def limit(
    ended: Ended, *, usual: Times, attacked: Times, allowance: float = 0.0
) -> float:
    """Return the seconds within which access has to be gone under an attack.

    Three times what it usually takes: the slowest of several rounds without an attack,
    in the same run, and at least a second. What the API server and argocd-server
    themselves lose to the attack is not argogrant's: a revocation takes two writes and
    two watch events (of the grant and of the ConfigMap), an edit by hand takes one of
    each. So twice the slowest edit by hand under the attack comes on top.
    """
    expected = max(usual.slowest(ended), LEAST_USUAL)
    return FACTOR * expected + 2 * attacked.slowest(Ended.EDIT) + allowance


@dataclass(slots=True)
class Outcome:
    """Result of one attack."""

    attack: str
    position: str
    times: Times = field(default_factory=Times)
    ratio: float = 0.0
    """The slowest removal, as a multiple of the usual time."""
    addition: float = 0.0
    sweep: float = 0.0
    peak_mebibytes: float = 0.0
    accepted: int = 0
    """Changes that the API server or the operator's port accepted."""
    refused: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def judge(self, usual: Times, *, allowance: float = 0.0) -> None:
        """Compare the times with those without an attack."""
        for ended in JUDGED:
            seconds, most = (
                self.times.slowest(ended),
                limit(ended, usual=usual, attacked=self.times, allowance=allowance),
            )
            if usual.slowest(ended):
                self.ratio = max(self.ratio, seconds / usual.slowest(ended))
            if seconds > most:
                self.violations.append(
                    f"{ended} took {_shown(seconds)}, more than {most:.1f} s"
                    f" (usually {usual.slowest(ended):.2f} s; an edit by hand"
                    f" {self.times.slowest(Ended.EDIT):.2f} s)"
                )

    def judge_sweep(self, seconds: float, printed: str, *, is_denied: bool) -> None:
        """Compare the sweep with its deadline.

        Args:
            seconds: Time from its start until argocd-server said no.
            printed: Its output.
            is_denied: argocd-server said no at the end.
        """
        self.sweep = seconds
        if not is_denied or seconds > SWEEP_SECONDS:
            self.violations.append(f"the sweep did not remove access: {printed}")

    @property
    def is_lost(self) -> bool:
        """True if some access did not end while anybody waited."""
        return any(self.times.slowest(ended) >= PATIENCE for ended in JUDGED)

    @property
    def line(self) -> str:
        """The figures in one line."""
        measured = [ended for ended in JUDGED if ended in self.times.seconds]
        removals = ", ".join(_shown(self.times.slowest(ended)) for ended in measured)
        refused = ", ".join(f"{what} {n}" for what, n in self.refused.most_common(3))
        return (
            f"{'VIOLATED' if self.violations else 'held':9} {self.attack}\n"
            f"          removals {removals}; {self.ratio:.1f} x usual; edit"
            f" {self.times.slowest(Ended.EDIT):.2f} s; addition {self.addition:.1f} s;"
            f" sweep {self.sweep:.1f} s; {self.peak_mebibytes:.0f} MiB;"
            f" {self.accepted} changes" + (f"; refused: {refused}" if refused else "")
        )


def _shown(seconds: float) -> str:
    return f"over {PATIENCE:.0f} s" if seconds >= PATIENCE else f"{seconds:.2f} s"


def table(outcomes: list[Outcome], usual: Times) -> str:
    """Return the figures of every position, one a line, in Markdown."""
    rows = [
        "| position | attacks | changes | slowest removal | x usual | peak memory |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for position in dict.fromkeys(one.position for one in outcomes):
        of = [one for one in outcomes if one.position == position]
        slowest = max(one.times.slowest(ended) for one in of for ended in JUDGED[:3])
        rows.append(
            f"| {position} | {len(of)} | {sum(one.accepted for one in of)}"
            f" | {_shown(slowest)} | {max(one.ratio for one in of):.1f}"
            f" | {max(one.peak_mebibytes for one in of):.0f} MiB |"
        )
    times = ", ".join(f"{one} {usual.slowest(one):.2f} s" for one in Ended)
    return "\n".join([*rows, "", f"Without an attack, the slowest: {times}."])
