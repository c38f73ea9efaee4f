"""The results of an examination as lines for a terminal."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from argogrant.cli.terminal.checklist import Marks, lines_of
from argogrant.cli.terminal.result import Outcome, Result


def show(results: Sequence[Result], *, width: int, marks: Marks) -> Iterator[str]:
    """Write the results, those of each instance under its name.

    Args:
        results: In their order.
        width: Columns of the terminal.
        marks: The signs for what was found.
    """
    for instance, some in groupby(results, key=lambda result: result.instance):
        if instance:
            yield f"\nArgoCDInstance {instance}"
        for result in some:
            yield from lines_of(result, width, marks)
    yield f"\n{_summary(results)}"


def _summary(results: Sequence[Result]) -> str:
    wrong = sum(one.outcome is Outcome.WRONG for one in results)
    unseen = sum(one.outcome is Outcome.UNKNOWN for one in results)
    if not unseen:
        return f"{wrong} wrong." if wrong else "Nothing is wrong."
    said = f"{wrong} wrong" if wrong else "Nothing wrong was seen"
    checks = "1 check" if unseen == 1 else f"{unseen} checks"
    return f"{said}; {checks} could not be made."
