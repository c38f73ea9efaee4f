"""``argogrant can``: what Argo CD would answer, now and with a grant."""

from enum import StrEnum
from typing import Annotated, Final

import typer

from argogrant.argocd.simulation.request import RESOURCES, EnforceRequest
from argogrant.cli.argocd_reader import argocd_of, read_argocd_settings, read_rules
from argogrant.cli.completion import grant_names, role_names
from argogrant.cli.errors import EXIT_ERROR, EXIT_NO, CommandError, run_command
from argogrant.cli.grant_lookup import find_grant
from argogrant.cli.options import Context, InstanceName, Namespace
from argogrant.cli.session import Session, instance_of, session
from argogrant.cli.simulate.answer import (
    AccessQuery,
    SimulationResult,
    WhatIf,
    simulate,
)
from argogrant.cli.simulate.answer_format import as_json, in_words
from argogrant.cli.terminal.tables import columns
from argogrant.grants.model.grant import Binding, RoleRef
from argogrant.grants.model.validation import quote

ACTIONS: Final = frozenset(
    {
        *("get", "create", "update", "delete", "sync", "rollback", "override"),
        *("action", "invoke", "debug"),
    }
)
"""What an action of Argo CD begins with; ``update``, ``delete`` and ``action`` may go
on with ``/`` and what they are about."""


class AnswerFormat(StrEnum):
    """For people, or for programs."""

    TEXT = "text"
    JSON = "json"


def can(  # noqa: PLR0913
    subject: Annotated[
        str, typer.Argument(metavar="SUBJECT", help="A user id or an e-mail address.")
    ],
    action: Annotated[
        str, typer.Argument(metavar="ACTION", help="Such as sync, or update/*.")
    ],
    resource: Annotated[
        str, typer.Argument(metavar="RESOURCE", help="Such as applications.")
    ],
    object_: Annotated[
        str, typer.Argument(metavar="OBJECT", help="Such as team-a/web.")
    ],
    *,
    group: Annotated[
        list[str] | None, typer.Option(help="A group of theirs; may be repeated.")
    ] = None,
    with_: Annotated[
        str,
        typer.Option(
            "--with",
            help="As if this AccessGrant were in force.",
            autocompletion=grant_names,
        ),
    ] = "",
    with_role: Annotated[
        str,
        typer.Option(
            help="As if they had this role.",
            metavar="ROLE",
            autocompletion=role_names,
        ),
    ] = "",
    project: Annotated[str, typer.Option(help="The AppProject of --with-role.")] = "",
    user_id: Annotated[
        bool, typer.Option("--user-id", help="SUBJECT is a user id, not an address.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Only the exit status.")
    ] = False,
    namespace: Namespace = "",
    instance: InstanceName = "default",
    context: Context = "",
    argocd_context: Annotated[
        str, typer.Option(help="The context of Argo CD's cluster, if that is another.")
    ] = "",
    output: Annotated[
        AnswerFormat, typer.Option("--output", "-o", help="For people, or programs.")
    ] = AnswerFormat.TEXT,
) -> None:
    """Tell whether Argo CD lets somebody do something, and by which line.

    It only reads, with your own rights. Exit status: 0 for yes, 1 for no, 2 for
    trouble.

    Example: argogrant can ann@example.com sync applications team-a/web --with fix
    """
    asked = AccessQuery(
        subject=subject,
        groups=group or [],
        is_user_id=user_id,
        request=_question(resource, action, object_),
        grant=with_,
        role=_role(with_, with_role, project),
    )
    ruling = run_command(
        "can",
        _rule(asked, namespace, instance, contexts=(context, argocd_context)),
        trouble=EXIT_ERROR,
    )
    if not quiet:
        is_json = output is AnswerFormat.JSON
        typer.echo(as_json(ruling) if is_json else in_words(ruling, columns()))
    if not ruling.is_allowed:
        raise typer.Exit(EXIT_NO)


def _question(resource: str, action: str, about: str) -> EnforceRequest:
    if resource not in RESOURCES:
        known = ", ".join(sorted(RESOURCES))
        raise typer.BadParameter(f"Argo CD knows {known}.", param_hint="RESOURCE")
    if action.partition("/")[0] not in ACTIONS:
        known = ", ".join(sorted(ACTIONS))
        raise typer.BadParameter(f"Argo CD knows {known}.", param_hint="ACTION")
    return EnforceRequest(resource=resource, action=action, object=about)


def _role(grant: str, role: str, project: str) -> RoleRef | None:
    if grant and role:
        raise typer.BadParameter("name a grant or a role", param_hint="--with")
    if project and not role:
        raise typer.BadParameter("it needs --with-role", param_hint="--project")
    return RoleRef(name=role, project=project or None) if role else None


async def _rule(
    asked: AccessQuery, namespace: str, name: str, *, contexts: tuple[str, str]
) -> SimulationResult:
    context, argocd_context = contexts
    async with session(context, namespace) as ours:
        instance = await instance_of(ours, name)
        assumption = await _what_if(ours, asked, name)
        where = instance.argocd_namespace
        async with argocd_of(ours, instance, argocd_context) as cluster:
            seen = await read_rules(cluster, where)
            settings = await read_argocd_settings(cluster, where)
    if seen.config_map.unmanaged.claims is None:
        raise CommandError(
            "scopes of argocd-rbac-cm is no YAML list of claims, so Argo CD goes by"
            " what it read before, which nobody else can see; mend or remove scopes."
        )
    return simulate(asked, instance, seen, settings=settings, assumption=assumption)


async def _what_if(ours: Session, asked: AccessQuery, instance: str) -> WhatIf | None:
    if asked.role is not None:
        binding = Binding(asked.subject, asked.role.bound_as)
        name = f"role {asked.role.bound_as}"
        return WhatIf(binding=binding, project=asked.role.project, name=name)
    if not asked.grant:
        return None
    grant = (await find_grant(ours, asked.grant)).grant
    if grant.instance != instance:
        raise CommandError(
            f"AccessGrant {quote(asked.grant)} is about another Argo CD; add"
            f" --instance {grant.instance}."
        )
    return WhatIf(
        binding=grant.binding,
        project=grant.role.project,
        name=f"AccessGrant {grant.name}",
    )
