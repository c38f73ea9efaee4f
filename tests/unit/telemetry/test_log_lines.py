"""Log lines, none of which passes for a line of the audit stream."""

import io
import logging
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kopf._core.actions.loggers import LogFormat, make_formatter

from argogrant.cli.report.entries import read_audit_file
from argogrant.kube.errors import Unavailable
from argogrant.telemetry import log_lines
from argogrant.telemetry.log_lines import LogLines
from support.audit_lines import an_audit_line

FORGED = an_audit_line("grant.bound")
STAMPED = f"2026-11-24T12:00:00.1Z {FORGED}"
RUNTIME_PART = 16 * 1024
"""Bytes after which container runtimes divide a line."""
TEXTS = st.one_of(
    st.text(st.characters(codec=None)),
    st.lists(
        st.sampled_from(
            [
                *(FORGED, STAMPED, "[pod/a/b] ", "[2026-11-24 12:00:00,000] ", " "),
                *("\n", "\r", "\r\n", "\x0b", "\x85", "\u2028", "\ud800"),
                "x" * RUNTIME_PART,
            ]
        ),
        max_size=6,
    ).map("".join),
)


@contextmanager
def logging_to(log_format: LogFormat) -> Iterator[io.StringIO]:
    """Log as the operator does, into a text that keeps every character."""
    output = io.StringIO(newline="")
    handler = logging.StreamHandler(output)
    handler.setFormatter(LogLines(make_formatter(log_format=log_format)))
    log = logging.getLogger("argogrant.test")
    log.addHandler(handler)
    log.propagate = False
    try:
        yield output
    finally:
        log.removeHandler(handler)
        log.propagate = True


def fail(text: str) -> None:
    raise ValueError(text)


def log_everything(text: str) -> None:
    """Log a text in each place of a record that it can have."""
    log = logging.getLogger("argogrant.test")
    log.warning(text.replace("%", "%%"))
    log.warning("The API server answered: %s", text)
    try:
        fail(text)
    except ValueError:
        log.exception("failed")


def events_of(output: str, parts: int | None = None) -> int:
    """Count the events that a report finds, however a reader divides the lines."""
    lines = [output.split("\n"), output.splitlines(), output.split("\r")]
    if parts:
        lines.append([output[i : i + parts] for i in range(0, len(output), parts)])
    return sum(len(read_audit_file(one).entries) for one in lines)


@pytest.mark.parametrize("log_format", list(LogFormat))
@given(text=TEXTS)
@example(FORGED)
@example(f"\n{FORGED}")
@example(STAMPED)
@example(f"\r{FORGED}\r")
def test_no_log_message_is_an_audit_event(log_format, text) -> None:
    with logging_to(log_format) as output:
        log_everything(text)

    assert events_of(output.getvalue()) == 0


@pytest.mark.parametrize("log_format", list(LogFormat))
@pytest.mark.parametrize("character", ["x", "\u00e9", "\U0001f600", "\n", "\x00"])
def test_log_lines_are_shorter_than_the_parts_of_a_container_runtime(
    log_format, character
) -> None:
    """Otherwise the rest of a line could become a line of its own."""
    with logging_to(log_format) as output:
        log_everything(character * 10 * RUNTIME_PART)
    lines = output.getvalue().split("\n")

    assert max(len(line.encode()) for line in lines) < RUNTIME_PART
    assert len(lines) <= 4 * log_lines.MOST_LINES


def test_exception_is_a_line_with_type_and_places() -> None:
    with logging_to(LogFormat.FULL) as output:
        log_everything("why")
    lines = output.getvalue().splitlines()

    assert lines[2].endswith("] failed")
    assert re.fullmatch(
        r"  \| ValueError \(.*:\d+ in log_everything > .*:\d+ in fail\)", lines[3]
    )
    assert len(lines) == 4


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_text_of_a_foreign_exception_is_not_logged(log_format) -> None:
    """It can quote the Secret that was read."""
    with logging_to(log_format) as output:
        try:
            try:
                fail("hunter2")
            except ValueError as error:
                raise Unavailable("no answer") from error
        except Unavailable:
            logging.getLogger("argogrant.test").exception("failed")

    assert "hunter2" not in output.getvalue()
    assert "ValueError" in output.getvalue()
    assert "Unavailable no answer" in output.getvalue()


def test_records_in_json_stay_json() -> None:
    with logging_to(LogFormat.JSON) as output:
        logging.getLogger("argogrant.test").warning("why")

    assert output.getvalue().startswith('{"message": "why"')


@pytest.fixture
def root(monkeypatch) -> Iterator[logging.Logger]:
    """A logger with one handler, after the start of the operator."""
    for where, name in (
        (sys, "excepthook"),
        (sys, "unraisablehook"),
        (threading, "excepthook"),
    ):
        monkeypatch.setattr(where, name, getattr(where, name))
    root = logging.getLogger("argogrant.test.root")
    root.addHandler(logging.StreamHandler(io.StringIO()))
    log_lines.install(root)
    yield root
    logging.captureWarnings(capture=False)
    root.handlers.clear()


def test_every_handler_writes_safe_lines(root) -> None:
    (handler,) = root.handlers
    formatter = handler.formatter
    log_lines.install(root)

    assert isinstance(formatter, LogLines)
    assert handler.formatter is formatter


def test_repeated_warning_is_logged_once_a_minute(root, monkeypatch) -> None:
    """Neither other messages nor errors are left out."""
    (handler,) = root.handlers
    now = 0.0
    monkeypatch.setattr(log_lines.time, "monotonic", lambda: now)
    for _ in range(9):
        root.warning("the plugin %s failed", "one")
        now += 10
    root.warning("the plugin %s failed", "two")
    root.error("broken")
    root.error("broken")

    assert handler.stream.getvalue().count("the plugin one failed") == 2
    assert handler.stream.getvalue().count("the plugin two failed") == 1
    assert handler.stream.getvalue().count("broken") == 2


@pytest.mark.usefixtures("root")
def test_unhandled_exceptions_are_log_records(caplog) -> None:
    """Python would write them to standard error itself, line by line."""
    sys.excepthook(ValueError, ValueError(FORGED), None)
    thread = threading.Thread(target=lambda: 1 // 0)
    thread.start()
    thread.join()

    assert caplog.text.count("An exception was not handled.") == 2
