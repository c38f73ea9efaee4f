"""Somebody else who keeps changing our key: put back, then back off, and say who.

Two programs that undo each other make Argo CD rebuild its rules without end. What takes
access away is never put off; what gives it back waits longer each time.
"""

from collections import deque
from typing import Final

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.argocd_state import ObservedConfigMap
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.validation import quote

REMEMBERED_SECONDS: Final = 600.0
CONTESTED_FROM: Final = 3
"""Disturbances within the remembered time; fewer are put back at once."""
FIRST_DELAY: Final = 2.0
LONGEST_DELAY: Final = 60.0


class Contention:
    """What was found changed although it should have stayed as written.

    All instants are seconds of one monotonic clock.
    """

    def __init__(self, what: str = f"{OVERLAY_KEY} of argocd-rbac-cm") -> None:
        self._what = what
        self._expected: str | None = None
        self._is_expected = False
        self._disturbed_at: deque[float] = deque()
        self._manager = ""

    def record_write(self, text: str | None) -> None:
        """Remember what our key should hold until the next write."""
        self._expected, self._is_expected = text, True

    def observe(self, seen: ObservedConfigMap, *, is_wrong: bool, at: float) -> None:
        """Notice a change by somebody else.

        Args:
            seen: The ConfigMap.
            is_wrong: What it holds has to be mended.
            at: Now.
        """
        self.record_overwrite(
            seen.data.get(OVERLAY_KEY), seen.last_manager, is_wrong=is_wrong, at=at
        )

    def record_overwrite(
        self, text: str | None, manager: str, *, is_wrong: bool, at: float
    ) -> None:
        """Notice the same of any text.

        Args:
            text: What is there.
            manager: Who wrote last, as far as that is recorded.
            is_wrong: It has to be mended.
            at: Now.
        """
        while self._disturbed_at and at - self._disturbed_at[0] > REMEMBERED_SECONDS:
            self._disturbed_at.popleft()
        if text == self._expected:
            return
        if not is_wrong:
            self.record_write(text)  # another replica of the operator wrote the same
        elif self._is_expected:
            self._is_expected = False  # counted once, until it was put back
            self._disturbed_at.append(at)
            self._manager = manager

    def finding(self) -> Finding | None:
        """Say who disturbs, if it happens again and again."""
        if len(self._disturbed_at) < CONTESTED_FROM:
            return None
        who = "Somebody"
        if self._manager:
            who += f", by the record {quote(self._manager)},"
        return Finding(
            Reason.CONTESTED,
            f"{who} changed {self._what}"
            f" {len(self._disturbed_at)} times within"
            f" {int(REMEMBERED_SECONDS / 60)} minutes; it is put back more and more"
            " slowly. Make that program leave it alone, as"
            " docs/how-to/contested.md shows.",
        )

    def next_write_at(self) -> float | None:
        """Say when what is missing may be put back; None for at once."""
        times = len(self._disturbed_at) - CONTESTED_FROM
        if times < 0:
            return None
        pause = min(FIRST_DELAY * 2.0**times, LONGEST_DELAY)
        return self._disturbed_at[-1] + pause
