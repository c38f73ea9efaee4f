"""Lines of the log, which cannot be mistaken for lines of the audit stream.

The pod's log has both, and log messages repeat text from elsewhere: the name of an
object, the answer of another cluster. An event is a line that begins with ``{`` and has
``specversion``. No log line does, even if it repeats foreign text:

- The further lines of a record, such as those of a traceback, begin with ``MARK``. So
  does its first line, unless it begins with a time in brackets or is a record in JSON.
- Control characters are escaped: some readers take more than line feeds for line ends.
- A line is shorter than the parts into which container runtimes divide long ones.
  Otherwise an event that is written meanwhile could end a log line in its middle, and
  the rest of it would be a line of its own.

An exception is a line with its type and its places in the code: its text may quote a
Secret that was read (``exception_text``).

Source: kubernetes/kubernetes, ``pkg/kubelet/kuberuntime/logs``; the CRI log format;
containerd, ``pkg/cri/io/logger.go``, which divides lines after 16 KiB.
"""

import json
import logging
import re
import sys
import threading
import time
from collections import OrderedDict
from copy import copy
from math import inf
from types import TracebackType
from typing import Any, Final

from argogrant.grants.model.exception_text import chain_of, describe_exception
from argogrant.grants.model.validation import one_line

MARK: Final = "  | "
LONGEST_LINE: Final = 4_000
"""Characters, of at most four bytes each."""
MOST_LINES: Final = 200
LOGGED_FRAMES: Final = 12
LOGGED_CAUSES: Final = 5
OURS: Final = "argogrant"
REPEAT_SECONDS: Final = 60.0
MOST_KEPT: Final = 200
"""Warnings that are recognized as repeated."""

_TIME: Final = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] ")

logger = logging.getLogger(__name__)


class LogLines(logging.Formatter):
    """Formatter of safe lines.

    Args:
        inner: Writes the text of a record, in any format.
    """

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record, without the texts of foreign exceptions."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            record = copy(record)
            record.exc_text = _exception_lines(error)
            record.exc_info = None
        return safe_lines(self._inner.format(record))


class RepeatedWarnings(logging.Filter):
    """Drops a warning of argogrant that was logged within the last minute.

    A failure is tried again every few seconds, for as long as it lasts.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._logged: OrderedDict[str, float] = OrderedDict()
        """Time of each message, the latest at the end."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is logged."""
        is_ours = record.name.startswith(f"{OURS}.")
        if not is_ours or record.levelno != logging.WARNING:
            return True
        text, now = record.getMessage(), time.monotonic()
        with self._lock:
            if now - self._logged.get(text, -inf) < REPEAT_SECONDS:
                return False
            self._logged[text] = now
            self._logged.move_to_end(text)
            while len(self._logged) > MOST_KEPT:
                self._logged.popitem(last=False)
        return True


def _exception_lines(error: BaseException) -> str:
    """Return one line for an exception and for each of its causes."""
    return "\n".join(
        describe_exception(one, LOGGED_FRAMES)
        for one in chain_of(error)[:LOGGED_CAUSES]
    )


def safe_lines(text: str) -> str:
    """Return the text of a log record as lines that are none of the audit stream."""
    lines = [
        one_line(line[:LONGEST_LINE])[:LONGEST_LINE]
        for line in text.split("\n")[:MOST_LINES]
    ]
    if not (_TIME.match(lines[0]) or _is_record(lines[0])):
        lines[0] = MARK + lines[0]
    return f"\n{MARK}".join(lines)


def _is_record(line: str) -> bool:
    """Return whether a line is a log record in JSON (``--log-format=json`` of kopf)."""
    if not line.startswith("{"):
        return False
    try:
        return "specversion" not in json.loads(line)
    except (ValueError, RecursionError):
        return False


def install(root: logging.Logger) -> None:
    """Have everything that is written to standard error written as safe lines.

    That are the records of a logger, warnings, and exceptions that were not handled.
    """
    for handler in root.handlers:
        if not isinstance(handler.formatter, LogLines):
            handler.setFormatter(LogLines(handler.formatter or logging.Formatter()))
            handler.addFilter(RepeatedWarnings())
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_exception
    sys.unraisablehook = lambda one: _log_exception(None, one.exc_value, None)
    threading.excepthook = lambda one: _log_exception(None, one.exc_value, None)


def _log_exception(
    _type: Any,  # noqa: ANN401 - the hook has it, and the exception too
    error: BaseException | None,
    _traceback: TracebackType | None,
) -> None:
    logger.critical("An exception was not handled.", exc_info=error)
