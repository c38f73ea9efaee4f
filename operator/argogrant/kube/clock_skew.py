"""How far the API server's clock is from ours, from its answers' ``Date``."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import inf


class ClockSkew:
    """Narrows the difference of two clocks down, answer by answer.

    ``Date`` has whole seconds, and an answer is under way for a while, so that each one
    only gives two bounds. Where they contradict what was known, a clock was stepped or
    drifts, and only the latest bounds count.
    """

    def __init__(self) -> None:
        self._lowest, self._highest = -inf, inf

    @property
    def seconds(self) -> float:
        """Seconds that the server is ahead of us at least; negative if it is behind.

        0.0 if both clocks may agree.
        """
        if self._lowest <= 0 <= self._highest:
            return 0.0
        return self._lowest if self._lowest > 0 else self._highest

    def observe(self, date: str, *, sent: datetime, received: datetime) -> None:
        """Take in one answer.

        Args:
            date: The header, as HTTP writes it; ignored if it is no date.
            sent: When the question left, by our clock.
            received: When the answer came, by our clock.
        """
        try:
            server = parsedate_to_datetime(date)
        except ValueError:
            return
        if server.tzinfo is None:
            server = server.replace(tzinfo=UTC)
        lowest = (server - received).total_seconds()
        highest = (server - sent).total_seconds() + 1
        self._lowest = max(lowest, self._lowest)
        self._highest = min(highest, self._highest)
        if self._lowest > self._highest:
            self._lowest, self._highest = lowest, highest
