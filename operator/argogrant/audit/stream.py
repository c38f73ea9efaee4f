"""The audit stream on standard output: one line an event, nothing else."""

from typing import Protocol

from argogrant.audit.event import Telling


class Output(Protocol):
    """Where lines go; ``sys.stdout`` is one."""

    def write(self, text: str, /) -> object:
        """Take some text."""
        ...

    def flush(self) -> object:
        """Keep nothing back."""
        ...


class Stream:
    """Writes every telling to an output at once, so that a kill loses none.

    kopf logs to standard error, so that standard output is the stream's alone.
    """

    def __init__(self, output: Output) -> None:
        self._output = output

    def __call__(self, telling: Telling) -> None:
        """Write one line."""
        self._output.write(f"{telling.line}\n")
        self._output.flush()
