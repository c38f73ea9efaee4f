"""What was measured is summed up and shown as it is."""

import math
from dataclasses import replace
from typing import Any

import pytest

from bench import budgets, counting, report
from bench.budgets import Figure
from bench.burst import Creation, SameSecond
from bench.core import Core
from bench.failover import Failover
from bench.floor import Floor
from bench.memory import Memory
from bench.percentiles import Spread, percentile, spread
from bench.record import Record, load, save, with_part, with_sizes
from bench.revoke_lag import RevokeLag
from bench.run import Size
from bench.startup import KUBECTL_GET, KUBECTL_VERSION, READS, STARTS, Startup
from bench.steady import Steady

FAST = Spread(samples=100, p50=0.01, p99=0.02, max=0.03)
METRICS = """# TYPE apiserver_request_total counter
apiserver_request_total{group="argogrant.dev",resource="accessgrants",subresource="",verb="POST"} 1000
apiserver_request_total{group="argogrant.dev",resource="accessgrants",subresource="",verb="PATCH"} 7
apiserver_request_total{group="argogrant.dev",resource="accessgrants",subresource="status",verb="PATCH"} 1.2e+01
apiserver_request_total{group="argogrant.dev",resource="accessgrants",subresource="",verb="WATCH"} 3
apiserver_request_total{group="",resource="configmaps",subresource="",verb="PATCH"} 5
"""  # noqa: E501


def a_size(**overrides: Any) -> Size:
    return Size(
        **{
            "live": 1000,
            "filled_in": 1.0,
            "filled_ready_after": 2.0,
            "floor": Floor(lag=FAST, overlay_bytes=4000, overlay_lines=1000),
            "restart": Spread(samples=3, p50=2.0, p99=3.0, max=3.0),
            "revoke": RevokeLag(lag=FAST, not_bound=0),
            "steady": Steady(
                quiet_cpu=0.0,
                cpu_per_minute=0.1,
                busiest_second=0.1,
                rss_mb=80,
                peak_rss_mb=90,
            ),
            "creation": Creation(
                created_in=9.0,
                believed_after=1.0,
                config_map_writes=9,
                ready_after=2.0,
                writes_per_grant=2.0,
                mid_burst_lags=(0.1, 0.2),
                mid_burst_not_bound=0,
            ),
            "same_second": SameSecond(
                refused_after=0.5,
                written_after=0.4,
                config_map_writes=1,
                bound_before=1000,
            ),
            "core": Core(grants=1000, all_anew=0.01, one_ended=0.005, repeats=7),
            "cpu_seconds": {"a restart": 1.5},
            "peak_rss_mb": 100.0,
            **overrides,
        }
    )


def a_record(*sizes: Size) -> Record:
    return Record(
        measured_at="2026-11-24T12:00:00Z",
        machine={"cores": "2"},
        remarks=("The machine had other things to do.",),
        sizes=sizes,
    )


def a_failover(**overrides: Any) -> Failover:
    return Failover(
        **{
            "grants": 1000,
            "lease_seconds": 15.0,
            "refused_lags": (14.5, 5.1),
            "worst_removed_lag": 14.4,
            "first_write_after": 15.3,
            "config_map_writes": 1,
            "start_seconds": 0.2,
            **overrides,
        }
    )


def a_memory(*rss_mb: float) -> Memory:
    return Memory(batch=1000, rss_mb=rss_mb, most_bound=(1000,), cpu_seconds=100.0)


def a_startup(**cpu: float) -> Startup:
    """Commands that take 60 ms, or other times, while kubectl takes 50 ms."""
    commands = dict.fromkeys((*STARTS, *READS), 0.06)
    taken = {KUBECTL_VERSION: 0.05, KUBECTL_GET: 0.05, **commands, **cpu}
    return Startup(rounds=15, grants=100, cpu=taken, wall=taken)


def lag_figure(size: Size) -> Figure:
    return next(f for f in budgets.figures(size) if f.name.startswith("revoke lag"))


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        pytest.param([5], 50, 5, id="one value is every percentile"),
        pytest.param([3, 1, 2], 50, 2, id="the middle one, whatever the order"),
        pytest.param([4, 1, 3, 2], 50, 2, id="of two middle ones the smaller"),
        pytest.param(range(1, 101), 99, 99, id="one in a hundred may be worse"),
        pytest.param(range(1, 51), 99, 50, id="the worst, if there are fewer"),
    ],
)
def test_a_percentile_is_a_measured_value(values, percent, expected) -> None:
    assert percentile(list(values), percent) == expected


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="measure at least once"):
        percentile([], 50)


def test_a_spread_says_how_many_samples_it_stands_on() -> None:
    assert spread([0.3, 0.1, 0.2]) == Spread(samples=3, p50=0.2, p99=0.3, max=0.3)


@pytest.mark.parametrize(
    ("floor_p99", "limit_ms"),
    [
        pytest.param(0.01, 150, id="never less than 150 ms"),
        pytest.param(0.1, 200, id="twice the floor"),
        pytest.param(0.5, 1000, id="never more than a second"),
    ],
)
def test_the_lag_is_judged_beside_the_floor(floor_p99, limit_ms) -> None:
    floor = Floor(lag=replace(FAST, p99=floor_p99), overlay_bytes=1, overlay_lines=1)

    assert lag_figure(a_size(floor=floor)).budget == pytest.approx(limit_ms)


def test_a_missed_budget_says_by_how_much() -> None:
    slow = RevokeLag(lag=replace(FAST, p99=0.4), not_bound=0)
    figure = lag_figure(a_size(revoke=slow))

    assert not figure.is_met
    assert figure.result == "missed by 250 ms"
    assert figure.ratio == pytest.approx(0.4 / 0.15)


def test_no_measured_end_in_the_burst_meets_no_budget() -> None:
    nothing = replace(a_size().creation, mid_burst_lags=(), mid_burst_not_bound=7)
    figures = budgets.figures(a_size(creation=nothing))

    assert [f.measured for f in figures if not f.is_met] == [math.inf]


def test_the_page_is_written_from_what_was_saved(tmp_path) -> None:
    path = tmp_path / "latest.json"
    save(a_record(a_size()), path)

    page = report.page(load(path))
    assert load(path) == a_record(a_size())
    assert "> The machine had other things to do." in page
    assert "| revoke lag, p99 | ≤ 150 ms | 20 ms | 0.13 | met |" in page


def test_a_failover_has_the_lease_and_two_seconds() -> None:
    late = budgets.failover_figures(a_failover(refused_lags=(5.0, 17.5)))

    assert [f.result for f in late] == ["missed by 0.5 s", "met"]


def test_memory_of_the_warm_up_does_not_count_as_growth() -> None:
    memory = a_memory(50, 60, 70, 80, *(80 + n / 1000 for n in range(1, 17)))

    assert memory.growth == pytest.approx(2**20 / 1_000_000)
    assert memory.trend == pytest.approx(2**20 / 1_000_000)


def test_memory_that_grows_misses_its_budget() -> None:
    memory = a_memory(*(80.0 + n for n in range(20)))

    assert [f.is_met for f in budgets.memory_figures(memory)] == [False, False]


def test_commands_are_compared_with_those_of_kubectl() -> None:
    slow = a_startup(**{"argogrant version": 0.2, "argogrant list": 0.4})
    missed = [f for f in budgets.startup_figures(slow) if not f.is_met]

    assert [(f.name, f.result) for f in missed] == [
        ("argogrant version, CPU", "missed by 1 times"),
        ("argogrant version, time", "missed by 1 times"),
        ("argogrant list, CPU", "missed by 2 times"),
        ("argogrant list, time", "missed by 2 times"),
    ]


def test_a_part_measured_by_itself_keeps_the_others(tmp_path) -> None:
    path = tmp_path / "latest.json"
    save(a_record(a_size()), path)
    save(with_part(["Busy."], path=path, failover=a_failover()), path)
    save(with_part([], path=path, memory=a_memory(*[80.0] * 20)), path)
    save(with_part([], path=path, startup=a_startup()), path)
    save(with_sizes([a_size(live=5)], remarks=[], path=path), path)

    page = report.page(load(path))
    assert "## 5 live grants" in page
    assert "> Busy." in page
    assert "| from an end until argocd-server denies, worst | ≤ 17 s | 14.5 s |" in page
    assert "| growth of resident memory per grant | ≤ 100 bytes | 0 bytes |" in page
    assert "| argogrant --help, CPU | ≤ 3 times | 1.2 times | 0.40 | met |" in page
    assert load(path).failover == a_failover()


def test_the_first_part_needs_no_earlier_run(tmp_path) -> None:
    path = tmp_path / "latest.json"
    save(with_part([], path=path, failover=a_failover()), path)

    assert load(path).sizes == ()


def test_our_own_creations_and_reads_are_not_counted() -> None:
    assert counting.grant_writes(METRICS) == 19
