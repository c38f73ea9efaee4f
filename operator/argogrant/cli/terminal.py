"""The terminal that a command writes to."""

import os
import shutil
import sys


def columns() -> int:
    """Tell how wide it is; 0 if what is written goes to a program or a file."""
    if "COLUMNS" in os.environ or sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    return 0


def has_colours() -> bool:
    """Tell whether a person looks at colours: https://no-color.org."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
