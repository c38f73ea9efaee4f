"""Python interpreters that can run argogrant, each with its libraries in the cache."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controlplane import programs

ROOT = Path(__file__).parents[3]
RUNNER = Path(__file__).with_name("runner.py")
NEWEST = "3.13"


class Runner:
    """Process of one interpreter that runs commands of argogrant."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(
        self, arguments: Sequence[str], env: Mapping[str, str], folder: Path
    ) -> dict[str, Any]:
        """Run a command, and return its status and outputs."""
        command = {
            "args": list(arguments),
            "env": dict(env),
            "folder": str(folder),
            "context": True,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(command)}\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def runner(python: Path) -> Iterator[Runner]:
    """Start a runner, and stop it at the end of a block."""
    with subprocess.Popen(
        [python, RUNNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "operator")},
    ) as process:
        try:
            yield Runner(process)
        finally:
            process.stdin.close()  # type: ignore[union-attr]
            process.wait(timeout=30)


def with_version(version: str) -> Path | None:
    """Return an interpreter of another version; None if this machine has none.

    Its libraries are those of requirements.txt, installed into the cache once.
    """
    base = find(version)
    if base is None:
        return None
    requirements = ROOT / "requirements.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = programs.cache() / f"python-{version}-{digest}"
    python = folder / "bin/python"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([base, "-m", "venv", folder], check=True)
        install = (
            "-m",
            "pip",
            "install",
            "-q",
            "--require-hashes",
            "--only-binary=:all:",
        )
        subprocess.run([python, *install, "-r", requirements], check=True)
        (folder / "ready").touch()
    return python


def find(version: str) -> Path | None:
    """Return an interpreter in PATH, or of pyenv."""
    found = shutil.which(f"python{version}")
    homes = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    for one in ([Path(found)] if found else []) + homes:
        answer = subprocess.run(
            [one, "--version"], capture_output=True, text=True, check=False
        )
        if answer.stdout.startswith(f"Python {version}."):
            return one
    return None


def this() -> Path:
    """Return the interpreter of the tests."""
    return Path(sys.executable)
