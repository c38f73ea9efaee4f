"""Process that runs commands of argogrant one after the other, for one Python version.

Each line of standard input has the arguments, the environment and the folder of a
command as JSON; each line of standard output has its exit status and its outputs. The
file is run by its path, so it imports nothing of the tests.
"""

import json
import os
import sys
import tempfile
import traceback
from typing import Any


def main() -> None:
    """Run commands until standard input ends."""
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for line in requests:
        answers.write(json.dumps(run(json.loads(line))) + "\n")
        answers.flush()


def run(command: dict[str, Any]) -> dict[str, Any]:
    """Run one command in this process, with its outputs in files."""
    os.environ.clear()
    os.environ.update(command["env"])
    os.chdir(command["folder"])
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        os.dup2(out.fileno(), 1)
        os.dup2(errors.fileno(), 2)
        context, status = "", -1
        try:
            status, context = call(command["args"], command["context"])
        except BaseException:  # noqa: BLE001 - a traceback fails the test
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        texts = []
        for file in (out, errors):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    return {
        "status": status,
        "stdout": texts[0],
        "stderr": texts[1][-4_000:],
        "context": context,
        "python": list(sys.version_info[:2]),
    }


def call(arguments: list[str], with_context: bool) -> tuple[int, str]:  # noqa: FBT001
    """Return the exit status of a command, and the context that it chose."""
    from argogrant.cli import session  # noqa: PLC0415
    from argogrant.cli.main import app  # noqa: PLC0415

    status = 0
    try:
        app(arguments, prog_name="argogrant")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    context = ""
    if with_context and status == 0:
        chosen = [one for one in arguments if one.startswith("--context=")]
        context = session.client_config("".join(chosen).partition("=")[2]).context
    return status, context


if __name__ == "__main__":
    main()
