"""``argogrant request``: ask for access, for oneself or for others."""

from typing import Annotated

import typer

from argogrant.api.new_objects import build_grant
from argogrant.cli.change.arguments import (
    GrantArguments,
    describe_request,
    named_subject,
    own_subject,
    parse_window,
    role_of,
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
from argogrant.kube.whoami import who_am_i


def request(  # noqa: PLR0913
    *,
    role: Annotated[
        str,
        typer.Option(
            help="The role; argogrant roles lists them.", autocompletion=role_names
        ),
    ],
    project: Annotated[str, typer.Option(help="The AppProject whose role it is.")] = "",
    user: Annotated[
        str, typer.Option(help="Who gets it, as in Argo CD; else you.")
    ] = "",
    group: Annotated[str, typer.Option(help="An SSO group that gets it.")] = "",
    lasts: Annotated[str, typer.Option("--for", help="How long: 2h, 1h30m, 1d.")] = "",
    until: Annotated[
        str,
        typer.Option(help="18:00, 'tomorrow 9:00' or 2026-11-25T18:00:00Z."),
    ] = "",
    begins: Annotated[
        str, typer.Option("--from", help="A later start, as for --until.")
    ] = "",
    reason: Reason,
    name: Annotated[str, typer.Option(help="Of the grant; else one is made up.")] = "",
    break_glass: Annotated[
        bool,
        typer.Option("--break-glass", help="Emergency: at once, shown loudly."),
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
    """Ask for a role: create an AccessGrant in your name.

    With --wait, the exit status is 0 once Argo CD has it, else 1.

    Example: argogrant request --role role:deployer --for 2h --reason hotfix
    """
    with usage_errors():
        telling = parse_output_options(
            output, wait=wait, timeout=timeout, dry_run=dry_run, zone=zone
        )
        petition = GrantArguments(
            subject=named_subject(user, group),
            role=role_of(role, project),
            window=parse_window(
                lasts=lasts,
                until=until,
                begins=begins,
                now=utc_now(),
                zone=telling.zone,
            ),
            instance=instance,
            name=name,
            justification=reason,
            break_glass=break_glass,
        )
    run_command("request", _request(petition, telling, context, namespace))


async def _request(
    petition: GrantArguments, telling: OutputOptions, context: str, namespace: str
) -> None:
    async with session(context, namespace, dry_run=telling.is_dry_run) as asked:
        me = await who_am_i(asked.cluster)
        subject = petition.subject
        if subject is None:
            instance = await instance_of(asked, petition.instance)
            subject = own_subject(me, instance.strip_prefix)
        wish = petition.request(subject)
        told = describe_request(wish, petition.window.notes, utc_now(), telling.zone)
        await submit(asked, build_grant(wish, me), told, telling)
