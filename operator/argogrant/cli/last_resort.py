"""The end of a command that fails in a way that nobody foresaw: one line, no traceback.

The text of such an exception can quote what was read, such as a line of a kubeconfig
with a token, so it is never printed: with ``ARGOGRANT_DEBUG=1`` neither, which prints
types and places in the code.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Final, NoReturn

FAILED: Final = 2
"""Never 1, which is the answer *no* of some commands."""
DEBUG: Final = "ARGOGRANT_DEBUG"
BROKEN_PIPE: Final = 141
"""The reader of a pipe is gone: 128 plus the number of SIGPIPE, as for kubectl."""
_FRAMES: Final = 40


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """End the process with one line if an exception leaves the block.

    Raises:
        SystemExit: There was an exception.
    """
    try:
        try:
            yield
        finally:
            # Python writes the rest at its end otherwise, where nothing handles errors.
            _flush()
    except OSError as error:
        if error.errno == errno.EPIPE:
            _abandon_output()
            raise SystemExit(BROKEN_PIPE) from None
        _fail(_describe(error), error)
    except Exception as error:  # noqa: BLE001 - the purpose of this module
        _fail(_describe(error), error)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


def _describe(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the output cannot be written: no space is left on the device."
    if isinstance(error, TimeoutError):
        return (
            "there was no answer in time. Try again. Does kubectl reach this cluster?"
        )
    kind = type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        kind = f"{kind}: {error.strerror.lower()}"
    hint = "" if _shows_more() else f" {DEBUG}=1 shows where it was raised."
    return f"unexpected error ({kind}). Report it to the developers of argogrant.{hint}"


def _shows_more() -> bool:
    return os.environ.get(DEBUG, "") not in ("", "0")


def _fail(message: str, error: Exception) -> NoReturn:
    """Print the message, if that is possible, and end the process."""
    lines = [f"argogrant: {message}"]
    if _shows_more():
        texts = import_module("argogrant.grants.model.exception_text")
        chain = texts.chain_of(error)
        lines += [f"  {texts.describe_exception(one, _FRAMES)}" for one in chain]
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
    _abandon_output()
    raise SystemExit(FAILED) from None


def _abandon_output() -> None:
    """Let Python write nothing more at its end: it would fail again, with a traceback.

    Source: Python, ``signal``, "Note on SIGPIPE".
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
