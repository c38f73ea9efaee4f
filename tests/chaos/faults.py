"""Faults: their kinds, the active one, and counts of injected ones."""

import random
import threading
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Faults of a request to the API server."""

    CONFLICT = "409"
    TOO_MANY = "429"
    ERROR = "500"
    UNAVAILABLE = "503"
    HOLD = "hold"  # no answer until the client times out
    BROKEN = "broken-answer"  # the connection ends in the middle of the answer
    LOST = "lost-answer"  # the write is done, and its answer is lost
    CUT_OFF = "cut-off"  # the port is closed, and connections are reset
    SILENT = "silent-watches"  # watches stay open without events
    SLOW = "slow"


STATUS_FAULTS = frozenset(
    {Fault.CONFLICT, Fault.TOO_MANY, Fault.ERROR, Fault.UNAVAILABLE}
)
PASSABLE = frozenset({Fault.SILENT, Fault.SLOW})
"""Faults during which the operator can write, and must."""
_OF_WRITES = frozenset({Fault.CONFLICT, Fault.LOST})
_OF_REQUESTS = frozenset(Fault) - {Fault.CUT_OFF, Fault.SILENT}


@dataclass(frozen=True, slots=True)
class Weather:
    """Active fault, and the share of requests that it affects."""

    fault: Fault
    share: float


class Faults:
    """Thread-safe switch for all faults."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._chance = random.Random(seed)
        self._weather: Weather | None = None
        self.counts: Counter[Fault] = Counter()

    def begin(self, fault: Fault, share: float = 1.0) -> None:
        """Activate a fault for a share of the requests."""
        with self._lock:
            self._weather = Weather(fault, share)

    def calm(self) -> None:
        """Deactivate all faults."""
        with self._lock:
            self._weather = None

    def is_on(self, fault: Fault) -> bool:
        with self._lock:
            return self._weather is not None and self._weather.fault is fault

    def strike(self, method: str) -> Fault | None:
        """Return the fault of a request, and count it."""
        with self._lock:
            if self._weather is None or self._weather.fault not in _OF_REQUESTS:
                return None
            fault = self._weather.fault
            if fault in _OF_WRITES and method == "GET":
                return None
            if self._chance.random() >= self._weather.share:
                return None
            self.counts[fault] += 1
            return fault

    def count(self, fault: Fault) -> None:
        """Count a fault that affects no single request."""
        with self._lock:
            self.counts[fault] += 1

    def between(self, low: float, high: float) -> float:
        """Return a random number."""
        with self._lock:
            return self._chance.uniform(low, high)
