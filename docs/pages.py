"""What every generated page has: its note, and its tables."""

from collections.abc import Iterable
from typing import Final

NOTE: Final = "Generated from the code by `make generate`; edits by hand are lost."


def table(head: tuple[str, ...], rows: Iterable[Iterable[str]]) -> str:
    """Write a table in Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return str(text).replace("|", r"\|").replace("\n", " ")
