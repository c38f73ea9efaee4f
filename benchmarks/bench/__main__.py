"""Run the benchmarks: ``make bench``, or ``make bench SIZES=100,1000``."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench import record, report
from bench.run import run

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
    wanted = [int(size) for size in sizes.split(",")]
    measured = asyncio.run(run(wanted, log=operator_log, tell=tell))
    record.save(record.record(measured, remarks=remarks))
    saved = record.load()
    report.PAGE.parent.mkdir(parents=True, exist_ok=True)
    report.PAGE.write_text(report.page(saved))
    for size in saved.sizes:
        console.print(report.table(size))
    console.print(f"Written: {record.LATEST.name} and {report.PAGE.name}.")


if __name__ == "__main__":
    typer.run(main)
