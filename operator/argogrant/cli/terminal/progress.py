"""One line that says how it goes: rewritten for people, told once for programs."""

import shutil
import sys

from argogrant.cli.terminal.tables import sanitize, truncate


class LiveLine:
    """What is waited for, on stderr: stdout belongs to the answer."""

    def __init__(self) -> None:
        self._last = ""
        self._is_terminal = sys.stderr.isatty()

    def say(self, text: str) -> None:
        """Show this instead of what was shown before; the same is not shown twice."""
        line = sanitize(text)
        if line == self._last:
            return
        self._last = line
        if self._is_terminal:
            columns = shutil.get_terminal_size().columns
            sys.stderr.write(f"\r\x1b[K{truncate(line, max(columns - 1, 1))}")
        else:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Leave the terminal's line empty for what follows."""
        if self._is_terminal and self._last:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
