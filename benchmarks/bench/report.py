"""A run as people read it: a table in the terminal, and a page of the documentation."""

from collections.abc import Iterable
from pathlib import Path

from rich.table import Table

from bench.budgets import Figure, figures, shown
from bench.record import Record
from bench.run import Size

PAGE = Path(__file__).parent.parent.parent / "docs" / "explanation" / "performance.md"
LIMITS = (Path(__file__).parent.parent / "limits.md").read_text()
"""What limits the numbers, in words: written by people, the only part that is."""


def table(size: Size) -> Table:
    """Show the budgets of one size in the terminal."""
    shows = Table(title=f"{size.live:,} live grants", title_justify="left")
    for column in ("figure", "budget", "measured", "ratio", "verdict"):
        shows.add_column(column, justify="left" if column == "figure" else "right")
    for figure in figures(size):
        style = "green" if figure.is_met else "red"
        shows.add_row(*_cells(figure), style=style)
    return shows


def page(run: Record) -> str:
    """Write the page of the documentation from a run."""
    sections = [
        "# Performance",
        "Written by `make bench` from `benchmarks/results/latest.json`: the run of"
        f" {run.measured_at}. Every number comes from the real parts: etcd,"
        " kube-apiserver, argocd-server, and the operator as a process under its"
        " shipped service account.",
        *(f"> {remark}" for remark in run.remarks),
        "The floor is the bare cost of one patch of the same ConfigMap, by a client"
        " that does nothing else, until argocd-server answers no. It is taken in the"
        " same run, with the operator stopped.",
        *(_section(size) for size in run.sizes),
        "## The machine",
        _markdown(("fact", "value"), run.machine.items()),
        LIMITS.strip(),
    ]
    return "\n\n".join(sections) + "\n"


def _section(size: Size) -> str:
    rows = [_cells(figure) for figure in figures(size)]
    explained = [f"{f.name}: {f.said}." for f in figures(size) if f.said]
    return "\n\n".join(
        [
            f"## {size.live:,} live grants",
            _markdown(("figure", "budget", "measured", "ratio", "verdict"), rows),
            " ".join(explained),
            _markdown(("also measured", "value"), _details(size)),
        ]
    )


def _details(size: Size) -> list[tuple[str, str]]:
    floor, lag = size.floor, size.revoke.lag
    lags = size.creation.mid_burst_lags
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
        ("overlay", f"{floor.overlay_bytes:,} bytes, {floor.overlay_lines:,} lines"),
        (
            "live grants created / all Ready after that",
            f"{size.filled_in:.1f} s / {size.filled_ready_after:.1f} s",
        ),
        (
            "burst: created in / all Ready after that",
            f"{size.creation.created_in:.1f} s / {size.creation.ready_after:.1f} s",
        ),
        (
            "ends in the middle of the burst",
            f"{_ms(*lags)} ({size.creation.mid_burst_not_bound} not bound in time)",
        ),
        ("bound just before the common end", f"{size.same_second.bound_before:,}"),
        (
            "restart: p50 / max",
            f"{size.restart.p50:.1f} s / {size.restart.max:.1f} s"
            f" ({size.restart.samples} restarts)",
        ),
        (
            "decide and plan after one end, CPU",
            f"{size.core.one_ended * 1000:.0f} ms (middle of {size.core.repeats})",
        ),
        (
            "CPU in a quiet minute with one sweep / its busiest second",
            f"{size.steady.cpu_per_minute:.2f} s / {size.steady.busiest_second:.2f} s",
        ),
        ("resident memory at rest", f"{size.steady.rss_mb:.0f} MB"),
        *((f"CPU: {name}", f"{used:.1f} s") for name, used in size.cpu_seconds.items()),
    ]


def _cells(figure: Figure) -> tuple[str, str, str, str, str]:
    return (
        figure.name,
        f"≤ {shown(figure.budget, figure.unit)}",
        shown(figure.measured, figure.unit),
        f"{figure.ratio:.2f}",
        figure.verdict,
    )


def _ms(*seconds: float) -> str:
    return " / ".join(f"{each * 1000:.0f}" for each in seconds) + " ms"


def _markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(head)
    lines = [columns, ["---"] * len(columns), *(list(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
