"""``argogrant extend``: moves the end of a grant to later, or to earlier."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

import click

from argogrant.api.accessgrant_view import StoredStatus
from argogrant.api.new_objects import GrantRequest, build_expiry_patch, build_grant
from argogrant.cli.change.readiness import check_instance, describe_ceiling
from argogrant.cli.change.submit import (
    OutputOptions,
    parse_option,
    parse_output_options,
    patch_grant,
    run_change,
    submit,
)
from argogrant.cli.choosing import can_be_extended, chosen_names, require_names
from argogrant.cli.errors import CommandError, collect_errors, raise_collected
from argogrant.cli.formats import DryRun, ListFormat
from argogrant.cli.parsed_objects import find_grant
from argogrant.cli.serialization import object_name
from argogrant.cli.session import Session, utc_now
from argogrant.cli.terminal.questions import ask, can_ask
from argogrant.cli.terminal.tables import sanitize
from argogrant.cli.terminal.times import (
    TimeContext,
    parse_duration_argument,
    parse_time,
    when,
)
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reasons import GrantCondition
from argogrant.grants.model.validation import quote
from argogrant.kube.permissions import who_am_i

EVALUATED_AGAIN = "AccessPolicies evaluate it again, and approvers must approve again."


def extend(  # noqa: PLR0913 - one for each option
    *,
    names: Sequence[str],
    by: str,
    until: str,
    reason: str,
    break_glass: bool,
    wait: bool,
    timeout: str,
    dry_run: DryRun,
    zone: str,
    output: ListFormat,
    namespace: str,
    context: str,
) -> None:
    """Move the end of a grant."""
    options = parse_output_options(
        output, wait=wait, timeout=timeout, dry_run=dry_run, zone=zone
    )
    require_names(names)
    change = _parse_change(by, until, options.zone)

    async def change_ends(api: Session) -> None:
        problems: list[str] = []
        chosen = await chosen_names(api, names, "extend", can_be_extended)
        for number, name in enumerate(chosen):
            if number and output is ListFormat.YAML:
                click.echo("---")
            with collect_errors(problems):
                await change_end(api, name)
        raise_collected(problems)

    async def change_end(api: Session, name: str) -> None:
        grant, stored = await find_grant(api, name)
        end = current_end(grant, stored)
        new_end = end + change if isinstance(change, timedelta) else change
        if new_end == end:
            raise CommandError(
                f"AccessGrant {quote(name)} already ends at {when(end, utc_now())}."
            )
        if new_end < end:
            await _shorten(api, grant, new_end, options)
            return
        if stored.extended_by:
            raise CommandError(
                f"AccessGrant {quote(name)} is already extended by"
                f" {quote(stored.extended_by)}. Extend that one."
            )
        request = GrantRequest(
            instance=grant.instance,
            subject=grant.subject,
            role=grant.role,
            end=new_end,
            prefix=f"{name[:240].rstrip('.-')}-",
            justification=reason or grant.justification,
            break_glass=break_glass,
            extends=name,
        )
        now = utc_now()
        ceiling = describe_ceiling(
            now, new_end, await check_instance(api, grant.instance)
        )
        until_when = (
            f"It extends {sanitize(name)} until {when(new_end, now, options.zone)}."
        )
        sentences = (until_when, ceiling, EVALUATED_AGAIN)
        description = " ".join(filter(None, sentences))
        user = await who_am_i(api.cluster)
        await submit(api, build_grant(request, user), description, options)

    run_change("extend", change_ends, options, context, namespace)


def _parse_change(by: str, until: str, zone: tzinfo | None) -> timedelta | datetime:
    """Parse exactly one of ``--by`` and ``--until``; a user can be asked for it."""
    if not by and not until and can_ask():
        return ask("Additional duration, such as 1h", _parse_duration)
    if bool(by) == bool(until):
        raise click.BadParameter("specify one of --by and --until", param_hint="--by")
    if by:
        return _parse_duration(by)
    now = utc_now()
    moment = TimeContext(now=now, after=now, zone=zone)
    return parse_option("--until", parse_time, until, moment).instant


def _parse_duration(text: str) -> timedelta:
    return parse_option("--by", parse_duration_argument, text)


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
    body = await patch_grant(api, grant.name, build_expiry_patch(grant.uid, end))
    result = f"ends earlier{options.dry_run_suffix} {api.where}"
    new_end = when(end, utc_now(), options.zone)
    options.echo(f"{object_name(body)} {result}: {new_end}", body)
