"""Becomes another program that the kernel kills when the tests die, however they do.

``python -I -S bound_process.py STARTER PROGRAM ARGUMENT …``, where STARTER is the id of
the process that waits for it. Where there is no such call (macOS), it only becomes it.
Source: PR_SET_PDEATHSIG of prctl(2); it survives execve(2).
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Have the kernel kill this process as soon as its parent is no more.

    Raises:
        SystemExit: It died before the kernel was told.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(1)


if __name__ == "__main__":
    starter, program, *arguments = sys.argv[1:]
    die_with(int(starter))
    os.execv(program, [program, *arguments])
