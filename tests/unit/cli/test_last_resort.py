"""Commands that fail in a way that nobody foresaw: one line, without what was read."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from argogrant.cli.main import app

RUNNER = CliRunner()
CANARY = "eyJhbGciOiJSUzI1NiJ9.Y2FuYXJ5.c2lnbmF0dXJl"


def unreadable() -> Exception:
    """Return the exception of a reader that quotes what it has read."""
    try:
        yaml.safe_load(f"users:\n- token: {CANARY}\n  {CANARY}: : :")
    except yaml.YAMLError as error:
        return error
    raise AssertionError


def caused() -> Exception:
    error = RuntimeError("reading failed")
    error.__cause__ = ValueError(f"invalid literal: {CANARY}")
    return error


UNFORESEEN = [
    pytest.param(*row[1:], id=row[0])
    for row in (
        ("a YAML error that quotes the line", unreadable(), "unexpected error ("),
        ("a missing key", KeyError(CANARY), "unexpected error (KeyError)"),
        ("a wrong value", ValueError(CANARY), "unexpected error (ValueError)"),
        ("an error that another one caused", caused(), "(RuntimeError)"),
        (
            "an undefined attribute",
            AttributeError("'NoneType' object has no attribute 'get'"),
            "unexpected error (AttributeError)",
        ),
        ("an assertion", AssertionError(CANARY), "unexpected error (AssertionError)"),
        ("a time-out without words", TimeoutError(), "there was no answer in time"),
        (
            "a full disk",
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
            "the output cannot be written: no space is left on the device.",
        ),
        (
            "a file that may not be read",
            PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/x"),
            "unexpected error (PermissionError: permission denied)",
        ),
        ("an exhausted stack", RecursionError(), "unexpected error (RecursionError)"),
        ("an exhausted memory", MemoryError(), "unexpected error (MemoryError)"),
    )
]


def fails_with(error: Exception, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what a command prints on standard error if its work raises an error."""

    def work(_function: str) -> None:
        raise error

    monkeypatch.setattr("argogrant.cli.commands.command.load", work)
    result = RUNNER.invoke(app, ["version"])

    assert result.exit_code == 2
    assert result.stdout == ""
    return result.stderr


@pytest.mark.parametrize(("error", "words"), UNFORESEEN)
def test_unforeseen_error_is_one_line_without_its_text(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARGOGRANT_DEBUG", raising=False)
    printed = fails_with(error, monkeypatch)

    assert printed.startswith("argogrant: ")
    assert words in printed
    assert printed.count("\n") == 1
    assert CANARY not in printed
    assert ("ARGOGRANT_DEBUG=1" in printed) == ("unexpected" in printed)


@pytest.mark.parametrize(("error", "words"), UNFORESEEN)
def test_debug_output_has_the_places_in_the_code_and_no_secret(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGOGRANT_DEBUG", "1")
    printed = fails_with(error, monkeypatch)

    assert words in printed
    assert type(error).__name__ in printed
    assert "cli/commands/command.py:" in printed
    assert "Traceback" not in printed
    assert CANARY not in printed


def test_debug_output_has_texts_about_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGOGRANT_DEBUG", "1")
    error = AttributeError("'NoneType' object has no attribute 'get'")

    assert "'NoneType' object has no attribute 'get'" in fails_with(error, monkeypatch)


def run(
    *command: str, redirected: str, shell: str = "sh"
) -> subprocess.CompletedProcess[str]:
    """Run argogrant in a shell with a redirection."""
    script = f'"$@" {redirected}'
    return subprocess.run(
        [
            shell,
            "-c",
            script,
            "sh",
            sys.executable,
            "-m",
            "argogrant.cli.main",
            *command,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "KUBECONFIG": "/no/such/file"},
    )


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="the system has no /dev/full"
)
@pytest.mark.parametrize("command", ["version", "--help", "completion bash"])
def test_full_disk_is_one_line(command: str) -> None:
    done = run(*command.split(), redirected=">/dev/full")

    assert done.returncode == 2
    assert done.stderr == (
        "argogrant: the output cannot be written: no space is left on the device.\n"
    )


@pytest.mark.parametrize(
    "redirected",
    [
        pytest.param(">&-", id="standard output is closed"),
        pytest.param("2>&-", id="standard error is closed"),
        pytest.param("<&-", id="standard input is closed"),
        pytest.param(">&- 2>&- <&-", id="everything is closed"),
        pytest.param("| true", id="the reader of the pipe is gone"),
        pytest.param("2>/dev/full", id="standard error is full"),
        pytest.param("2>&- >/dev/full", id="there is no place for the message"),
    ],
)
@pytest.mark.parametrize("command", ["version", "list"])
def test_missing_streams_print_no_traceback(command: str, redirected: str) -> None:
    done = run(command, redirected=redirected)

    assert "Traceback" not in done.stdout + done.stderr
    assert "Exception ignored" not in done.stdout + done.stderr
    assert "Error" not in done.stderr
