"""How much of our own text the ConfigMap still has room for.

Kubernetes refuses a ConfigMap of more than 1 MiB, and then a revocation as well. So
nothing is added that would bring it near: the margin is left to everybody else.

Source: Kubernetes, ``pkg/apis/core/validation``, ``ValidateConfigMap`` counts values;
keys are counted here as well, which errs on the small side.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.argocd.policy_line import render_binding
from argogrant.grants.model.grant import Binding

LIMIT: Final = (1024 - 16) * 1024
"""Bytes over all keys and values, ours and theirs: 1 MiB less a margin."""
_SECTION: Final = len("# until 2026-11-24T18:00:00Z\n")


def size_of(data: Mapping[str, str]) -> int:
    """Count the bytes of all keys and values."""
    return sum(len(key.encode()) + len(value.encode()) for key, value in data.items())


def room_for_overlay(data: Mapping[str, str]) -> int:
    """Say how many bytes our key's value may have, given what others wrote."""
    others = {key: value for key, value in data.items() if key != OVERLAY_KEY}
    return LIMIT - size_of(others) - len(OVERLAY_KEY)


def bindings_without_room(
    additions: Iterable[tuple[Binding, datetime]], *, size: int, room: int
) -> frozenset[Binding]:
    """Choose which additions have to wait.

    Args:
        additions: What should be added, with its end; the first are served first.
        size: Bytes of the overlay without any addition.
        room: Bytes that the overlay may have.

    Returns:
        Every addition from the first one on that does not fit: a later, shorter one
        must not overtake it. A section is counted for each end, also where one is
        there already, which errs on the small side.
    """
    left, ends = room - size, set[datetime]()
    waiting: list[Binding] = []
    for binding, end in additions:
        left -= len(render_binding(binding).encode()) + 1
        if end not in ends:
            ends.add(end)
            left -= _SECTION
        if left < 0:
            waiting.append(binding)
    return frozenset(waiting)


def oldest_first(
    created: Mapping[Binding, datetime], bindings: Collection[Binding]
) -> list[Binding]:
    """Order bindings by the age of the oldest grant that wants them."""
    return sorted(bindings, key=lambda binding: (created[binding], binding))
