"""The command ``argogrant review``: access that returned without a grant."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import click

from argogrant.api.argocdinstance import (
    ACKNOWLEDGED_PREFIX,
    ReturnedMemberView,
    view_returned,
)
from argogrant.cli.errors import CommandError, run_command
from argogrant.cli.formats import READABLE, ListFormat
from argogrant.cli.serialization import serialize_data
from argogrant.cli.session import Session, session
from argogrant.cli.terminal.tables import NONE, columns, sanitize, table
from argogrant.controller.store import InstanceRecord, record_instance
from argogrant.grants.model.validation import quote
from argogrant.kube.informer import list_all
from argogrant.kube.resources import ARGOCD_INSTANCES, Collection

HEADER: Final = ("ID", "STATE", "PROJECT", "ROLE", "SUBJECT", "RETURNED")
WIDE_HEADER: Final = ("ID", "INSTANCE", *HEADER[1:], "TOKENS")


class Returned(NamedTuple):
    """A returned member, and the ArgoCDInstance that reports it."""

    instance: InstanceRecord
    member: ReturnedMemberView


def review(  # noqa: PLR0913 - one for each option
    *,
    namespace: str,
    acknowledge: Sequence[str],
    reason: str,
    no_headers: bool,
    context: str,
    output: ListFormat,
) -> None:
    """Print the members that came back, or acknowledge some of them."""

    async def work() -> list[Returned]:
        async with session(context, namespace) as api:
            found = await _find(api)
            for name in acknowledge:
                await _acknowledge(api, found, name, reason)
            return found

    found = run_command("review", work())
    done = set(acknowledge)
    for one in found:
        if one.member.id in done and output in READABLE:
            click.echo(f"{_describe(one.member)}: acknowledged")
    if done:
        return
    if not found and output in READABLE:
        click.echo("No member of an AppProject has returned.", err=True)
    else:
        text = format_returned(
            found, output=output, width=columns(), has_header=not no_headers
        )
        click.echo(text)


async def _find(api: Session) -> list[Returned]:
    instances = Collection(ARGOCD_INSTANCES, api.namespace)
    records = [record_instance(body) async for body in list_all(api.cluster, instances)]
    return [
        Returned(record, member)
        for record in sorted(records, key=lambda record: record.name)
        for member in view_returned(record.status)
        if member.id not in record.acknowledged
    ]


async def _acknowledge(
    api: Session, found: Sequence[Returned], name: str, reason: str
) -> None:
    """Add the annotation of one member.

    Raises:
        CommandError: No instance reports such a member.
    """
    instance = next((one.instance for one in found if one.member.id == name), None)
    if instance is None:
        raise CommandError(
            f"no ArgoCDInstance in namespace {api.namespace} reports a returned member"
            f" {quote(name)}. To list them, run: argogrant review -n {api.namespace}."
        )
    annotations = {f"{ACKNOWLEDGED_PREFIX}{name}": reason}
    patch = {"metadata": {"annotations": annotations}}
    await api.cluster.merge_patch(instance.path, patch)


def format_returned(
    found: Sequence[Returned],
    *,
    output: ListFormat,
    width: int,
    has_header: bool = True,
) -> str:
    """Format the list; the width of the terminal limits only the table."""
    if output is ListFormat.NAME:
        return "\n".join(sanitize(one.member.id) for one in found)
    if output is ListFormat.TABLE:
        rows = [_row(one.member) for one in found]
        return table(
            HEADER, rows, width=width, whole=("ID", "STATE"), has_header=has_header
        )
    if output is ListFormat.WIDE:
        rows = [_wide_row(one) for one in found]
        return table(WIDE_HEADER, rows, has_header=has_header)
    return serialize_data({"items": list(map(_item, found))}, output)


def _row(member: ReturnedMemberView) -> tuple[str, ...]:
    return (
        sanitize(member.id),
        _state(member),
        sanitize(member.project),
        sanitize(member.role),
        sanitize(member.subject),
        sanitize(member.returned_at),
    )


def _wide_row(one: Returned) -> tuple[str, ...]:
    identifier, *rest = _row(one.member)
    tokens = str(one.member.tokens or NONE)
    return (identifier, sanitize(one.instance.name), *rest, tokens)


def _item(one: Returned) -> dict[str, Any]:
    member = one.member
    return {
        "id": member.id,
        "instance": one.instance.name,
        "project": member.project,
        "role": member.role,
        "subject": member.subject,
        "state": _state(member),
        "tokens": member.tokens,
        "returnedAt": member.returned_at,
    }


def _state(member: ReturnedMemberView) -> str:
    return "Kept" if member.is_kept else "Removed"


def _describe(member: ReturnedMemberView) -> str:
    return (
        f"{sanitize(member.subject)} in role {sanitize(member.role)} of AppProject"
        f" {sanitize(member.project)}"
    )
