"""Percentiles, simply: a value that was measured, never one between two."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What many measurements of one thing came to, in seconds."""

    samples: int
    p50: float
    p99: float
    max: float


def spread(seconds: Sequence[float]) -> Spread:
    """Sum up measurements; with fewer than 100 the p99 is the worst of them."""
    return Spread(
        samples=len(seconds),
        p50=percentile(seconds, 50),
        p99=percentile(seconds, 99),
        max=max(seconds),
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """Find the smallest value that so many percent of all values do not exceed."""
    if not values:
        raise ValueError("there is no percentile of nothing: measure at least once")
    rank = math.ceil(len(values) * percent / 100)
    return sorted(values)[max(rank, 1) - 1]
