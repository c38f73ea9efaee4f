"""Detection of another program that overwrites what argogrant has written.

Two programs that overwrite each other make Argo CD reload its policy without end. The
first overwrites are corrected at once. From the third within ten minutes, writes that
add access are delayed, twice as long each time, and the condition ``Contested`` names
the field manager of the other program. Writes that remove access are never delayed.

    time      0 s       overwritten  ─> written again at once
              ...       overwritten  ─> written again at once
              third     overwritten  ─> written again after 2 s, then 4 s, ... 60 s
"""

from collections import deque
from typing import Final

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.argocd_state import ObservedConfigMap
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.validation import quote

PERIOD_SECONDS: Final = 600.0
CONTESTED_FROM: Final = 3
"""Overwrites within the period; fewer are corrected at once."""
FIRST_DELAY: Final = 2.0
LONGEST_DELAY: Final = 60.0


class Contention:
    """Overwrites of one text, all times in seconds of one monotonic clock.

    Args:
        what: The text in messages.
    """

    def __init__(self, what: str = f"{OVERLAY_KEY} of argocd-rbac-cm") -> None:
        self._what = what
        self._expected: str | None = None
        self._is_expected = False
        self._overwritten_at: deque[float] = deque()
        self._manager = ""

    def record_write(self, text: str | None) -> None:
        """Record the text that stays until the next own write."""
        self._expected, self._is_expected = text, True

    def observe(self, seen: ObservedConfigMap, *, is_wrong: bool, at: float) -> None:
        """Record an overwrite of the managed key, if there was one.

        Args:
            seen: The observed ConfigMap.
            is_wrong: Whether its managed key has to be corrected.
            at: Current time.
        """
        self.record_overwrite(
            seen.data.get(OVERLAY_KEY), seen.last_manager, is_wrong=is_wrong, at=at
        )

    def record_overwrite(
        self, text: str | None, manager: str, *, is_wrong: bool, at: float
    ) -> None:
        """Record an overwrite of any text, if there was one.

        Args:
            text: The observed text.
            manager: The field manager that wrote last; may be empty.
            is_wrong: Whether the text has to be corrected.
            at: Current time.
        """
        while self._overwritten_at and at - self._overwritten_at[0] > PERIOD_SECONDS:
            self._overwritten_at.popleft()
        if text == self._expected:
            return
        if not is_wrong:
            # Another replica of the operator has written the same plan.
            self.record_write(text)
        elif self._is_expected:
            # Counted once, until it is corrected.
            self._is_expected = False
            self._overwritten_at.append(at)
            self._manager = manager

    def finding(self) -> Finding | None:
        """Return the finding about the other program, if it overwrites repeatedly."""
        if len(self._overwritten_at) < CONTESTED_FROM:
            return None
        program = "Another program"
        if self._manager:
            program += f" (field manager {quote(self._manager)})"
        return Finding(
            Reason.CONTESTED,
            f"{program} changed {self._what}"
            f" {len(self._overwritten_at)} times within"
            f" {int(PERIOD_SECONDS / 60)} minutes. The operator writes it again, with a"
            " longer delay each time. Stop that program from managing it, as"
            " docs/how-to/contested.md shows.",
        )

    def next_write_at(self) -> float | None:
        """Return when access may be added again; None for now."""
        times = len(self._overwritten_at) - CONTESTED_FROM
        if times < 0:
            return None
        delay = min(FIRST_DELAY * 2.0**times, LONGEST_DELAY)
        return self._overwritten_at[-1] + delay
