"""Count of the Python objects that the operator keeps referenced.

``sys.getallocatedblocks`` would count more than that. CPython's cache of attributes,
for one, keeps the names that C code asks for (``strftime`` of a ``datetime``), up to
some thousands and at places that depend on addresses.
"""

import gc
import logging
import re
import sys
from collections import Counter, deque
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

CONTAINERS = (dict, list, tuple, set, frozenset, deque)


def held_by(owner: object, *, named: re.Pattern[str]) -> Counter[str]:
    """Count the objects reachable from an object and from the operator's modules.

    Args:
        owner: First object.
        named: Names that are counted in texts, because one text can grow.

    Returns:
        Objects that can refer to others, by type, the entries of all containers, and
        the names in all texts. Numbers and moments are counted where they are entries.
    """
    held: Counter[str] = Counter()
    gc.collect()
    for one in _reached([owner, *_modules()]):
        if isinstance(one, str):
            held["names in texts"] += len(named.findall(one))
        if isinstance(one, CONTAINERS):
            held["entries of containers"] += len(one)
        if gc.get_referents(one):
            held[type(one).__qualname__] += 1
    return held


def _modules() -> list[ModuleType]:
    return [module for name, module in sys.modules.items() if _is_ours(name)]


def _reached(pending: list[Any]) -> Iterator[Any]:
    seen: dict[int, Any] = {}
    while pending:
        one = pending.pop()
        if id(one) not in seen and not _is_foreign(one):
            seen[id(one)] = one
            pending += gc.get_referents(one)
            yield one


def _is_foreign(one: object) -> bool:
    """Return whether an object belongs to Python or pytest."""
    if isinstance(one, ModuleType):
        return not _is_ours(one.__name__)
    if isinstance(one, type | FunctionType):
        return not _is_ours(one.__module__)
    return isinstance(one, logging.Logger)  # pytest keeps what they say


def _is_ours(module: str | None) -> bool:
    return (module or "").partition(".")[0] == "argogrant"
