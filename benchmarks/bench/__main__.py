"""Run the benchmarks: ``make bench``, or a part such as ``make bench-failover``."""

import asyncio
import time
from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from argogrant.cli.commands.params import EnumChoice
from bench import record, report
from bench.failover import measure_failover
from bench.memory import measure_memory
from bench.record import Record
from bench.run import Size, run
from bench.startup import measure_startup

console = Console(highlight=False)


class Part(StrEnum):
    """What can be measured by itself; the results of other parts are kept."""

    SIZES = "sizes"
    FAILOVER = "failover"
    MEMORY = "memory"
    STARTUP = "startup"


@click.command()
@click.argument("parts", nargs=-1, type=EnumChoice(Part), help="What is measured.")
@click.option(
    "--sizes",
    default="100,1000,10000",
    show_default=True,
    help="Numbers of live grants, with commas between.",
)
@click.option("--remark", multiple=True, help="Said beside the numbers.")
@click.option(
    "--operator-log",
    type=click.Path(path_type=Path),
    help="Where the operator's log is kept.",
)
def main(
    *,
    parts: Sequence[Part],
    sizes: str,
    remark: Sequence[str],
    operator_log: Path | None,
) -> None:
    """Measure, print the tables, and write the JSON and the page from it."""
    began = time.monotonic()

    def tell(what: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.0f} s[/]  {what}")

    for part in parts or list(Part):
        remarks = [*remark, *record.warnings()]
        match part:
            case Part.SIZES:
                wanted = [int(size) for size in sizes.split(",")]
                keep = partial(_keep_sizes, remarks)
                asyncio.run(run(wanted, log=operator_log, tell=tell, keep=keep))
            case Part.FAILOVER:
                failover = asyncio.run(measure_failover(operator_log, tell))
                _keep(record.with_part(remarks, failover=failover))
                console.print(report.failover_table(failover))
            case Part.MEMORY:
                memory = asyncio.run(measure_memory(operator_log, tell))
                _keep(record.with_part(remarks, memory=memory))
                console.print(report.memory_table(memory))
            case Part.STARTUP:
                startup = asyncio.run(measure_startup(operator_log, tell))
                _keep(record.with_part(remarks, startup=startup))
                console.print(report.startup_table(startup))
    console.print(f"Written: {record.LATEST.name} and {report.PAGE.name}.")


def _keep_sizes(remarks: Sequence[str], measured: Sequence[Size]) -> None:
    _keep(record.with_sizes(measured, remarks=remarks))
    console.print(report.table(measured[-1]))


def _keep(run: Record) -> None:
    record.save(run)
    report.PAGE.parent.mkdir(parents=True, exist_ok=True)
    report.PAGE.write_text(report.page(record.load()))


if __name__ == "__main__":
    main()
