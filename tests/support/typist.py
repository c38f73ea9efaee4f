"""People who type commands of ours, each with their own kubeconfig."""

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
"""The same, though whoever runs the tests in the background has them ignore Ctrl-C."""


@dataclass(frozen=True)
class Typist:
    """Somebody at a terminal, by a kubeconfig."""

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
        """Type what takes its time; whoever began it ends it.

        Args:
            words: What is typed.
            seen_in: A file for what is said meanwhile; else it is kept for the end.
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
        """Type what has to succeed; gives what is said."""
        done = self.types(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fails(self, *words: str) -> str:
        """Type what has to fail; gives the sentence."""
        done = self.types(*words)
        assert done.returncode == 1, done.stdout
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr

    def _surroundings(self) -> dict[str, str]:
        """The environment of somebody who has set where the grants are."""
        ours = {"KUBECONFIG": str(self.kubeconfig), "ARGOGRANT_NAMESPACE": "argogrant"}
        return {**os.environ, **ours, "TZ": "UTC"}
