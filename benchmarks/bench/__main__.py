"""Run the benchmarks: ``make bench``, or ``make bench SIZES=100,1000``."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench import record, report
from bench.run import Size, run

console = Console(highlight=False)


def main(
    sizes: Annotated[
        str, typer.Option(help="Numbers of live grants, with commas between.")
    ] = "100,1000,10000",
    remark: Annotated[
        list[str] | None, typer.Option(help="Said beside the numbers.")
    ] = None,
    operator_log: Annotated[
        Path | None, typer.Option(help="Where the operator's log is kept.")
    ] = None,
) -> None:
    """Measure, print the tables, and write the JSON and the page from it."""
    began = time.monotonic()

    def tell(what: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.0f} s[/]  {what}")

    remarks = [*(remark or []), *record.warnings()]

    def keep(measured: Sequence[Size]) -> None:
        record.save(record.record(measured, remarks=remarks))
        report.PAGE.parent.mkdir(parents=True, exist_ok=True)
        report.PAGE.write_text(report.page(record.load()))
        console.print(report.table(measured[-1]))

    wanted = [int(size) for size in sizes.split(",")]
    asyncio.run(run(wanted, log=operator_log, tell=tell, keep=keep))
    console.print(f"Written: {record.LATEST.name} and {report.PAGE.name}.")


if __name__ == "__main__":
    typer.run(main)
