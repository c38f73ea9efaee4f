"""Report of a run: tables in the terminal, and a page of the documentation."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.table import Table

from bench.budgets import (
    Figure,
    failover_figures,
    figures,
    memory_figures,
    shown,
    startup_figures,
)
from bench.failover import Failover
from bench.memory import HALF_WAY, WARM_UP, Memory
from bench.record import Record, Taken
from bench.run import Size
from bench.startup import Startup

PAGE = Path(__file__).parent.parent.parent / "docs" / "explanation" / "performance.md"
LIMITS = (Path(__file__).parent.parent / "limits.md").read_text()
"""Explanation of the limits: the only part of the page that is written by hand."""
FAILOVER = (
    "Two operators compete for a Lease with the default settings. The benchmark kills"
    " the leader with SIGKILL; 1,000 grants end within the next ten seconds."
)
MEMORY = (
    "The benchmark creates batches of grants, each grant for its own subject. They come"
    " into force, end, report their end and are deleted. The memory is read a few"
    " seconds later."
)
STARTUP = (
    "Each command runs as a process of its own, and takes turns with kubectl, which"
    " reads the same kubeconfig and the same objects. The figures are medians, in units"
    " of what kubectl takes."
)
HEAD = ("figure", "budget", "measured", "ratio", "result")


def table(size: Size) -> Table:
    """Show the budgets of one size in the terminal."""
    return _table(f"{size.live:,} live grants", figures(size))


def failover_table(failover: Failover) -> Table:
    """Show the budgets of a failover in the terminal."""
    return _table("Failover under load", failover_figures(failover))


def memory_table(memory: Memory) -> Table:
    """Show the budgets of memory in the terminal."""
    return _table("Memory", memory_figures(memory))


def startup_table(startup: Startup) -> Table:
    """Show the budgets of the command line in the terminal."""
    return _table("Start of the command line", startup_figures(startup))


def _table(title: str, compared: Iterable[Figure]) -> Table:
    shows = Table(title=title, title_justify="left")
    for column in HEAD:
        shows.add_column(column, justify="left" if column == "figure" else "right")
    for figure in compared:
        style = "green" if figure.is_met else "red"
        shows.add_row(*_cells(figure), style=style)
    return shows


def page(run: Record) -> str:
    """Write the page of the documentation from a run."""
    sections = [
        "# Performance",
        "`make bench` writes this page from `benchmarks/results/latest.json`. These"
        f" are the results of {run.measured_at}. All numbers come from real"
        " components: etcd, kube-apiserver, argocd-server, and the operator as a"
        " process with its default service account.",
        *(f"> {remark}" for remark in run.remarks),
        "The floor is the cost of one patch of the same ConfigMap, by a client that"
        " does nothing else, until argocd-server denies. It is measured in the same"
        " run, while the operator is stopped.",
        *(
            _section(f"{size.live:,} live grants", figures(size), _details(size))
            for size in run.sizes
        ),
        *_parts(run),
        "## The machine",
        _markdown(("fact", "value"), run.machine.items()),
        LIMITS.strip(),
    ]
    return "\n\n".join(sections) + "\n"


def _parts(run: Record) -> list[str]:
    """Write the sections of the parts that are measured once, not for each size."""
    sections = []
    if run.failover is not None:
        sections.append(
            _section(
                "Failover under load",
                failover_figures(run.failover),
                _failover_details(run.failover),
                [FAILOVER, *_remarks(run.taken["failover"])],
            )
        )
    if run.memory is not None:
        sections.append(
            _section(
                f"Memory over {run.memory.grants:,} grants",
                memory_figures(run.memory),
                _memory_details(run.memory),
                [MEMORY, *_remarks(run.taken["memory"])],
            )
        )
    if run.startup is not None:
        sections.append(
            _section(
                "Start of the command line",
                startup_figures(run.startup),
                _startup_details(run.startup),
                [STARTUP, *_remarks(run.taken["startup"])],
            )
        )
    return sections


def _remarks(taken: Taken) -> list[str]:
    return [
        f"Measured separately at {taken.measured_at}.",
        *(f"> {remark}" for remark in taken.remarks),
    ]


def _section(
    title: str,
    compared: Sequence[Figure],
    details: Iterable[tuple[str, str]],
    intro: Iterable[str] = (),
) -> str:
    explained = [f"{f.name}: {f.explanation}." for f in compared if f.explanation]
    return "\n\n".join(
        [
            f"## {title}",
            *intro,
            _markdown(HEAD, [_cells(figure) for figure in compared]),
            " ".join(explained),
            _markdown(("also measured", "value"), details),
        ]
    )


def _failover_details(failover: Failover) -> list[tuple[str, str]]:
    lags = " / ".join(f"{lag:.1f}" for lag in failover.refused_lags)
    return [
        ("from the kill to the first write", f"{failover.first_write_after:.1f} s"),
        (
            "from an end until Argo CD denies, by subject in order of their ends",
            f"{lags} s",
        ),
        ("writes of the ConfigMap after the kill", f"{failover.config_map_writes}"),
        (
            "argogrant_start_seconds of the new leader",
            f"{failover.start_seconds * 1000:.0f} ms",
        ),
    ]


def _memory_details(memory: Memory) -> list[tuple[str, str]]:
    after = [
        (
            f"resident memory after {batches * memory.batch:,} grants",
            f"{memory.rss_mb[batches - 1]:.1f} MB",
        )
        for batches in (WARM_UP, HALF_WAY, len(memory.rss_mb))
    ]
    every = " / ".join(f"{mb:.1f}" for mb in memory.rss_mb)
    return [
        *after,
        (f"resident memory after every {memory.batch:,} grants", f"{every} MB"),
        (
            "grants of a batch in force at once, least and most",
            f"{min(memory.most_bound):,} / {max(memory.most_bound):,}",
        ),
        ("CPU of the operator", f"{memory.cpu_seconds:.0f} s"),
    ]


def _startup_details(startup: Startup) -> list[tuple[str, str]]:
    return [
        (f"{command}: CPU / time", _ms(cpu, startup.wall[command]))
        for command, cpu in startup.cpu.items()
    ]


def _details(size: Size) -> list[tuple[str, str]]:
    return [*_lags(size), *_grants(size), *_operator(size)]


def _lags(size: Size) -> list[tuple[str, str]]:
    floor, lag = size.floor, size.revoke.lag
    return [
        (
            "floor: p50 / p99 / max",
            f"{_ms(floor.lag.p50, floor.lag.p99, floor.lag.max)}"
            f" ({floor.lag.samples} samples)",
        ),
        (
            "revoke lag: p50 / p99 / max",
            f"{_ms(lag.p50, lag.p99, lag.max)} ({lag.samples} samples,"
            f" {size.revoke.not_bound} not bound in time)",
        ),
        (
            "revoke lag as a multiple of the floor: p50 / p99",
            f"{lag.p50 / floor.lag.p50:.1f} / {lag.p99 / floor.lag.p99:.1f}",
        ),
    ]


def _grants(size: Size) -> list[tuple[str, str]]:
    floor, creation = size.floor, size.creation
    return [
        ("overlay", f"{floor.overlay_bytes:,} bytes, {floor.overlay_lines:,} lines"),
        (
            "live grants: created in / all Ready after that",
            f"{size.filled_in:.1f} s / {size.filled_ready_after:.1f} s",
        ),
        (
            "burst: created in / all Ready after that",
            f"{creation.created_in:.1f} s / {creation.ready_after:.1f} s",
        ),
        (
            "lags of ends during the burst",
            f"{_ms(*creation.mid_burst_lags)}"
            f" ({creation.mid_burst_not_bound} not bound in time)",
        ),
        (
            "grants bound just before their common end",
            f"{size.same_second.bound_before:,}",
        ),
    ]


def _operator(size: Size) -> list[tuple[str, str]]:
    return [
        (
            "restart: p50 / max",
            f"{size.restart.p50:.1f} s / {size.restart.max:.1f} s"
            f" ({size.restart.samples} restarts)",
        ),
        (
            "decide and plan after one end, CPU",
            f"{size.core.one_ended * 1000:.0f} ms (median of {size.core.repeats})",
        ),
        (
            "CPU in an idle minute with one resync / its busiest second",
            f"{size.steady.cpu_per_minute:.2f} s / {size.steady.busiest_second:.2f} s",
        ),
        ("resident memory when idle", f"{size.steady.rss_mb:.0f} MB"),
        *((f"CPU: {name}", f"{used:.1f} s") for name, used in size.cpu_seconds.items()),
    ]


def _cells(figure: Figure) -> tuple[str, str, str, str, str]:
    return (
        figure.name,
        f"≤ {shown(figure.budget, figure.unit)}",
        shown(figure.measured, figure.unit),
        f"{figure.ratio:.2f}",
        figure.result,
    )


def _ms(*seconds: float) -> str:
    return " / ".join(f"{each * 1000:.0f}" for each in seconds) + " ms"


def _markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(head)
    lines = [columns, ["---"] * len(columns), *(list(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
