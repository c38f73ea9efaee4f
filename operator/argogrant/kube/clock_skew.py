"""Difference between the API server's clock and the local one.

Source: the ``Date`` header of HTTP responses, RFC 9110, section 6.6.1.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import inf


class ClockSkew:
    """Bounds of the difference between two clocks, narrowed by every response.

    ``Date`` has whole seconds, and a response takes a while, so one response gives two
    bounds only::

        server - received  <=  skew  <=  server - sent + 1 s

    If the bounds of a response contradict the earlier ones, one of the clocks was set
    or drifts. From then on only the latest bounds count.
    """

    def __init__(self) -> None:
        self._lowest, self._highest = -inf, inf

    @property
    def seconds(self) -> float:
        """Seconds that the server is ahead at least; negative if it is behind.

        0.0 if both clocks may agree.
        """
        if self._lowest <= 0 <= self._highest:
            return 0.0
        return self._lowest if self._lowest > 0 else self._highest

    def observe(self, date: str, *, sent: datetime, received: datetime) -> None:
        """Narrow the bounds by one response.

        Args:
            date: The ``Date`` header; ignored if it is no date.
            sent: Local time at which the request was sent.
            received: Local time at which the response arrived.
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
