"""Programs and shells on a pseudo-terminal of a given width."""

import fcntl
import os
import pty
import select
import shlex
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

TIMEOUT_SECONDS = 30
CTRL_A, CTRL_C, CTRL_E, CTRL_U = "\x01", "\x03", "\x05", "\x15"


class Terminal:
    """The user's side of a terminal: reads the screen, and types."""

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self.text = ""

    def types(self, keys: str) -> None:
        os.write(self._leader, keys.encode())

    def read(self, seconds: float) -> bool:
        """Read what was written meanwhile; return False after a silence or the end."""
        ready, _, _ = select.select([self._leader], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self._leader, 65536)
        except OSError:  # Linux reports the end of the last program as an error.
            return False
        self.text += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)

    def sees(self, text: str, *, times: int = 1) -> str:
        """Wait until a text is on the screen."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while self.text.count(text) < times:
            assert time.monotonic() < deadline, self.text
            self.read(0.2)
        return self.text


@contextmanager
def started(
    command: Sequence[str], environment: Mapping[str, str], *, width: int = 80
) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
    """Start a program as the leader of a session on a terminal of its own."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    ends = {"stdin": follower, "stdout": follower, "stderr": follower}
    # The program needs the terminal as its controlling one to receive Ctrl-C.
    own_terminal = [sys.executable, "-c", _OWN_TERMINAL, *command]
    process = subprocess.Popen(
        own_terminal, **ends, env=dict(environment), start_new_session=True
    )
    os.close(follower)
    try:
        yield Terminal(leader), process
    finally:
        process.kill()
        process.wait()
        os.close(leader)


_OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def run_on_terminal(
    command: Sequence[str], environment: Mapping[str, str], *, width: int = 80
) -> tuple[int, str]:
    """Run a program that asks nothing; return its exit status and the screen."""
    with started(command, environment, width=width) as (terminal, process):
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while terminal.read(0.2) or process.poll() is None:
            assert time.monotonic() < deadline, terminal.text
        return process.wait(), terminal.text


class InteractiveShell:
    """Shell in which lines are typed.

    Args:
        command: Command line of the shell.
        programs: Folder that is first on its PATH, and its home.
        variables: Further variables of its environment.
    """

    def __init__(
        self, command: Sequence[str], programs: Path, **variables: str
    ) -> None:
        self._command = command
        self._said = programs / "said"
        self._environment = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(sys.path),
            "HOME": str(programs),
            "TERM": "dumb",
            "HISTFILE": "/dev/null",
            **variables,
        }

    @contextmanager
    def started(self) -> Iterator["InteractiveShell"]:
        """Run the shell meanwhile."""
        with started(self._command, self._environment, width=200) as (terminal, _):
            self._terminal = terminal
            yield self

    def run(self, line: str) -> None:
        """Run a line, and wait until the shell has run it."""
        self._said.unlink(missing_ok=True)
        self._terminal.types(f"{line}\n")
        self._terminal.types(f"printf done > {shlex.quote(str(self._said))}\n")
        self._wait_for("done")

    def type(self, keys: str) -> None:
        """Type keys, and wait for nothing."""
        self._terminal.types(keys)

    def sees(self, text: str) -> str:
        """Wait until a text is on the screen; return the screen."""
        return self._terminal.sees(text)

    def press_tab(self, line: str) -> str:
        """Type a line and Tab, and return the line that the shell then has.

        The line becomes the argument of a command that writes it to a file. The keys
        that go to its beginning and end wait until the shell has completed the line.
        """
        self._said.unlink(missing_ok=True)
        end = f'" > {shlex.quote(str(self._said))}\n'
        self._terminal.types(f"{line}\t")
        self._terminal.types(f"{CTRL_A}printf '%s|' \"{CTRL_E}{end}")
        return self._wait_for("|").removesuffix("|")

    def _wait_for(self, end: str) -> str:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not (
            self._said.exists() and (text := self._said.read_text()).endswith(end)
        ):
            assert time.monotonic() < deadline, self._terminal.text
            self._terminal.read(0.05)
        return text
