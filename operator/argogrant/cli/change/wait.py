"""``--wait``: watches a grant or an approval until a condition is met."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import typer

from argogrant.api.accessgrant_view import StoredStatus, read_stored_status
from argogrant.cli.errors import CommandError
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

ENDED_REASONS: Final = frozenset(
    {
        Reason.EXPIRED,
        Reason.REVOKED,
        Reason.DENIED,
        Reason.APPROVAL_TIMED_OUT,
        Reason.DELETED,
    }
)
DELETED: Final = "the object was deleted"
NOT_OBSERVED: Final = (
    "the operator has not processed the object yet. Is the operator running?"
)


@dataclass(frozen=True, slots=True)
class WaitStatus:
    """Progress towards a condition."""

    text: str
    """The current message of the object; unsanitized."""
    is_met: bool | None
    """False if the condition cannot be met any more; None to continue waiting."""


NOT_YET: Final = WaitStatus(NOT_OBSERVED, is_met=None)

WaitCondition = Callable[[StoredStatus | None], WaitStatus]
"""Evaluates an object; None if the object was deleted."""


def is_ready(grant: StoredStatus | None) -> WaitStatus:
    """Return whether Argo CD has the binding of a grant."""
    if grant is None:
        return WaitStatus(DELETED, is_met=False)
    if grant.condition_is_true(GrantCondition.ENDED):
        return _status(grant.conditions[GrantCondition.ENDED], is_met=False)
    ready = _current(grant, GrantCondition.READY)
    if ready is None:
        return NOT_YET
    if ready.status or ready.reason in REFUSED_REASONS | ENDED_REASONS:
        return _status(ready, is_met=ready.status is True)
    hint = ""
    if ready.reason == Reason.AWAITING_APPROVAL:
        hint = f" To approve, an approver runs: argogrant approve {grant.name}"
    return WaitStatus(_message(ready) + hint, is_met=None)


def has_ended(grant: StoredStatus | None) -> WaitStatus:
    """Return whether Argo CD has no binding of a grant any more."""
    if grant is None:
        return WaitStatus(DELETED, is_met=True)
    if grant.condition_is_true(GrantCondition.ENDED):
        return _status(grant.conditions[GrantCondition.ENDED], is_met=True)
    ready = _current(grant, GrantCondition.READY)
    return NOT_YET if ready is None else _status(ready, is_met=None)


def is_counted(approval: StoredStatus | None) -> WaitStatus:
    """Return whether an approval counts."""
    if approval is None:
        return WaitStatus(DELETED, is_met=False)
    counted = _current(approval, ApprovalCondition.COUNTED)
    return NOT_YET if counted is None else _status(counted, is_met=counted.status)


def _current(stored: StoredStatus, condition: str) -> StoredCondition | None:
    """Return a condition; None if it is not about the current generation."""
    return stored.conditions.get(condition) if stored.is_current else None


def _status(condition: StoredCondition, *, is_met: bool | None) -> WaitStatus:
    return WaitStatus(_message(condition), is_met=is_met)


def _message(condition: StoredCondition) -> str:
    return condition.message or condition.reason


async def wait_for(
    cluster: Cluster,
    collection: Collection,
    uid: str,
    condition: WaitCondition,
    limit: timedelta,
) -> WaitStatus:
    """Wait until an object meets a condition; print each change of its message.

    A watch that breaks is opened again. While the API server does not answer, its error
    is printed instead. Messages go to stderr, because stdout is for the result.

    Args:
        cluster: The API server.
        collection: The collection, with the name of the object.
        uid: Object of the same name with another uid counts as deleted.
        condition: The condition to wait for.
        limit: Maximum time to wait.

    Raises:
        CommandError: The condition cannot be met any more, or was not met in time.
        Forbidden: The caller does not have permission to watch the object.
    """
    changed = asyncio.Event()
    informer = Informer(
        cluster, collection, read=read_stored_status, on_change=lambda *_: changed.set()
    )
    task = asyncio.create_task(informer.run())
    status, printed = NOT_YET, ""
    try:
        async with asyncio.timeout(limit.total_seconds()):
            await informer.attempted.wait()
            while status.is_met is None:
                changed.clear()
                status = _observe(informer, uid, condition)
                if status.is_met is None:
                    if status.text != printed:
                        typer.echo(f"waiting: {sanitize(status.text)}", err=True)
                        printed = status.text
                    await changed.wait()
    except TimeoutError:
        raise CommandError(
            f"timed out after {short(limit)}: {with_full_stop(sanitize(status.text))}"
            " The operator continues without this command."
        ) from None
    finally:
        await stop(task)
    if not status.is_met:
        raise CommandError(with_full_stop(sanitize(status.text)))
    return status


def _observe(
    informer: Informer[StoredStatus], uid: str, condition: WaitCondition
) -> WaitStatus:
    if isinstance(informer.error, Forbidden):
        raise informer.error
    if informer.error is not None:
        return WaitStatus(f"{informer.error}; retrying", is_met=None)
    stored = informer.objects.get(informer.collection.name)
    return condition(stored if stored is not None and stored.uid == uid else None)
