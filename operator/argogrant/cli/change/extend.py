"""``argogrant extend``: moves the end of a grant to later, or to earlier."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

import typer

from argogrant.api.accessgrant_view import StoredStatus
from argogrant.api.new_objects import GrantRequest, build_expiry_patch, build_grant
from argogrant.cli.change.arguments import InvalidOption, parse_duration_option
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
from argogrant.kube.permissions import who_am_i
from argogrant.kube.resources import ACCESS_GRANTS

EVALUATED_AGAIN = "AccessPolicies evaluate it again, and approvers must approve again."


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendArguments:
    """Parsed command line of ``extend``."""

    name: str
    by: timedelta
    until: ParsedTime | None
    """New end; takes precedence over ``by``."""
    reason: str
    break_glass: bool


def extend(  # noqa: PLR0913
    name: GrantName,
    *,
    by: Annotated[
        str, typer.Option(help="Additional duration, such as 30m or 1h.")
    ] = "",
    until: Annotated[
        str, typer.Option(help="New end, in the forms of request --until.")
    ] = "",
    reason: Annotated[
        str, typer.Option(help="Justification.  [default: that of the grant]")
    ] = "",
    break_glass: Annotated[
        bool, typer.Option("--break-glass", help="Emergency access, as in request.")
    ] = False,
    wait: Wait = False,
    timeout: Timeout = "5m",
    dry_run: DryRunOption = DryRun.NONE,
    zone: Zone = "",
    output: Answer = ListFormat.TABLE,
    namespace: Namespace = "",
    context: Context = "",
) -> None:
    """Extend a grant, or shorten it.

    A later end creates another AccessGrant, which AccessPolicies evaluate again. An
    earlier end is written to the grant itself; a duration cannot be changed.

    Example: argogrant extend alice-hotfix --by 1h
    """
    with usage_errors():
        options = parse_output_options(
            output, wait=wait, timeout=timeout, dry_run=dry_run, zone=zone
        )
        if bool(by) == bool(until):
            raise InvalidOption("--by", "specify one of --by and --until")
        arguments = ExtendArguments(
            name=name,
            by=parse_duration_option("--by", by) if by else timedelta(0),
            until=_parse_end(until, options) if until else None,
            reason=reason,
            break_glass=break_glass,
        )
    run_command("extend", _extend(arguments, options, context, namespace))


def _parse_end(text: str, options: OutputOptions) -> ParsedTime:
    now = utc_now()
    try:
        return parse_time(text, TimeContext(now=now, after=now, zone=options.zone))
    except InvalidTime as error:
        raise InvalidOption("--until", str(error)) from error


async def _extend(
    arguments: ExtendArguments, options: OutputOptions, context: str, namespace: str
) -> None:
    async with session(context, namespace, dry_run=options.is_dry_run) as api:
        found = await find_grant(api, arguments.name)
        grant, end = found.grant, current_end(found.grant, found.stored)
        new_end = arguments.until.instant if arguments.until else end + arguments.by
        if new_end == end:
            raise CommandError(
                f"AccessGrant {quote(grant.name)} already ends at"
                f" {when(end, utc_now())}."
            )
        if new_end < end:
            await _shorten(api, grant, new_end, options)
            return
        check_extensible(grant, found.stored)
        request = build_extension(grant, new_end, arguments)
        description = (
            f"It extends {sanitize(grant.name)} until"
            f" {when(new_end, utc_now(), options.zone)}. {EVALUATED_AGAIN}"
        )
        user = await who_am_i(api.cluster)
        await submit(api, build_grant(request, user), description, options)


def current_end(grant: Grant, stored: StoredStatus) -> datetime:
    """Return the current end of a grant.

    Raises:
        CommandError: The grant has ended, or its end is not known yet.
    """
    if grant.revoked or stored.condition_is_true(GrantCondition.ENDED):
        raise CommandError(
            f"AccessGrant {quote(grant.name)} has ended. Request a new one with:"
            " argogrant request."
        )
    end = stored.expires_at or grant.expires_at
    if end is None:
        raise CommandError(
            f"AccessGrant {quote(grant.name)} has not started, and its end is not known"
            " yet. Extend it when it is active."
        )
    return end


def check_extensible(grant: Grant, stored: StoredStatus) -> None:
    """Reject a second extension of the same grant.

    Raises:
        CommandError: The grant already has an extension.
    """
    if stored.extended_by:
        raise CommandError(
            f"AccessGrant {quote(grant.name)} is already extended by"
            f" {quote(stored.extended_by)}. Extend that one."
        )


def build_extension(
    grant: Grant, end: datetime, arguments: ExtendArguments
) -> GrantRequest:
    """Return a request for the same access until a later end."""
    return GrantRequest(
        instance=grant.instance,
        subject=grant.subject,
        role=grant.role,
        end=end,
        prefix=f"{grant.name[:240].rstrip('.-')}-",
        justification=arguments.reason or grant.justification,
        break_glass=arguments.break_glass,
        extends=grant.name,
    )


async def _shorten(
    api: Session, grant: Grant, end: datetime, options: OutputOptions
) -> None:
    """Write an earlier end to the grant itself.

    Raises:
        CommandError: The grant has a duration, or the API server rejects the change.
    """
    if grant.expires_at is None:
        raise CommandError(
            f"AccessGrant {quote(grant.name)} has a duration, which cannot be changed."
            f" To end it early, run: argogrant revoke {sanitize(grant.name)}."
        )
    path = ACCESS_GRANTS.path(api.namespace, grant.name)
    try:
        body = await api.cluster.merge_patch(path, build_expiry_patch(grant.uid, end))
    except (Invalid, Forbidden, Conflict) as error:
        raise CommandError(summarize_api_error(error)) from error
    typer.echo(_describe_shortening(body, end, options))


def _describe_shortening(body: Body, end: datetime, options: OutputOptions) -> str:
    if not options.is_for_people:
        return serialize_object(body, options.output)
    new_end = when(end, utc_now(), options.zone)
    return f"{object_name(body)} ends earlier{options.dry_run_suffix}: {new_end}"
