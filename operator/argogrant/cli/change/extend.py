"""``argogrant extend``: more time for a grant, or less."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

import typer

from argogrant.api.accessgrant_view import StoredStatus
from argogrant.api.new_objects import GrantRequest, build_expiry_patch, build_grant
from argogrant.cli.change.arguments import UsageRefused, length_of
from argogrant.cli.change.submit import (
    OutputOptions,
    parse_output_options,
    submit,
    usage_errors,
)
from argogrant.cli.errors import CommandError, run_command, summarize_api_error
from argogrant.cli.grant_lookup import find_grant
from argogrant.cli.options import (
    Answer,
    Context,
    DryRun,
    DryRunOption,
    GrantName,
    ListFormat,
    Namespace,
    Timeout,
    Wait,
    Zone,
)
from argogrant.cli.session import Session, session, utc_now
from argogrant.cli.terminal.serialize import object_name, serialize_object
from argogrant.cli.terminal.tables import sanitize
from argogrant.cli.terminal.times import (
    InvalidTime,
    ParsedTime,
    TimeContext,
    parse_time,
    when,
)
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reasons import GrantCondition
from argogrant.grants.model.validation import quote
from argogrant.kube.client import Body
from argogrant.kube.errors import Conflict, Forbidden, Invalid
from argogrant.kube.resources import ACCESS_GRANTS
from argogrant.kube.whoami import who_am_i

REQUEST_AGAIN = (
    "AccessPolicies decide about it anew; who has to agree has to agree again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendArguments:
    """What somebody typed."""

    name: str
    by: timedelta
    until: ParsedTime | None
    """Instead of ``by``."""
    reason: str
    break_glass: bool


def extend(  # noqa: PLR0913
    name: GrantName,
    *,
    by: Annotated[str, typer.Option(help="How much longer: 30m, 1h.")] = "",
    until: Annotated[
        str, typer.Option(help="The new end, as request --until; earlier, too.")
    ] = "",
    reason: Annotated[str, typer.Option(help="Why; else as before.")] = "",
    break_glass: Annotated[
        bool, typer.Option("--break-glass", help="An emergency, as in request.")
    ] = False,
    wait: Wait = False,
    timeout: Timeout = "5m",
    dry_run: DryRunOption = DryRun.NONE,
    zone: Zone = "",
    output: Answer = ListFormat.TABLE,
    namespace: Namespace = "",
    context: Context = "",
) -> None:
    """Ask for more time before a grant ends, or end it earlier.

    More time is a new AccessGrant, about which policies decide anew. An earlier end
    is written into the grant itself; a duration can not change.

    Example: argogrant extend alice-hotfix --by 1h
    """
    with usage_errors():
        telling = parse_output_options(
            output, wait=wait, timeout=timeout, dry_run=dry_run, zone=zone
        )
        if bool(by) == bool(until):
            raise UsageRefused("--by", "give one of --by and --until")
        change = ExtendArguments(
            name=name,
            by=length_of("--by", by) if by else timedelta(0),
            until=_end(until, telling) if until else None,
            reason=reason,
            break_glass=break_glass,
        )
    run_command("extend", _extend(change, telling, context, namespace))


def _end(text: str, telling: OutputOptions) -> ParsedTime:
    now = utc_now()
    try:
        return parse_time(text, TimeContext(now=now, after=now, zone=telling.zone))
    except InvalidTime as error:
        raise UsageRefused("--until", str(error)) from error


async def _extend(
    change: ExtendArguments, telling: OutputOptions, context: str, namespace: str
) -> None:
    async with session(context, namespace, dry_run=telling.is_dry_run) as asked:
        found = await find_grant(asked, change.name)
        grant, end = found.grant, present_end(found.grant, found.stored)
        wanted = change.until.instant if change.until else end + change.by
        if wanted == end:
            raise CommandError(f"that is its end already: {when(end, utc_now())}.")
        if wanted < end:
            await _shorten(asked, grant, wanted, telling)
            return
        check_extensible(grant, found.stored)
        wish = continuation(grant, wanted, change)
        told = f"It continues {sanitize(grant.name)} until"
        told = f"{told} {when(wanted, utc_now(), telling.zone)}. {REQUEST_AGAIN}"
        me = await who_am_i(asked.cluster)
        await submit(asked, build_grant(wish, me), told, telling)


def present_end(grant: Grant, said: StoredStatus) -> datetime:
    """Find when a grant ends, unless it is over.

    Raises:
        CommandFailed: It is, or its end is not known yet.
    """
    if grant.revoked or said.condition_is_true(GrantCondition.ENDED):
        raise CommandError(
            f"AccessGrant {quote(grant.name)} is over; ask for a new one:"
            " argogrant request."
        )
    end = said.expires_at or grant.expires_at
    if end is None:
        raise CommandError(
            f"AccessGrant {quote(grant.name)} has not begun, so that its end is not"
            " known yet; extend it once it is in force."
        )
    return end


def check_extensible(grant: Grant, said: StoredStatus) -> None:
    """Refuse a second continuation beside the first one.

    Raises:
        CommandFailed: There is one.
    """
    if said.extended_by:
        raise CommandError(
            f"AccessGrant {quote(grant.name)} is continued by"
            f" {quote(said.extended_by)} already; extend that one."
        )


def continuation(grant: Grant, end: datetime, change: ExtendArguments) -> GrantRequest:
    """Ask for the same until another end."""
    return GrantRequest(
        instance=grant.instance,
        subject=grant.subject,
        role=grant.role,
        end=end,
        prefix=f"{grant.name[:240].rstrip('.-')}-",
        justification=change.reason or grant.justification,
        break_glass=change.break_glass,
        extends=grant.name,
    )


async def _shorten(
    asked: Session, grant: Grant, end: datetime, telling: OutputOptions
) -> None:
    """Move the end earlier, in the grant itself.

    Raises:
        CommandFailed: It has a duration, or the API server refuses.
    """
    if grant.expires_at is None:
        raise CommandError(
            f"AccessGrant {quote(grant.name)} has a duration, which can not change;"
            f" end it when it is time: argogrant revoke {sanitize(grant.name)}."
        )
    path = ACCESS_GRANTS.path(asked.namespace, grant.name)
    try:
        body = await asked.cluster.merge_patch(path, build_expiry_patch(grant.uid, end))
    except (Invalid, Forbidden, Conflict) as error:
        raise CommandError(summarize_api_error(error)) from error
    typer.echo(_describe_shortening(body, end, telling))


def _describe_shortening(body: Body, end: datetime, telling: OutputOptions) -> str:
    if not telling.is_read:
        return serialize_object(body, telling.output)
    ends = when(end, utc_now(), telling.zone)
    return f"{object_name(body)} ends earlier{telling.mark}: {ends}"
