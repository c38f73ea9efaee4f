"""The budgets, each beside what was measured: met, or by how much it is missed."""

from dataclasses import dataclass

from bench.failover import Failover
from bench.memory import WARM_UP, Memory
from bench.run import Size

AT_LEAST_LAG = 0.150
LAG = 1.0
FLOORS = 3
TAKE_OVER = 2.0
"""Seconds that a new leader has from the end of the old one's lease."""
GROWTH = 100.0
"""Bytes of memory that a grant may leave behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number and its limit, in the same unit."""

    name: str
    unit: str
    budget: float
    measured: float
    said: str = ""
    """How the limit comes about, where it is not a plain number."""

    @property
    def ratio(self) -> float:
        """What was measured, as a part of the budget."""
        return self.measured / self.budget

    @property
    def is_met(self) -> bool:
        """Whether the budget was kept."""
        return self.measured <= self.budget

    @property
    def verdict(self) -> str:
        """Met, or by how much not."""
        if self.is_met:
            return "met"
        over = self.measured - self.budget
        return f"missed by {shown(over, self.unit)}"


def shown(value: float, unit: str) -> str:
    """Write a number with its unit."""
    number = f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
    return f"{number} {unit}".strip()


def figures(size: Size) -> list[Figure]:
    """Compare what was measured beside so many live grants with the budgets."""
    return [*_ends(size), *_creation(size), *_resources(size)]


def failover_figures(failover: Failover) -> list[Figure]:
    """Compare what was measured around the death of a leader with the budgets."""
    limit = failover.lease_seconds + TAKE_OVER
    said = f"the lease of {failover.lease_seconds:.0f} s and {TAKE_OVER:.0f} s"
    return [
        Figure(
            name="from an end to argocd-server's no, worst",
            unit="s",
            budget=limit,
            measured=max(failover.refused_lags),
            said=f"{said}; {len(failover.refused_lags)} subjects are asked about, the"
            " first and the last among them",
        ),
        Figure(
            name="from an end until its line is gone, worst",
            unit="s",
            budget=limit,
            measured=failover.worst_removed_lag,
            said=f"of all {failover.grants:,} grants, as a watch saw it",
        ),
    ]


def memory_figures(memory: Memory) -> list[Figure]:
    """Compare the memory after each batch with the budgets."""
    first = f"{memory.batch * WARM_UP:,}"
    return [
        Figure(
            name="growth of resident memory a grant",
            unit="bytes",
            budget=GROWTH,
            measured=memory.growth,
            said=f"resident memory after {memory.grants:,} grants, less that after"
            f" {first}, by the grants in between",
        ),
        Figure(
            name="its trend",
            unit="bytes",
            budget=GROWTH,
            measured=memory.trend,
            said=f"the slope of a straight line fitted to every batch from {first}"
            " grants on",
        ),
    ]


def _ends(size: Size) -> list[Figure]:
    limit = min(max(FLOORS * size.floor.lag.p99, AT_LEAST_LAG), LAG)
    return [
        Figure(
            name="revoke lag, p99",
            unit="ms",
            budget=limit * 1000,
            measured=size.revoke.lag.p99 * 1000,
            said=f"{FLOORS} times the floor's p99 ({size.floor.lag.p99 * 1000:.0f} ms),"
            f" or {AT_LEAST_LAG * 1000:.0f} ms if that is more, and under {LAG:.0f} s",
        ),
        Figure(
            name="1,000 ends in one second: all refused after",
            unit="s",
            budget=1,
            measured=size.same_second.refused_after,
        ),
        Figure(
            name="1,000 ends in one second: writes of the ConfigMap",
            unit="",
            budget=3,
            measured=size.same_second.config_map_writes,
        ),
    ]


def _creation(size: Size) -> list[Figure]:
    return [
        Figure(
            name="1,000 created in 10 s: all believed after the last",
            unit="s",
            budget=5,
            measured=size.creation.believed_after,
        ),
        Figure(
            name="1,000 created in 10 s: writes of the ConfigMap",
            unit="",
            budget=10,
            measured=size.creation.config_map_writes,
            said=f"{_mid_burst_ends(size)} older grants end during it, and such a write"
            " does not wait",
        ),
        Figure(
            name="API writes a grant, up to Ready",
            unit="",
            budget=3,
            measured=size.creation.writes_per_grant,
        ),
        Figure(
            name="an end in the middle of that burst, worst lag",
            unit="ms",
            budget=1000,
            measured=max(size.creation.mid_burst_lags, default=float("inf")) * 1000,
        ),
    ]


def _mid_burst_ends(size: Size) -> int:
    return len(size.creation.mid_burst_lags) + size.creation.mid_burst_not_bound


def _resources(size: Size) -> list[Figure]:
    return [
        Figure(
            name="decide and plan, all anew, CPU",
            unit="ms",
            budget=100,
            measured=size.core.all_anew * 1000,
        ),
        Figure(
            name="CPU in a quiet second",
            unit="ms",
            budget=10,
            measured=size.steady.quiet_cpu * 1000,
            said="nothing per grant: a clock tick of 10 ms",
        ),
        Figure(
            name="resident memory, peak",
            unit="MB",
            budget=300,
            measured=size.peak_rss_mb,
        ),
        Figure(
            name="restart until what is overdue is refused, worst",
            unit="s",
            budget=15,
            measured=size.restart.max,
        ),
    ]
