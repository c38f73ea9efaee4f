"""Unforeseen exceptions: contained where they occur, logged, counted, and reported.

A ClusterError is foreseen, and every caller handles it. Any other exception is a defect
of the operator, usually in code that handles text of other people. It must end neither
the process nor the work for others, so loops and tasks contain it here.

The log has one line for each, with the places in the code (``exception_text``).
Conditions contain its type only.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from argogrant.grants.model.exception_text import describe_exception
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.kube.errors import Backoff, ClusterError

MAX_LOGGED: Final = 10
"""Lines between two ``begin``; ten thousand grants may fail in the same way."""
STABLE_SECONDS: Final = 60.0
"""A task that has run for so long begins with the shortest backoff again."""
REMEDY: Final = (
    "Ends, revocations and deletions of all other grants are still carried out. Report"
    " this with the operator's log."
)

Work = Callable[[], Awaitable[None]]

logger = logging.getLogger(__name__)


class Faults:
    """Unforeseen exceptions in the work for one instance, or for one namespace.

    Args:
        qualified_name: Namespace and name of the instance, for the log.
        on_fault: Counts one exception in the metrics.
    """

    def __init__(
        self, qualified_name: str = "", on_fault: Callable[[], None] = lambda: None
    ) -> None:
        self.count = 0
        """Number of exceptions so far."""
        self._qualified_name = qualified_name
        self._on_fault = on_fault
        self._found: dict[str, str] = {}
        """Type of the exception by what failed, since ``begin``; the first ones."""
        self._more = 0

    def begin(self) -> None:
        """Forget what failed in the last reconciliation."""
        self._found.clear()
        self._more = 0

    @property
    def finding(self) -> Finding | None:
        """The first failures since ``begin``, for the condition Ready."""
        if not self._found:
            return None
        what, kind = next(iter(self._found.items()))
        others = len(self._found) - 1 + self._more
        more = f", and {others} more" if others else ""
        return Finding(
            Reason.INTERNAL_ERROR,
            f"The operator failed unexpectedly at {what} ({kind}){more}. {REMEDY}",
        )

    def record(self, what: str, error: BaseException) -> Finding:
        """Log and count an exception.

        Args:
            what: The work that failed, as ``AppProject "team-a"``; names are quoted.
            error: The exception.

        Returns:
            A finding for the object that the work was for: its state is unknown.
        """
        kind = type(error).__name__
        self.count += 1
        self._on_fault()
        if len(self._found) < MAX_LOGGED:
            self._found.setdefault(what, kind)
            log_failure(f"{self._qualified_name}: {what}", error)
        else:
            self._more += 1
        return Finding(
            Reason.INTERNAL_ERROR,
            f"The operator failed unexpectedly at {what} ({kind}). An existing binding"
            " stays until the end of the grant, and none is added. Report this with the"
            " operator's log.",
            is_unknown=True,
        )

    @contextmanager
    def contain(self, what: str) -> Iterator[None]:
        """Record an exception of the block and go on after it.

        Raises:
            ClusterError: It is foreseen, and handled by the caller.
        """
        try:
            yield
        except ClusterError:
            raise
        except Exception as error:  # noqa: BLE001 - the purpose of this module
            self.record(what, error)

    async def keep_running(self, what: str, work: Work) -> None:
        """Run a background task, and start it again after every exception."""
        backoff, loop = Backoff(), asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                return await work()
            except Exception as error:  # noqa: BLE001 - the purpose of this module
                self.record(what, error)
            if loop.time() - began > STABLE_SECONDS:
                backoff.reset()
            await backoff.wait()


def log_failure(what: str, error: BaseException) -> None:
    """Log an unforeseen exception, and where it was raised, in one line of ASCII."""
    logger.error("%s: unexpected failure: %s", what, describe_exception(error))
