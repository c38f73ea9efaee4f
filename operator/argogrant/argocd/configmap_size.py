"""Capacity of the ConfigMap ``argocd-rbac-cm`` for the managed policy key.

Kubernetes rejects a ConfigMap of more than 1 MiB. A full ConfigMap would also block
writes that other programs make, and a revocation that rewrites an expiry. Therefore the
operator adds nothing above ``LIMIT`` and leaves the margin to the other keys.

Source: Kubernetes, ``pkg/apis/core/validation``, ``ValidateConfigMap``, which counts
values only. This module also counts keys, so its limit is slightly lower.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.argocd.policy_line import render_binding
from argogrant.grants.model.grant import Binding

LIMIT: Final = (1024 - 16) * 1024
"""Bytes of all keys and values, managed and unmanaged: 1 MiB minus a margin."""
_SECTION: Final = len("# until 2026-11-24T18:00:00Z\n")


def size_of(data: Mapping[str, str]) -> int:
    """Return the bytes of all keys and values."""
    return sum(len(key.encode()) + len(value.encode()) for key, value in data.items())


def overlay_capacity(data: Mapping[str, str]) -> int:
    """Return the bytes that the managed key may have beside the unmanaged keys."""
    others = {key: value for key, value in data.items() if key != OVERLAY_KEY}
    return LIMIT - size_of(others) - len(OVERLAY_KEY)


def bindings_over_capacity(
    additions: Iterable[tuple[Binding, datetime]], *, size: int, capacity: int
) -> frozenset[Binding]:
    """Return the bindings to add that do not fit.

    Args:
        additions: Bindings to add with their expiry, in order of precedence.
        size: Bytes of the managed key without any addition.
        capacity: Bytes that the managed key may have.

    Returns:
        The first binding that does not fit and all later ones: a later, shorter
        binding must not overtake it. Every expiry counts as a new section, even if the
        section exists, so the result may be too large but never too small.
    """
    remaining, ends = capacity - size, set[datetime]()
    excess: list[Binding] = []
    for binding, end in additions:
        remaining -= len(render_binding(binding).encode()) + 1
        if end not in ends:
            ends.add(end)
            remaining -= _SECTION
        if remaining < 0:
            excess.append(binding)
    return frozenset(excess)


def oldest_first(
    created: Mapping[Binding, datetime], bindings: Collection[Binding]
) -> list[Binding]:
    """Sort bindings by the creation of the oldest grant that requests them."""
    return sorted(bindings, key=lambda binding: (created[binding], binding))
