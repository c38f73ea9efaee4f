"""Which faults there are, which one is on, and how many were injected."""

import random
import threading
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What can happen to a request on its way to the API server."""

    CONFLICT = "409"
    TOO_MANY = "429"
    ERROR = "500"
    UNAVAILABLE = "503"
    HOLD = "hold"  # no answer, until the client gives up
    BROKEN = "broken-answer"  # the connection ends in the middle of the answer
    LOST = "lost-answer"  # the write is done, and its answer never comes
    CUT_OFF = "cut-off"  # nobody listens, and what was open is reset
    SILENT = "silent-watches"  # watches stay open, and nothing comes any more
    SLOW = "slow"


STATUS_FAULTS = frozenset(
    {Fault.CONFLICT, Fault.TOO_MANY, Fault.ERROR, Fault.UNAVAILABLE}
)
PASSABLE = frozenset({Fault.SILENT, Fault.SLOW})
"""Faults during which the operator can still write, and has to."""
_OF_WRITES = frozenset({Fault.CONFLICT, Fault.LOST})
_OF_REQUESTS = frozenset(Fault) - {Fault.CUT_OFF, Fault.SILENT}


@dataclass(frozen=True, slots=True)
class Weather:
    """The fault that is on, and the share of requests that it strikes."""

    fault: Fault
    share: float


class Faults:
    """One switch for all faults, safe to use from several threads."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._chance = random.Random(seed)
        self._weather: Weather | None = None
        self.counts: Counter[Fault] = Counter()

    def begin(self, fault: Fault, share: float = 1.0) -> None:
        """Let a fault strike that share of the requests from now on."""
        with self._lock:
            self._weather = Weather(fault, share)

    def calm(self) -> None:
        """Let no fault strike any more."""
        with self._lock:
            self._weather = None

    def is_on(self, fault: Fault) -> bool:
        with self._lock:
            return self._weather is not None and self._weather.fault is fault

    def strike(self, method: str) -> Fault | None:
        """Say what happens to a request, and count it."""
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
        """Count a fault that does not strike a single request."""
        with self._lock:
            self.counts[fault] += 1

    def between(self, low: float, high: float) -> float:
        """Draw a number."""
        with self._lock:
            return self._chance.uniform(low, high)
