"""What is waited for is one line on a terminal, and lines in a log."""

import io

import pytest

from argogrant.cli.terminal.progress import LiveLine


class Terminal(io.StringIO):
    """Somebody looks at it."""

    def isatty(self) -> bool:
        return True


def written(monkeypatch: pytest.MonkeyPatch, to: io.StringIO) -> str:
    monkeypatch.setattr("sys.stderr", to)
    monkeypatch.setenv("COLUMNS", "12")
    line = LiveLine()
    for text in ("one", "one", "two\x1b[2J and more"):
        line.say(text)
    line.close()
    return to.getvalue()


def test_on_a_terminal_it_is_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never wraps, and leaves nothing behind."""
    assert written(monkeypatch, Terminal()) == (
        "\r\x1b[Kone\r\x1b[Ktwo\\x1b[2J…\r\x1b[K"
    )


def test_elsewhere_each_news_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert written(monkeypatch, io.StringIO()) == "one\ntwo\\x1b[2J and more\n"


def test_nothing_said_is_nothing_to_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    LiveLine().close()

    assert terminal.getvalue() == ""
