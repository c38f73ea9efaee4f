"""Errors of commands: one message on stderr, and an exit status for scripts.

``summarize_api_error`` reduces an error of the API server to what the user wrote wrong.

Source: Kubernetes, ``apimachinery/pkg/api/errors`` (``NewInvalid``, ``NewForbidden``)
and ``util/validation/field`` (``Error``): the format of the messages.
"""

import asyncio
import re
import signal
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import click

from argogrant.cli.terminal.tables import sanitize
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.kube.errors import ClusterError, CredentialUnavailable, Invalid
from argogrant.kube.refusals import Cause, refusal_of

Result = TypeVar("Result")
EXIT_NO: Final = 1
"""The answer is no, or the command failed."""
EXIT_ERROR: Final = 2
"""The command failed, where 1 means that the answer is no; as in ``kubectl diff``."""
INTERRUPTED: Final = 130
"""The user typed Ctrl-C: 128 plus the number of SIGINT, as in shells."""


class CommandError(Exception):
    """A command failed; the message names the cause and the remedy."""


def run_command(
    command: str, work: Coroutine[Any, Any, Result], *, error_status: int = EXIT_NO
) -> Result:
    """Run the work of a command; on an error, print its message and exit.

    Errors are ``CommandError`` and ``ClusterError``.
    """
    try:
        return asyncio.run(work)
    except CommandError as error:
        message = str(error)
    except ClusterError as error:
        message = describe_api_error(error)
    click.echo(f"argogrant {command}: {message}", err=True)
    raise click.exceptions.Exit(error_status)


@contextmanager
def collect_errors(problems: list[str], prefix: str = "") -> Iterator[None]:
    """Collect an error, and let the command continue with the next object."""
    try:
        yield
    except CommandError as error:
        problems.append(f"{prefix}{error}")
    except ClusterError as error:
        problems.append(f"{prefix}{describe_api_error(error)}")


def raise_collected(problems: list[str]) -> None:
    """Let the command fail if there were errors.

    Raises:
        CommandError: There were; the message has one line for each.
    """
    if problems:
        raise CommandError("\n".join(problems))


@contextmanager
def interrupted() -> Iterator[None]:
    """Cancel the current task at the first Ctrl-C, and ignore further ones.

    Without this, a second Ctrl-C while the command ends would print a traceback.

    Raises:
        asyncio.CancelledError: The user typed Ctrl-C.
    """
    before = signal.getsignal(signal.SIGINT)
    # Shells start background jobs of scripts with SIGINT ignored.
    if before is signal.SIG_IGN:
        yield
        return
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def cancel(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if task is not None:
            loop.call_soon_threadsafe(task.cancel)

    signal.signal(signal.SIGINT, cancel)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is cancel:
            signal.signal(signal.SIGINT, before)


_REMEDIES: Final[Mapping[Cause, str]] = {
    Cause.PERMISSION: "Ask an administrator for this permission; kubectl auth can-i"
    " --list shows yours.",
    Cause.CREDENTIALS: "The credential has expired or was revoked. Log in again;"
    " kubectl auth whoami shows whether it is accepted.",
    Cause.MISSING: "Are the CRDs installed, and is the namespace (-n) correct?",
    Cause.CHANGED: "The object changed in the meantime. Try again.",
    Cause.INVALID: "Nothing was changed.",
    Cause.BUSY: "Try again in a minute.",
    Cause.UNAVAILABLE: "Does kubectl reach this cluster?",
}
"""Remedies for the user of a command; other causes have the same for every user."""


def describe_api_error(error: ClusterError) -> str:
    """Return the message of an error, followed by its remedy."""
    return _with_remedy(sanitize(str(error)), error)


_OWN_POLICY: Final = re.compile(
    r"ValidatingAdmissionPolicy 'argogrant-[^']*' with binding '[^']*' denied request: "
)
"""Policies whose messages are argogrant's own, and say what to do."""
_INVALID: Final = re.compile(r"^\S+ \".*?\" is invalid: (.*)$", re.DOTALL)
_FIELD: Final = re.compile(
    r'^\[?(?P<field>[\w.\[\]<>]+): [A-Z][a-z ]+: (?:"(?P<value>(?:[^"\\]|\\.)*)": )?'
    r"(?P<why>.*?)\]?$",
    re.DOTALL,
)
_RBAC: Final = re.compile(
    r'is forbidden: User "(?P<user>.*)" cannot (?P<verb>\w+) resource'
    r' "(?P<resource>[^"]+)" in API group "[^"]*"'
    r'(?: in the namespace "(?P<namespace>.*)")?'
)
ROLE_OF: Final = {
    ("create", "accessgrants"): "argogrant-requester",
    ("patch", "accessgrants"): "argogrant-requester",
    ("create", "accessapprovals"): "argogrant-approver",
}
"""Role of ``examples/roles.yaml`` that contains a permission."""


def summarize_api_error(error: ClusterError) -> str:
    """Return why the API server rejected a request, and the remedy."""
    text = sanitize(error.answer or str(error))
    permission = _RBAC.search(text)
    if permission is not None:
        return _missing_permission(permission)
    policy = _OWN_POLICY.search(text)
    if policy is not None:
        return with_full_stop(text[policy.end() :])
    invalid = _INVALID.match(text)
    if isinstance(error, Invalid) and invalid is not None:
        return with_full_stop(_invalid_field(invalid[1]))
    return _with_remedy(sanitize(error.reason), error)


def _with_remedy(text: str, error: ClusterError) -> str:
    if isinstance(error, CredentialUnavailable):
        return with_full_stop(text)  # The message is complete.
    refusal = refusal_of(error)
    remedy = _REMEDIES.get(refusal.cause) or refusal.remedy("your user")
    return f"{with_full_stop(text)} {remedy}"


def _invalid_field(text: str) -> str:
    """Return the field, its value and the problem."""
    found = _FIELD.match(text)
    if found is None:
        return text
    field, value, why = found["field"], found["value"], found["why"]
    if field == "spec":
        return why
    if value in (None, "object"):
        return f"{field}: {why}"
    return f"{field} {quote(value)} {why}"


def _missing_permission(found: re.Match[str]) -> str:
    namespace = found["namespace"]
    where = f" in namespace {quote(namespace)}" if namespace else ""
    role = ROLE_OF.get((found["verb"], found["resource"]))
    remedy = f"the Role {role} (examples/roles.yaml)" if role else "this permission"
    return (
        f"{quote(found['user'])} cannot {found['verb']} {found['resource']}{where}."
        f" Ask an administrator for {remedy}."
    )
