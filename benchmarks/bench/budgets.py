"""Budgets and measured figures: met, or missed by how much."""

from dataclasses import dataclass

from bench.failover import Failover
from bench.memory import WARM_UP, Memory
from bench.run import Size
from bench.startup import KUBECTL_GET, KUBECTL_VERSION, READS, STARTS, Startup

AT_LEAST_LAG = 0.150
LAG = 1.0
FLOORS = 2
TAKE_OVER = 2.0
"""Seconds that a new leader has after the previous lease has expired."""
START = 3.0
LISTED = 6.0
"""How much more than kubectl a command of argogrant may take."""
GROWTH = 100.0
"""Bytes by which memory may grow per grant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number and its limit, in the same unit."""

    name: str
    unit: str
    budget: float
    measured: float
    explanation: str = ""
    """Origin of the limit, if it is not a plain number."""

    @property
    def ratio(self) -> float:
        """The measured number as a fraction of the budget."""
        return self.measured / self.budget

    @property
    def is_met(self) -> bool:
        """Whether the measured number is within the budget."""
        return self.measured <= self.budget

    @property
    def result(self) -> str:
        """The word "met", or by how much the budget is missed."""
        if self.is_met:
            return "met"
        over = self.measured - self.budget
        return f"missed by {shown(over, self.unit)}"


def shown(value: float, unit: str) -> str:
    """Write a number with its unit."""
    number = f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
    return f"{number} {unit}".strip()


def figures(size: Size) -> list[Figure]:
    """Compare the results for one number of live grants with the budgets."""
    return [*_ends(size), *_creation(size), *_resources(size)]


def failover_figures(failover: Failover) -> list[Figure]:
    """Compare the results of a failover with the budgets."""
    limit = failover.lease_seconds + TAKE_OVER
    lease = f"the lease of {failover.lease_seconds:.0f} s and {TAKE_OVER:.0f} s"
    return [
        Figure(
            name="from an end until argocd-server denies, worst",
            unit="s",
            budget=limit,
            measured=max(failover.refused_lags),
            explanation=f"{lease}; measured for {len(failover.refused_lags)} subjects,"
            " among them the first and the last",
        ),
        Figure(
            name="from an end until its line is removed, worst",
            unit="s",
            budget=limit,
            measured=failover.worst_removed_lag,
            explanation=f"of all {failover.grants:,} grants, observed by a watch",
        ),
    ]


def memory_figures(memory: Memory) -> list[Figure]:
    """Compare the memory after each batch with the budgets."""
    first = f"{memory.batch * WARM_UP:,}"
    return [
        Figure(
            name="growth of resident memory per grant",
            unit="bytes",
            budget=GROWTH,
            measured=memory.growth,
            explanation=f"resident memory after {memory.grants:,} grants minus that"
            f" after {first}, divided by the number of grants in between",
        ),
        Figure(
            name="its trend",
            unit="bytes",
            budget=GROWTH,
            measured=memory.trend,
            explanation="the slope of a straight line fitted to all batches after"
            f" {first} grants",
        ),
    ]


def startup_figures(startup: Startup) -> list[Figure]:
    """Compare the commands with those of kubectl, by CPU and by time."""
    starts = [(command, KUBECTL_VERSION, START) for command in STARTS]
    reads = [(command, KUBECTL_GET, LISTED) for command in READS]
    return [
        Figure(
            name=f"{command}, {kind}",
            unit="times",
            budget=budget,
            measured=ratio,
            explanation=f"in units of `{other}`",
        )
        for command, other, budget in [*starts, *reads]
        for kind, ratio in zip(
            ("CPU", "time"), startup.ratio(command, other), strict=True
        )
    ]


def _ends(size: Size) -> list[Figure]:
    limit = min(max(FLOORS * size.floor.lag.p99, AT_LEAST_LAG), LAG)
    return [
        Figure(
            name="revoke lag, p99",
            unit="ms",
            budget=limit * 1000,
            measured=size.revoke.lag.p99 * 1000,
            explanation=f"{FLOORS} times the floor's p99"
            f" ({size.floor.lag.p99 * 1000:.0f} ms), or {AT_LEAST_LAG * 1000:.0f} ms if"
            f" that is more, and under {LAG:.0f} s",
        ),
        Figure(
            name="1,000 ends in one second: all denied after",
            unit="s",
            budget=0.5,
            measured=size.same_second.refused_after,
        ),
        Figure(
            name="1,000 ends in one second: writes of the ConfigMap",
            unit="",
            budget=1,
            measured=size.same_second.config_map_writes,
        ),
    ]


def _creation(size: Size) -> list[Figure]:
    return [
        Figure(
            name="1,000 created in 10 s: all allowed after the last",
            unit="s",
            budget=3,
            measured=size.creation.believed_after,
        ),
        Figure(
            name="1,000 created in 10 s: writes of the ConfigMap",
            unit="",
            budget=10,
            measured=size.creation.config_map_writes,
            explanation=f"{_mid_burst_ends(size)} older grants end during the burst,"
            " and the write that removes them does not wait",
        ),
        Figure(
            name="API writes per grant, until Ready",
            unit="",
            budget=3,
            measured=size.creation.writes_per_grant,
        ),
        Figure(
            name="an end during that burst, worst lag",
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
            name="decide and plan from scratch, CPU",
            unit="ms",
            budget=100,
            measured=size.core.all_anew * 1000,
        ),
        Figure(
            name="CPU in an idle second",
            unit="ms",
            budget=10,
            measured=size.steady.quiet_cpu * 1000,
            explanation="nothing per grant: a clock tick of 10 ms",
        ),
        Figure(
            name="resident memory, peak",
            unit="MB",
            budget=250,
            measured=size.peak_rss_mb,
        ),
        Figure(
            name="restart until overdue grants are denied, worst",
            unit="s",
            budget=15,
            measured=size.restart.max,
        ),
    ]
