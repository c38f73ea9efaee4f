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
from argogrant.audit.event import AuditEvent, EventType, GrantData
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
    EventType.MEMBER_RETURNED: (WARNING, ""),
    EventType.MEMBER_ACKNOWLEDGED: (NORMAL, "MemberAcknowledged"),
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
    """Posts audit events as Kubernetes Events of the object that changed."""

    def __init__(self, post: Post, dropped: Callable[[], object]) -> None:
        self._post = post
        self._dropped = dropped
        self._tokens = TokenBucket(RATE, BURST)
        self._queue: asyncio.Queue[AuditEvent] = asyncio.Queue(BURST)
        self._has_failed = False

    def __call__(self, event: AuditEvent) -> None:
        """Queue an Event, or drop it if there are too many."""
        if event.event_type not in _EVENTS:
            return
        if self._queue.full() or not self._tokens.take():
            self._dropped()
            return
        self._queue.put_nowait(event)

    async def run(self) -> None:
        """Post Events until cancelled."""
        while True:
            event = await self._queue.get()
            try:
                await self._post(event.data.namespace, build_event(event))
            except AccessGrantError as error:
                self._dropped()
                if not self._has_failed:  # Log the first of several failures.
                    message = "Kubernetes Events cannot be created at the moment: %s"
                    logger.info(message, error)
                self._has_failed = True
            else:
                self._has_failed = False


def build_event(event: AuditEvent) -> Body:
    """Build the Kubernetes Event of an audit event."""
    data, event_type = event.data, event.event_type
    severity, reason = _EVENTS[event_type]
    if event_type is EventType.APPROVED and data.reason == Reason.BREAK_GLASS:
        severity, reason = WARNING, "BreakGlass"
    at, message = f"{event.time[:19]}Z", data.message or ""
    if len(message) > MAX_MESSAGE:
        message = f"{message[: MAX_MESSAGE - 1]}…"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{data.name[:200].rstrip('.-')}.{event.id[:16]}",
            "namespace": data.namespace,
        },
        "type": severity,
        "reason": reason or data.reason or "",
        "message": message,
        "involvedObject": {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "AccessGrant" if isinstance(data, GrantData) else "ArgoCDInstance",
            "namespace": data.namespace,
            "name": data.name,
            "uid": data.uid,
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
