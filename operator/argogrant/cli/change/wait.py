"""Waiting until a grant or an approval has become what a person wished.

Whether what somebody waits for has come, may come, or never will. Pure.
"""

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from argogrant.api.accessgrant_view import StoredStatus, read_stored_status
from argogrant.cli.errors import CommandError
from argogrant.cli.terminal.progress import LiveLine
from argogrant.cli.terminal.tables import sanitize
from argogrant.cli.terminal.times import short
from argogrant.grants.model.reason_table import REFUSED_REASONS
from argogrant.grants.model.reasons import ApprovalCondition, GrantCondition, Reason
from argogrant.grants.model.stored_condition import StoredCondition
from argogrant.grants.model.validation import with_full_stop
from argogrant.kube.client import Cluster
from argogrant.kube.errors import Forbidden
from argogrant.kube.informer import Informer, stop
from argogrant.kube.resources import Collection

OVER: Final = frozenset(
    {
        Reason.EXPIRED,
        Reason.REVOKED,
        Reason.DENIED,
        Reason.APPROVAL_TIMED_OUT,
        Reason.DELETED,
    }
)
NOT_OBSERVED: Final = "the operator has not looked at it yet; is it running?"


@dataclass(frozen=True, slots=True)
class WaitStatus:
    """What is to be expected."""

    text: str
    """What is said about it now; it may hold whatever others wrote."""
    has_come: bool | None
    """False: it never will; None: it may."""


NOT_YET: Final = WaitStatus(NOT_OBSERVED, has_come=None)

WaitCondition = Callable[[StoredStatus | None], WaitStatus]
"""Looks at an object, or at its absence, with one wish in mind."""


def wait_for_ready(uid: str) -> WaitCondition:
    """Wish that Argo CD holds the binding of the grant with this uid."""

    def look(grant: StoredStatus | None) -> WaitStatus:
        if grant is None or grant.uid != uid:
            return WaitStatus("it was deleted", has_come=False)
        if grant.condition_is_true(GrantCondition.ENDED):
            ended = grant.conditions[GrantCondition.ENDED]
            return WaitStatus(_said(ended), has_come=False)
        ready = _current(grant, GrantCondition.READY)
        if ready is None:
            return NOT_YET
        if ready.status:
            return WaitStatus(_said(ready), has_come=True)
        if ready.reason in REFUSED_REASONS | OVER:
            return WaitStatus(_said(ready), has_come=False)
        hint = ""
        if ready.reason == Reason.AWAITING_APPROVAL:
            hint = f" They type: argogrant approve {grant.name}"
        return WaitStatus(_said(ready) + hint, has_come=None)

    return look


def wait_for_ended(uid: str) -> WaitCondition:
    """Wish that Argo CD holds nothing of the grant with this uid any more."""

    def look(grant: StoredStatus | None) -> WaitStatus:
        if grant is None or grant.uid != uid:
            return WaitStatus("it was deleted", has_come=True)
        if grant.condition_is_true(GrantCondition.ENDED):
            ended = grant.conditions[GrantCondition.ENDED]
            return WaitStatus(_said(ended), has_come=True)
        ready = _current(grant, GrantCondition.READY)
        if ready is None:
            return NOT_YET
        return WaitStatus(_said(ready), has_come=None)

    return look


def wait_for_counted(uid: str) -> WaitCondition:
    """Wish that the approval with this uid counts."""

    def look(approval: StoredStatus | None) -> WaitStatus:
        if approval is None or approval.uid != uid:
            return WaitStatus("it was deleted", has_come=False)
        counted = _current(approval, ApprovalCondition.COUNTED)
        if counted is None:
            return NOT_YET
        return WaitStatus(_said(counted), has_come=counted.status)

    return look


def _current(one: StoredStatus, condition: str) -> StoredCondition | None:
    """Find a condition that is about the object as it is now."""
    return one.conditions.get(condition) if one.is_current else None


def _said(condition: StoredCondition) -> str:
    return condition.message or condition.reason


async def wait_for(
    cluster: Cluster, one: Collection, question: WaitCondition, patience: timedelta
) -> WaitStatus:
    """Wait until something has come, and say meanwhile what is missing.

    A watch that breaks is opened again; while the API server does not answer, that is
    said.

    Args:
        cluster: Where the object is.
        one: The collection, with the name of the object.
        question: What is wished of it.
        patience: How long to wait.

    Raises:
        CommandFailed: It never will come, or it has not come in time.
        Forbidden: The object may not be watched.
    """
    news = asyncio.Event()
    reflector = Informer(
        cluster, one, read=read_stored_status, on_change=lambda *_: news.set()
    )
    task = asyncio.create_task(reflector.run())
    last = NOT_YET
    try:
        with closing(LiveLine()) as line:
            async with asyncio.timeout(patience.total_seconds()):
                await reflector.attempted.wait()
                while last.has_come is None:
                    news.clear()
                    last = _observe(reflector, question)
                    if last.has_come is None:
                        line.say(f"waiting: {last.text}")
                        await news.wait()
    except TimeoutError:
        raise CommandError(
            f"after {short(patience)} still waiting:"
            f" {with_full_stop(sanitize(last.text))}"
            " It goes on without this command."
        ) from None
    finally:
        await stop(task)
    if not last.has_come:
        raise CommandError(with_full_stop(sanitize(last.text)))
    return last


def _observe(reflector: Informer[StoredStatus], question: WaitCondition) -> WaitStatus:
    if isinstance(reflector.error, Forbidden):
        raise reflector.error
    if reflector.error is not None:
        return WaitStatus(f"{reflector.error}; it is asked again", has_come=None)
    return question(reflector.objects.get(reflector.collection.name))
