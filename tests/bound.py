"""Becomes another program that the kernel kills when the tests die, however they do.

``python -I -S bound.py PARENT PROGRAM ARGUMENT …``, where PARENT is the id of the
process that waits for it. Where there is no such call (macOS), it only becomes it.
Source: PR_SET_PDEATHSIG of prctl(2); it survives execve(2).
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):  # it died before the kernel was told
            sys.exit(1)
    os.execv(program, [program, *arguments])
