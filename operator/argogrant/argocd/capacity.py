"""Capacity of ``argocd-rbac-cm``, and how requesters share it.

Kubernetes rejects a ConfigMap of more than 1 MiB. A full ConfigMap would also block
writes that other programs make, and a revocation that rewrites an expiry. Therefore the
operator adds nothing above ``MAX_BYTES`` and leaves the margin to the other keys.

One requester must not use up what belongs to all. Below three quarters of the capacity
nothing is refused. Above, a requester may hold at most three times as many bytes as are
then free, so another requester always finds some:

    used by alice   free    alice may add   bob may add
    50 %            50 %    yes             yes
    75 %            25 %    no              yes, up to 18.75 %

A sixteenth of the capacity is kept for break glass. Where no requester is verified,
requesters cannot be distinguished, and only this reserve applies. A binding that exists
stays, even if another requester needs its bytes.

Source: Kubernetes, ``pkg/apis/core/validation``, ``ValidateConfigMap``, which counts
values only. This module also counts keys, so its limit is slightly lower. The limit of
a share is the dynamic threshold of A. K. Choudhury and E. L. Hahne, "Dynamic Queue
Length Thresholds for Shared-Memory Packet Switches" (1998).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from argogrant.argocd.policy_csv import OVERLAY_KEY, render_binding
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.untrusted_text import utf8_size

MAX_BYTES: Final = (1024 - 16) * 1024
"""Bytes of all keys and values, managed and unmanaged: 1 MiB minus a margin."""
SHARE: Final = 3
"""How many times what is free one requester may hold."""
_RESERVE: Final = 16
"""The part of the capacity that is kept for break glass, as a divisor."""
_SECTION_BYTES: Final = len("# until 2026-11-24T18:00:00Z\n")


class Claim(NamedTuple):
    """A binding, and whose share of the capacity it uses."""

    binding: Binding
    end: datetime
    requester: str | None = None
    """Verified user name, "" for all that are not verified; None has no share."""
    is_break_glass: bool = False
    """Counted apart, up to the whole capacity."""


def size_of(data: Mapping[str, str]) -> int:
    """Return the bytes of all keys and values."""
    return sum(utf8_size(key) + utf8_size(value) for key, value in data.items())


def overlay_capacity(data: Mapping[str, str]) -> int:
    """Return the bytes that the managed key may have, given the unmanaged keys."""
    others = {key: value for key, value in data.items() if key != OVERLAY_KEY}
    return MAX_BYTES - size_of(others) - len(OVERLAY_KEY)


def undivided(capacity: int) -> int:
    """Return the size up to which no share is exceeded and no reserve needed."""
    return _limit(capacity, is_break_glass=False) * SHARE // (SHARE + 1)


def bindings_over_capacity(
    additions: Iterable[Claim],
    *,
    present: Iterable[Claim] = (),
    size: int,
    capacity: int,
) -> frozenset[Binding]:
    """Return the additions that have to wait.

    After the first addition of a requester that does not fit, all later ones of that
    requester wait: a later, shorter binding must not overtake another one. After the
    first one that finds no capacity at all, all later ones wait.

    Args:
        additions: In order of precedence. Every expiry counts as a new section, even
            if the section exists, so the result may be too large but never too small.
        present: The bindings that the key has, in the same order.
        size: Bytes of the key without the additions.
        capacity: Bytes that the key may have.
    """
    held: Counter[tuple[str | None, bool]] = Counter()
    ends = set[datetime]()
    for claim in present:
        held[claim[2:]] += _bytes_of(claim, ends)
        ends.add(claim.end)
    waiting: set[tuple[str | None, bool]] = set()
    is_full = {False: False, True: False}
    excess: list[Binding] = []
    ends.clear()
    for claim in additions:
        share, added = claim[2:], _bytes_of(claim, ends)
        free = _limit(capacity, is_break_glass=claim.is_break_glass) - size - added
        is_full[claim.is_break_glass] |= free < 0
        exceeds = claim.requester is not None and held[share] + added > SHARE * free
        if is_full[claim.is_break_glass] or share in waiting or exceeds:
            waiting.add(share)
            excess.append(claim.binding)
        else:
            held[share] += added
            size += added
            ends.add(claim.end)
    return frozenset(excess)


def _bytes_of(claim: Claim, ends: set[datetime]) -> int:
    """Return the bytes of a line, and of its section if that is not counted yet."""
    section = 0 if claim.end in ends else _SECTION_BYTES
    return utf8_size(render_binding(claim.binding)) + 1 + section


def _limit(capacity: int, *, is_break_glass: bool) -> int:
    return capacity if is_break_glass else capacity - capacity // _RESERVE
