"""Users who run argogrant commands, each with their own kubeconfig."""

import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

COMMAND = (sys.executable, "-m", "argogrant.cli.main")
_LISTENING = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("argogrant.cli.main", run_name="__main__")
"""
INTERRUPTIBLE = (sys.executable, "-c", _LISTENING)
"""The command with the default handling of SIGINT, which background jobs ignore."""


@dataclass(frozen=True)
class Typist:
    """User with a kubeconfig at a terminal."""

    kubeconfig: Path

    def types(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *words],
            env=self._surroundings(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def begins(self, *words: str, seen_in: Path | None = None) -> subprocess.Popen[str]:
        """Start a command that the caller ends.

        Args:
            words: Arguments of the command.
            seen_in: File for the output; without it, the output is buffered.
        """
        with ExitStack() as files:
            out = files.enter_context(seen_in.open("w")) if seen_in else subprocess.PIPE
            return subprocess.Popen(
                [*INTERRUPTIBLE, *words],
                env=self._surroundings(),
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
            )

    def does(self, *words: str) -> str:
        """Run a command that must succeed; return its output."""
        done = self.types(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fails(self, *words: str) -> str:
        """Run a command that must fail; return its error message."""
        done = self.types(*words)
        assert done.returncode == 1, done.stdout
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr

    def _surroundings(self) -> dict[str, str]:
        """Return an environment in which the namespace of the grants is set."""
        ours = {"KUBECONFIG": str(self.kubeconfig), "ARGOGRANT_NAMESPACE": "argogrant"}
        return {**os.environ, **ours, "TZ": "UTC"}
