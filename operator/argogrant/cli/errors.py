"""How a command fails: one sentence on stderr, and an exit status for scripts.

What an API server says when it refuses, without its noise. Pure.

Source: Kubernetes, ``apimachinery/pkg/api/errors`` (``NewInvalid``, ``NewForbidden``)
and ``util/validation/field`` (``Error``): how the messages are put together.
"""

import asyncio
import re
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import typer

from argogrant.cli.terminal.tables import sanitize
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.kube.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
)

Result = TypeVar("Result")
EXIT_NO: Final = 1
"""The answer is no, or it could not be done."""
EXIT_ERROR: Final = 2
"""For commands whose answer may be no: there is no answer. As of ``kubectl diff``."""

INTERRUPTED: Final = 130
"""Somebody typed Ctrl-C, as shells say it: 128 and the number of SIGINT."""


class CommandError(Exception):
    """It can not be done; the message says why, and what to do."""


def run_command(
    command: str, work: Coroutine[Any, Any, Result], *, trouble: int = EXIT_NO
) -> Result:
    """Run a command's work; if it fails, say so and leave.

    Args:
        command: Its name, for the message.
        work: Raises ``CommandFailed`` or ``ClusterError`` if it can not be done.
        trouble: The exit status then.
    """
    try:
        return asyncio.run(work)
    except CommandError as error:
        message = str(error)
    except ClusterError as error:
        message = f"{error} {remedy(error)}"
    typer.echo(f"argogrant {command}: {message}", err=True)
    raise typer.Exit(trouble)


@contextmanager
def interrupted() -> Iterator[None]:
    """Cancel the task that runs this at the first Ctrl-C, and pay no heed to more.

    A second one, typed while the command ends, would be answered by a traceback.

    Raises:
        asyncio.CancelledError: Somebody typed Ctrl-C; it is ignored from then on.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:  # as in the background of a shell's script
        yield
        return
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def end(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if task is not None:
            loop.call_soon_threadsafe(task.cancel)

    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is end:
            signal.signal(signal.SIGINT, before)


def remedy(error: ClusterError) -> str:
    """Say to the person who typed a command what mends it."""
    match error:
        case Forbidden():
            return (
                "Ask for the right to do that; kubectl auth can-i --list shows yours."
            )
        case NotFound():
            return "Are the CRDs installed, and is that the namespace (-n)?"
        case Conflict():
            return "Somebody changed it meanwhile; try again."
        case Invalid():
            return "Nothing was changed."
        case _:
            return "Does kubectl reach that cluster?"


_REQUEST: Final = re.compile(r"^[A-Z]+ /\S* ?\S*: \d{3} |^[A-Z]+ /\S*: ")
_POLICY: Final = re.compile(
    r"ValidatingAdmissionPolicy '[^']*' with binding '[^']*' denied request: ",
    re.DOTALL,
)
_INVALID: Final = re.compile(r"^\S+ \".*?\" is invalid: (.*)$", re.DOTALL)
_FIELD: Final = re.compile(
    r'^\[?(?P<field>[\w.\[\]<>]+): [A-Z][a-z ]+: (?:"(?P<value>(?:[^"\\]|\\.)*)": )?'
    r"(?P<why>.*?)\]?$",
    re.DOTALL,
)
_RBAC: Final = re.compile(
    r'is forbidden: User "(?P<user>.*)" cannot (?P<verb>\w+) resource'
    r' "(?P<resource>[^"]+)" in API group "[^"]*"(?: in the namespace "(?P<where>.*)")?'
)
ROLE_OF: Final = {
    ("create", "accessgrants"): "argogrant-requester",
    ("patch", "accessgrants"): "argogrant-requester",
    ("create", "accessapprovals"): "argogrant-approver",
}
"""Which of the Roles in ``examples/roles.yaml`` gives a right."""


def summarize_api_error(error: ClusterError) -> str:
    """Say in a sentence or two why something is refused, and what to do."""
    said = sanitize(_REQUEST.sub("", str(error)))
    rights = _RBAC.search(said)
    if rights is not None:
        return _missing_permission(rights)
    policy = _POLICY.search(said)
    if policy is not None:
        return with_full_stop(said[policy.end() :])
    invalid = _INVALID.match(said)
    if isinstance(error, Invalid) and invalid is not None:
        return with_full_stop(_about_field(invalid[1]))
    return f"{with_full_stop(said)} {remedy(error)}"


def _about_field(text: str) -> str:
    """Name the field and its value before what is wrong with it."""
    found = _FIELD.match(text)
    if found is None:
        return text
    value, why = found["value"], found["why"]
    if found["field"] == "spec" or value in (None, "object"):
        return why if found["field"] == "spec" else f"{found['field']}: {why}"
    return f"{found['field']} {quote(value or '')} {why}"


def _missing_permission(found: re.Match[str]) -> str:
    where = f" in namespace {quote(found['where'])}" if found["where"] else ""
    role = ROLE_OF.get((found["verb"], found["resource"]))
    give = f"the Role {role} (examples/roles.yaml)" if role else "the right to do that"
    return (
        f"{quote(found['user'])} may not {found['verb']} {found['resource']}{where};"
        f" ask for {give}."
    )
