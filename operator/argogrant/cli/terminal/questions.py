"""Questions to the user of a terminal. They are written to stderr.

Commands ask from inside an event loop, which takes the first Ctrl-C as the wish to
cancel its task; a question that blocks the loop would not end. Here, Ctrl-C always ends
the question, and then the command.
"""

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import click

Answer = TypeVar("Answer")


class Interrupted(BaseException):
    """The user typed Ctrl-C at a question.

    click would end a question with the same exception as after the answer no.
    """


def can_ask() -> bool:
    """Return whether there is a user who sees a question and can answer it."""
    return all(
        stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)
    )


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end what waits for the user.

    Raises:
        Interrupted: The user typed Ctrl-C.
    """

    def interrupt(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGINT, interrupt)
    read = click.termui.visible_prompt_func
    if sys.stdin.isatty():
        click.termui.visible_prompt_func = _read_line
    try:
        yield
    except Interrupted:
        click.echo(err=True)
        raise
    finally:
        click.termui.visible_prompt_func = read
        signal.signal(signal.SIGINT, before)


def _read_line(prompt: str) -> str:
    """Read a line from the terminal, once it is there.

    ``input`` can overlook a Ctrl-C that comes just before it begins to wait.
    """
    click.echo(prompt, nl=False, err=True)
    with _open_pipe() as (reader, writer):
        before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        try:
            select.select([sys.stdin, reader], [], [])
        finally:
            signal.set_wakeup_fd(before)
    return input()


@contextmanager
def _open_pipe() -> Iterator[tuple[int, int]]:
    """Open a pipe, whose end for writing never blocks."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        yield reader, writer
    finally:
        os.close(reader)
        os.close(writer)


def confirm(question: str) -> None:
    """Ask a question, and return if the answer is yes.

    Raises:
        click.Abort: The answer is no.
    """
    with interruptible():
        click.confirm(question, abort=True, err=True)


def ask(
    question: str, parse: Callable[[str], Answer], *, default: str | None = None
) -> Answer:
    """Ask for a text until it can be parsed.

    Args:
        question: Text before the colon.
        parse: Parser of the text; it raises ``click.UsageError`` for an invalid one.
        default: Answer of a user who types nothing.
    """

    def convert(text: str) -> Answer:
        return parse(text.strip())

    with interruptible():
        answer: Answer = click.prompt(
            question, default=default, value_proc=convert, err=True
        )
    return answer


def choose(question: str, lines: Sequence[str], *, header: str = "") -> int:
    """Print numbered lines, and return the index of the one that the user chooses.

    Args:
        question: Text before the colon.
        lines: One line for each choice.
        header: Line above them.
    """
    size = len(str(len(lines)))
    if header:
        click.echo(f"{'':{size}}  {header}", err=True)
    for number, line in enumerate(lines, start=1):
        click.echo(f"{number:>{size}}  {line}", err=True)

    def parse(text: str) -> int:
        if text.isascii() and text.isdigit() and 1 <= int(text) <= len(lines):
            return int(text) - 1
        raise click.UsageError(f"Type a number from 1 to {len(lines)}.")

    return ask(question, parse)
