"""Kubernetes Events: what ``kubectl describe`` shows people of a grant's life.

Best effort: they are posted in the background, at a bounded rate, and what is too much
is dropped and counted. The audit stream and the conditions are what counts.

core/v1 rather than events.k8s.io/v1: ``kubectl describe`` lists the former, and the
API server shows each as the other. The name is made from the transition's id, so that
telling something again after a crash adds no second Event, and nothing but ``create``
is needed.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from argogrant.api.crd import GROUP, VERSION
from argogrant.audit.event import AuditRecord
from argogrant.audit.transition_kinds import TransitionKind
from argogrant.grants.model.errors import AccessGrantError
from argogrant.grants.model.reasons import Reason

RATE: Final = 20.0
"""Events a second, over a while."""
BURST: Final = 50
MAX_MESSAGE: Final = 1024
"""Source: Kubernetes, ``Event`` of core/v1; a longer note is refused."""
COMPONENT: Final = "argogrant"

NORMAL: Final = "Normal"
WARNING: Final = "Warning"
_SHOWN: Final = {
    TransitionKind.APPROVED: (NORMAL, "Approved"),
    TransitionKind.AWAITING_APPROVAL: (NORMAL, "AwaitingApproval"),
    TransitionKind.DENIED: (WARNING, "Denied"),
    TransitionKind.REFUSED: (WARNING, ""),
    TransitionKind.BOUND: (NORMAL, "Bound"),
    TransitionKind.CAUTIONED: (WARNING, "RoleCaution"),
    TransitionKind.INEFFECTIVE: (WARNING, ""),
    TransitionKind.UNBOUND: (WARNING, "Unbound"),
    TransitionKind.ENDED: (NORMAL, "Ended"),
    TransitionKind.OVERDUE: (WARNING, "Overdue"),
    TransitionKind.CONTESTED: (WARNING, "Contested"),
    TransitionKind.TOKEN_ROTATED: (NORMAL, "TokenRotated"),
    TransitionKind.TOKEN_AT_RISK: (WARNING, ""),
    TransitionKind.TOKEN_REMOVED: (WARNING, "TokenRemoved"),
}
"""The type and the reason of the Event; an empty reason is the condition's."""

Body = dict[str, Any]
Post = Callable[[str, Body], Awaitable[object]]
"""Creates an Event in a namespace."""

logger = logging.getLogger(__name__)


class TokenBucket:
    """A token bucket: so many at once, and so many a second over a while.

    Args:
        rate: Tokens a second.
        burst: The most that are kept.
        clock: Seconds that only grow.
    """

    def __init__(
        self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._left = float(burst)
        self._at = clock()

    def take(self) -> bool:
        """Take one, if there is one."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class KubernetesEvents:
    """Posts what is told as Events on the object that it happened to.

    Args:
        post: Creates one.
        dropped: Told of every Event that is given up.
        tokens: Limits the rate.
    """

    def __init__(
        self,
        post: Post,
        dropped: Callable[[], object],
        tokens: TokenBucket | None = None,
    ) -> None:
        self._post = post
        self._dropped = dropped
        self._tokens = tokens or TokenBucket(RATE, BURST)
        self._queue: asyncio.Queue[AuditRecord] = asyncio.Queue(BURST)
        self._has_failed = False

    def __call__(self, telling: AuditRecord) -> None:
        """Post an Event soon, unless there are too many."""
        if telling.transition.kind not in _SHOWN:
            return
        if self._queue.full() or not self._tokens.take():
            self._dropped()
            return
        self._queue.put_nowait(telling)

    async def run(self) -> None:
        """Post until cancelled."""
        while True:
            telling = await self._queue.get()
            try:
                await self._post(telling.ref.namespace, event_of(telling))
            except AccessGrantError as error:
                self._failed(error)
            else:
                self._has_failed = False

    def _failed(self, error: AccessGrantError) -> None:
        """Count it, and say so once, not at every Event."""
        self._dropped()
        if not self._has_failed:
            logger.info("Kubernetes Events are not posted at the moment: %s", error)
        self._has_failed = True


def event_of(telling: AuditRecord) -> Body:
    """Write the Event of a telling that is shown."""
    transition, place = telling.transition, telling.ref
    kind, reason = _SHOWN[transition.kind]
    is_approval = transition.kind is TransitionKind.APPROVED
    if is_approval and transition.reason == Reason.BREAK_GLASS:
        kind, reason = WARNING, "BreakGlass"
    at = f"{telling.event.time[:19]}Z"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{place.name[:200].rstrip('.-')}.{telling.event.id[:16]}",
            "namespace": place.namespace,
        },
        "type": kind,
        "reason": reason or transition.reason,
        "message": _shortened(transition.message),
        "involvedObject": {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": place.kind,
            "namespace": place.namespace,
            "name": place.name,
            "uid": place.uid,
        },
        "source": {"component": COMPONENT},
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }


def shown_as(kind: TransitionKind) -> str:
    """Say for the documentation how a transition is shown; nothing if it is not."""
    if kind not in _SHOWN:
        return ""
    severity, reason = _SHOWN[kind]
    name = f"`{reason}`" if reason else "the condition's reason"
    also = "; `BreakGlass` as a Warning" if kind is TransitionKind.APPROVED else ""
    return f"{name}, {severity}{also}"


def _shortened(message: str) -> str:
    if len(message) <= MAX_MESSAGE:
        return message
    return f"{message[: MAX_MESSAGE - 1]}…"
