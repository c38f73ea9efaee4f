"""Wait until the operator reports something about an object."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple

import click

from argogrant.api.accessgrant_view import StoredStatus, read_stored_status
from argogrant.cli.errors import CommandError
from argogrant.cli.parsed_objects import instance_conditions
from argogrant.cli.session import Session
from argogrant.cli.terminal.tables import message_columns, sanitize, wrap
from argogrant.cli.terminal.times import short
from argogrant.grants.model.reasons import (
    REFUSED_REASONS,
    ApprovalCondition,
    GrantCondition,
    InstanceCondition,
    Reason,
)
from argogrant.grants.model.stored_condition import StoredCondition
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import ClusterError, Forbidden
from argogrant.kube.informer import Informer, stop
from argogrant.kube.resources import Collection, Resource

ENDED_REASONS: Final = frozenset(
    {
        Reason.EXPIRED,
        Reason.REVOKED,
        Reason.DENIED,
        Reason.APPROVAL_TIMED_OUT,
        Reason.DELETED,
    }
)
USUAL_DELAY: Final = timedelta(seconds=2)
"""Time in which a running operator reports about a new object."""
_INDENT: Final = len("waiting: ")
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
    command: str = ""
    """Command at the end of the text; empty if there is none."""


NOT_YET: Final = WaitStatus(NOT_OBSERVED, is_met=None)
WaitCondition = Callable[[StoredStatus | None], WaitStatus]
"""Evaluates an object; None if the object was deleted."""


async def _not_observed() -> str:
    return NOT_OBSERVED


class WatchedObject(NamedTuple):
    """The object that a command waits for."""

    collection: Collection
    uid: str
    explain: Callable[[], Awaitable[str]] = _not_observed
    """Returns why the operator has not processed it."""


def is_ready(grant: StoredStatus | None) -> WaitStatus:
    """Return whether Argo CD has the binding of a grant."""
    if grant is None:
        return WaitStatus(DELETED, is_met=False)
    if grant.condition_is_true(GrantCondition.ENDED):
        return _status(grant.conditions[GrantCondition.ENDED], is_met=False)
    ready = current_condition(grant, GrantCondition.READY)
    if ready is None:
        return NOT_YET
    if ready.status or ready.reason in REFUSED_REASONS | ENDED_REASONS:
        return _status(ready, is_met=ready.status is True)
    command = ""
    if ready.reason == Reason.AWAITING_APPROVAL:
        command = f"argogrant approve {grant.name}"
    return _status(ready, command, is_met=None)


def has_ended(grant: StoredStatus | None) -> WaitStatus:
    """Return whether a grant has ended, and the operator has confirmed it."""
    if grant is None:
        return WaitStatus(DELETED, is_met=True)
    if grant.condition_is_true(GrantCondition.ENDED):
        return _status(grant.conditions[GrantCondition.ENDED], is_met=True)
    ready = current_condition(grant, GrantCondition.READY)
    return NOT_YET if ready is None else _status(ready, is_met=None)


def is_counted(approval: StoredStatus | None) -> WaitStatus:
    """Return whether an approval counts."""
    if approval is None:
        return WaitStatus(DELETED, is_met=False)
    counted = current_condition(approval, ApprovalCondition.COUNTED)
    return NOT_YET if counted is None else _status(counted, is_met=counted.status)


def current_condition(stored: StoredStatus, condition: str) -> StoredCondition | None:
    """Return a condition; None if it is not about the current generation."""
    return stored.conditions.get(condition) if stored.is_current else None


def _status(
    condition: StoredCondition, command: str = "", *, is_met: bool | None
) -> WaitStatus:
    text = condition.message or condition.reason
    if command:
        text = f"{text} To approve, an approver runs: {command}"
    return WaitStatus(text, is_met, command)


async def wait_until(
    api: Session, watched: WatchedObject, condition: WaitCondition, limit: timedelta
) -> str:
    """Wait until an object meets a condition; return its message for a terminal.

    Raises:
        CommandError: The condition cannot be met any more, or was not met in time.
    """
    status = await wait_for(api.cluster, watched, condition, limit)
    return with_full_stop(sanitize(status.text))


def watched_object(
    api: Session, resource: Resource, body: Body, instance: str
) -> WatchedObject:
    """Return what to watch to follow an object that is about an ArgoCDInstance."""
    metadata = body["metadata"]
    return WatchedObject(
        Collection(resource, api.namespace, metadata["name"]),
        metadata["uid"],
        partial(why_unprocessed, api, instance),
    )


async def why_unprocessed(api: Session, instance: str) -> str:
    """Return why the operator has not processed an object, as far as can be read."""
    doctor = f"To check the installation, run: argogrant doctor -n {api.namespace}"
    try:
        conditions = await instance_conditions(api, instance)
    except CommandError as error:
        return f"the operator has not processed the object: {error}"
    except ClusterError:
        return f"{NOT_OBSERVED} {doctor}"
    if InstanceCondition.READY not in conditions:
        return (
            f"no operator has reported about ArgoCDInstance {quote(instance)} in"
            f" namespace {quote(api.namespace)}. Is the operator running, and does it"
            f" serve this namespace? {doctor}"
        )
    return f"{NOT_OBSERVED} {doctor}"


async def wait_for(
    cluster: Cluster, watched: WatchedObject, condition: WaitCondition, limit: timedelta
) -> WaitStatus:
    """Wait until an object meets a condition; print each change of its message.

    On a terminal, a message is wrapped between words, and a command in it is not.
    A watch that breaks is opened again. While the API server does not answer, its error
    is printed instead. Messages go to stderr, because stdout is for the result. An
    object of the same name with another uid counts as deleted. If the operator has not
    processed the object in the usual time, the explanation is printed once.

    Raises:
        CommandError: The condition cannot be met any more, or was not met in time.
        Forbidden: The caller does not have permission to watch the object.
    """
    printed = ""

    def report(status: WaitStatus) -> None:
        nonlocal printed
        if status.text != printed:
            text = f"waiting: {sanitize(status.text)}"
            whole = sanitize(status.command) if status.command else ""
            click.echo(wrap(text, message_columns(), _INDENT, whole=whole), err=True)
            printed = status.text

    status = await watch_status(cluster, watched, condition, limit, report)
    if status.is_met:
        return status
    text = with_full_stop(sanitize(status.text))
    if status.is_met is None:
        text = (
            f"timed out after {short(limit)}: {text} The operator continues without"
            " this command."
        )
    raise CommandError(text)


async def watch_status(
    cluster: Cluster,
    watched: WatchedObject,
    condition: WaitCondition,
    limit: timedelta,
    report: Callable[[WaitStatus], None] = lambda _: None,
) -> WaitStatus:
    """Return the progress towards a condition when it is certain, or at the limit.

    Raises:
        Forbidden: The caller does not have permission to watch the object.
    """
    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    informer = Informer(
        cluster,
        watched.collection,
        read=read_stored_status,
        on_change=lambda *_: changed.set(),
    )
    task = asyncio.create_task(informer.run())
    status, silent_until = NOT_YET, loop.time() + USUAL_DELAY.total_seconds()
    explanation = ""
    try:
        async with asyncio.timeout(limit.total_seconds()):
            await informer.attempted.wait()
            while True:
                changed.clear()
                status = _observe(informer, watched.uid, condition)
                if status.is_met is not None:
                    return status
                silence: float | None = None
                if status is NOT_YET:
                    silence = silent_until - loop.time()
                    if silence <= 0:
                        explanation = explanation or await watched.explain()
                        status, silence = WaitStatus(explanation, is_met=None), None
                if silence is None:
                    report(status)
                await _wait(changed, silence)
    except TimeoutError:
        return status
    finally:
        await stop(task)


async def _wait(changed: asyncio.Event, seconds: float | None) -> None:
    """Wait for a change; None for no limit."""
    waiting = asyncio.create_task(changed.wait())
    try:
        await asyncio.wait([waiting], timeout=seconds)
    finally:
        waiting.cancel()


def _observe(
    informer: Informer[StoredStatus], uid: str, condition: WaitCondition
) -> WaitStatus:
    if isinstance(informer.error, Forbidden):
        raise informer.error
    if informer.error is not None:
        return WaitStatus(f"{informer.error}; retrying", is_met=None)
    stored = informer.objects.get(informer.collection.name)
    return condition(stored if stored is not None and stored.uid == uid else None)
