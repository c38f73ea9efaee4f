"""Runs another program that the kernel kills when the test process ends.

``python -I -S bound_process.py STARTER PROGRAM ARGUMENT …``, where STARTER is the id of
the process that started it. Without this system call (macOS) it only runs the program.
Source: PR_SET_PDEATHSIG of prctl(2), which stays in effect after execve(2).
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Let the kernel kill this process when its parent ends.

    Raises:
        SystemExit: The parent has ended already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(1)


if __name__ == "__main__":
    starter, program, *arguments = sys.argv[1:]
    die_with(int(starter))
    os.execv(program, [program, *arguments])
