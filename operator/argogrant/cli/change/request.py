"""``argogrant request``: creates an AccessGrant."""

from typing import Annotated

import typer

from argogrant.api.new_objects import build_grant
from argogrant.cli.change.arguments import (
    GrantArguments,
    describe_request,
    own_subject,
    parse_role,
    parse_subject,
    parse_window,
)
from argogrant.cli.change.submit import (
    OutputOptions,
    parse_output_options,
    submit,
    usage_errors,
)
from argogrant.cli.completion import role_names
from argogrant.cli.errors import run_command
from argogrant.cli.options import (
    Answer,
    Context,
    DryRun,
    DryRunOption,
    InstanceName,
    ListFormat,
    Namespace,
    Reason,
    Timeout,
    Wait,
    Zone,
)
from argogrant.cli.session import instance_of, session, utc_now
from argogrant.kube.permissions import who_am_i


def request(  # noqa: PLR0913
    *,
    role: Annotated[
        str,
        typer.Option(
            help="Name of the role; argogrant roles lists them.",
            autocompletion=role_names,
        ),
    ],
    project: Annotated[str, typer.Option(help="AppProject of the role.")] = "",
    user: Annotated[
        str, typer.Option(help="Argo CD user to grant the role to.  [default: you]")
    ] = "",
    group: Annotated[str, typer.Option(help="SSO group to grant the role to.")] = "",
    lasts: Annotated[
        str, typer.Option("--for", help="Duration: 2h, 2h30m or 1d.")
    ] = "",
    until: Annotated[
        str,
        typer.Option(help="End: 18:00, 'tomorrow 9:00' or 2026-11-25T18:00:00Z."),
    ] = "",
    begins: Annotated[
        str,
        typer.Option("--from", help="Start, in the forms of --until.  [default: now]"),
    ] = "",
    reason: Reason,
    name: Annotated[
        str, typer.Option(help="Name of the AccessGrant.  [default: generated]")
    ] = "",
    break_glass: Annotated[
        bool,
        typer.Option(
            "--break-glass",
            help="Emergency access, without approval if a policy allows.",
        ),
    ] = False,
    wait: Wait = False,
    timeout: Timeout = "5m",
    dry_run: DryRunOption = DryRun.NONE,
    zone: Zone = "",
    output: Answer = ListFormat.TABLE,
    instance: InstanceName = "default",
    namespace: Namespace = "",
    context: Context = "",
) -> None:
    """Request a role: create an AccessGrant in your name.

    With --wait, the exit status is 0 if Argo CD has the binding, else 1.

    Example: argogrant request --role role:deployer --for 2h --reason hotfix
    """
    with usage_errors():
        options = parse_output_options(
            output, wait=wait, timeout=timeout, dry_run=dry_run, zone=zone
        )
        arguments = GrantArguments(
            subject=parse_subject(user, group),
            role=parse_role(role, project),
            window=parse_window(
                lasts=lasts,
                until=until,
                begins=begins,
                now=utc_now(),
                zone=options.zone,
            ),
            instance=instance,
            name=name,
            justification=reason,
            break_glass=break_glass,
        )
    run_command("request", _request(arguments, options, context, namespace))


async def _request(
    arguments: GrantArguments, options: OutputOptions, context: str, namespace: str
) -> None:
    async with session(context, namespace, dry_run=options.is_dry_run) as api:
        requester = await who_am_i(api.cluster)
        subject = arguments.subject
        if subject is None:
            instance = await instance_of(api, arguments.instance)
            subject = own_subject(requester, instance.strip_prefix)
        wanted = arguments.request(subject)
        description = describe_request(
            wanted, arguments.window.notes, utc_now(), options.zone
        )
        await submit(api, build_grant(wanted, requester), description, options)
