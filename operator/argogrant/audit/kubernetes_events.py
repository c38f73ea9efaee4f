"""Kubernetes Events of audit events, for ``kubectl describe``.

Best effort: Events are posted in the background at a limited rate; excess Events are
dropped and counted. The audit stream and the conditions are the record.

The API is core/v1 and not events.k8s.io/v1: ``kubectl describe`` lists the former, and
the API server converts each to the other. The id of the audit event is part of the
name, so an audit event that is emitted again after a crash creates no second Event, and
the operator needs no permission but ``create``.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from argogrant.api.crd import GROUP, VERSION
from argogrant.audit.event import AuditRecord
from argogrant.audit.transitions import EventType
from argogrant.grants.model.errors import AccessGrantError
from argogrant.grants.model.reasons import Reason

RATE: Final = 20.0
"""Events per second, on average."""
BURST: Final = 50
MAX_MESSAGE: Final = 1024
"""Characters; the API server rejects a longer message.

Source: Kubernetes, ``Event`` of core/v1.
"""
COMPONENT: Final = "argogrant"

NORMAL: Final = "Normal"
WARNING: Final = "Warning"
_EVENTS: Final = {
    EventType.APPROVED: (NORMAL, "Approved"),
    EventType.AWAITING_APPROVAL: (NORMAL, "AwaitingApproval"),
    EventType.DENIED: (WARNING, "Denied"),
    EventType.REFUSED: (WARNING, ""),
    EventType.BOUND: (NORMAL, "Bound"),
    EventType.CAUTIONED: (WARNING, "RoleCaution"),
    EventType.INEFFECTIVE: (WARNING, ""),
    EventType.UNBOUND: (WARNING, "Unbound"),
    EventType.ENDED: (NORMAL, "Ended"),
    EventType.OVERDUE: (WARNING, "Overdue"),
    EventType.CONTESTED: (WARNING, "Contested"),
    EventType.TOKEN_ROTATED: (NORMAL, "TokenRotated"),
    EventType.TOKEN_AT_RISK: (WARNING, ""),
    EventType.TOKEN_REMOVED: (WARNING, "TokenRemoved"),
}
"""Type and reason of the Kubernetes Event; "" stands for the condition's reason."""

Body = dict[str, Any]
Post = Callable[[str, Body], Awaitable[object]]
"""Creates an Event in a namespace."""

logger = logging.getLogger(__name__)


class TokenBucket:
    """Token bucket, which limits the average rate and the burst.

    Args:
        rate: Tokens per second.
        burst: Size of the bucket.
        clock: Monotonic clock, in seconds.
    """

    def __init__(
        self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock()

    def take(self) -> bool:
        """Remove a token and return True, or return False if there is none."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class KubernetesEvents:
    """Posts audit events as Kubernetes Events of the object that changed.

    Args:
        post: Creates an Event.
        dropped: Called for every Event that is dropped.
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

    def __call__(self, record: AuditRecord) -> None:
        """Queue an Event, or drop it if there are too many."""
        if record.transition.type not in _EVENTS:
            return
        if self._queue.full() or not self._tokens.take():
            self._dropped()
            return
        self._queue.put_nowait(record)

    async def run(self) -> None:
        """Post Events until cancelled."""
        while True:
            record = await self._queue.get()
            try:
                await self._post(record.ref.namespace, build_event(record))
            except AccessGrantError as error:
                self._record_failure(error)
            else:
                self._has_failed = False

    def _record_failure(self, error: AccessGrantError) -> None:
        """Count a failure, and log the first of several."""
        self._dropped()
        if not self._has_failed:
            logger.info("Kubernetes Events cannot be created at the moment: %s", error)
        self._has_failed = True


def build_event(record: AuditRecord) -> Body:
    """Build the Kubernetes Event of an audit event."""
    transition, ref = record.transition, record.ref
    severity, reason = _EVENTS[transition.type]
    is_approval = transition.type is EventType.APPROVED
    if is_approval and transition.reason == Reason.BREAK_GLASS:
        severity, reason = WARNING, "BreakGlass"
    at = f"{record.event.time[:19]}Z"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{ref.name[:200].rstrip('.-')}.{record.event.id[:16]}",
            "namespace": ref.namespace,
        },
        "type": severity,
        "reason": reason or transition.reason,
        "message": _truncate(transition.message),
        "involvedObject": {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": ref.kind,
            "namespace": ref.namespace,
            "name": ref.name,
            "uid": ref.uid,
        },
        "source": {"component": COMPONENT},
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }


def describe_event(event_type: EventType) -> str:
    """Describe the Kubernetes Event for the reference; "" if there is none."""
    if event_type not in _EVENTS:
        return ""
    severity, reason = _EVENTS[event_type]
    name = f"`{reason}`" if reason else "the condition's reason"
    is_approval = event_type is EventType.APPROVED
    return f"{name}, {severity}{'; `BreakGlass` as a Warning' if is_approval else ''}"


def _truncate(message: str) -> str:
    if len(message) <= MAX_MESSAGE:
        return message
    return f"{message[: MAX_MESSAGE - 1]}…"
