"""Import path of a command, without the current directory.

Python puts the current directory first on ``sys.path`` for ``python -m MODULE``, and an
empty item of ``PYTHONPATH``, as in ``PYTHONPATH=:/opt/lib``, also stands for it. A file
there with the name of a library, such as ``yaml.py``, would be imported instead of the
library, with the credentials of the command. The installed scripts and ``python -P``
add no such entry.

Source: https://docs.python.org/3.11/using/cmdline.html#cmdoption-P, and
https://docs.python.org/3.11/library/sys.html#sys.argv (``-m`` while a module is found).
"""

import os
import sys
from collections.abc import Mapping, Sequence


def without_current_directory(
    path: Sequence[str],
    *,
    argv: Sequence[str],
    environment: Mapping[str, str],
    directory: str,
    is_safe: bool = False,
) -> list[str]:
    """Return the import path without the entries that mean the current directory.

    A directory that ``PYTHONPATH`` names stays, also if it is the current one.

    Args:
        path: ``sys.path``.
        argv: ``sys.argv``; begins with ``-m`` while ``python -m`` finds its module.
        environment: The variables of the process.
        directory: The current directory.
        is_safe: Python adds no current directory itself (``-P``, ``-I``).
    """
    first, *others = path or [""]
    is_from_option = list(argv[:1]) == ["-m"] and not is_safe
    kept = others if is_from_option or _is_current(first) else [first, *others]
    value = environment.get("PYTHONPATH", "")
    items = value.split(os.pathsep) if value else []
    if any(map(_is_current, items)) and directory not in items:
        kept = [entry for entry in kept if entry != directory]
    return [entry for entry in kept if not _is_current(entry)]


def _is_current(entry: str) -> bool:
    """Return whether an entry means the current directory: empty, ``.``, ``./``."""
    return os.path.normpath(entry or os.curdir) == os.curdir


def protect_imports() -> None:
    """Remove the current directory from the import path of this process."""
    try:
        directory = os.getcwd()  # noqa: PTH109 - pathlib takes long to import
    except OSError:  # It was deleted.
        directory = ""
    sys.path[:] = without_current_directory(
        sys.path,
        argv=sys.argv,
        environment={} if sys.flags.ignore_environment else os.environ,
        directory=directory,
        is_safe=sys.flags.safe_path,
    )
