"""``argogrant can``: the answer of Argo CD to a request, now or with a grant."""

from enum import StrEnum
from typing import Annotated, Final

import typer

from argogrant.argocd.simulation.enforcer import RESOURCES, EnforceRequest
from argogrant.cli.completion import grant_names, role_names
from argogrant.cli.errors import EXIT_ERROR, EXIT_NO, CommandError, run_command
from argogrant.cli.options import Context, InstanceName, Namespace
from argogrant.cli.session import (
    Session,
    argocd_of,
    find_grant,
    instance_of,
    read_argocd_settings,
    read_rules,
    session,
)
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
"""Actions of Argo CD; ``update``, ``delete`` and ``action`` may continue with ``/`` and
the resource that they are about."""


class AnswerFormat(StrEnum):
    """Output formats of ``can``."""

    TEXT = "text"
    JSON = "json"


def can(  # noqa: PLR0913
    subject: Annotated[
        str, typer.Argument(metavar="SUBJECT", help="User ID or e-mail address.")
    ],
    action: Annotated[
        str, typer.Argument(metavar="ACTION", help="Action, such as sync or update/*.")
    ],
    resource: Annotated[
        str, typer.Argument(metavar="RESOURCE", help="Resource, such as applications.")
    ],
    object_: Annotated[
        str, typer.Argument(metavar="OBJECT", help="Object, such as team-a/web.")
    ],
    *,
    group: Annotated[
        list[str] | None, typer.Option(help="Group of the subject; may be repeated.")
    ] = None,
    with_: Annotated[
        str,
        typer.Option(
            "--with",
            help="AccessGrant to assume as active.",
            autocompletion=grant_names,
        ),
    ] = "",
    with_role: Annotated[
        str,
        typer.Option(
            help="Role to assume as granted.",
            metavar="ROLE",
            autocompletion=role_names,
        ),
    ] = "",
    project: Annotated[str, typer.Option(help="AppProject of --with-role.")] = "",
    user_id: Annotated[
        bool,
        typer.Option("--user-id", help="SUBJECT is a user ID, not an e-mail address."),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Exit status only, no output.")
    ] = False,
    namespace: Namespace = "",
    instance: InstanceName = "default",
    context: Context = "",
    argocd_context: Annotated[
        str, typer.Option(help="Kubeconfig context of Argo CD's cluster, if another.")
    ] = "",
    output: Annotated[
        AnswerFormat, typer.Option("--output", "-o", help="Output format.")
    ] = AnswerFormat.TEXT,
) -> None:
    """Check whether Argo CD allows a request, and by which rule.

    Read-only, with your own permissions. Exit status: 0 for yes, 1 for no, 2 for an
    error.

    Example: argogrant can ann@example.com sync applications team-a/web --with fix
    """
    query = AccessQuery(
        subject=subject,
        groups=group or [],
        is_user_id=user_id,
        request=_parse_request(resource, action, object_),
        grant=with_,
        role=_parse_role(with_, with_role, project),
    )
    answer = run_command(
        "can",
        _simulate(query, namespace, instance, contexts=(context, argocd_context)),
        error_status=EXIT_ERROR,
    )
    if not quiet:
        is_json = output is AnswerFormat.JSON
        typer.echo(as_json(answer) if is_json else in_words(answer, columns()))
    if not answer.is_allowed:
        raise typer.Exit(EXIT_NO)


def _parse_request(resource: str, action: str, object_: str) -> EnforceRequest:
    if resource not in RESOURCES:
        valid = ", ".join(sorted(RESOURCES))
        raise typer.BadParameter(f"must be one of: {valid}.", param_hint="RESOURCE")
    if action.partition("/")[0] not in ACTIONS:
        valid = ", ".join(sorted(ACTIONS))
        raise typer.BadParameter(f"must be one of: {valid}.", param_hint="ACTION")
    return EnforceRequest(resource=resource, action=action, object=object_)


def _parse_role(grant: str, role: str, project: str) -> RoleRef | None:
    if grant and role:
        raise typer.BadParameter(
            "specify one of --with and --with-role", param_hint="--with"
        )
    if project and not role:
        raise typer.BadParameter("requires --with-role", param_hint="--project")
    return RoleRef(name=role, project=project or None) if role else None


async def _simulate(
    query: AccessQuery, namespace: str, name: str, *, contexts: tuple[str, str]
) -> SimulationResult:
    context, argocd_context = contexts
    async with session(context, namespace) as home:
        instance = await instance_of(home, name)
        assumption = await _what_if(home, query, name)
        argocd_namespace = instance.argocd_namespace
        async with argocd_of(home, instance, argocd_context) as cluster:
            rbac = await read_rules(cluster, argocd_namespace)
            settings = await read_argocd_settings(cluster, argocd_namespace)
    if rbac.config_map.unmanaged.claims is None:
        raise CommandError(
            "scopes of argocd-rbac-cm is not a YAML list of claims. Argo CD uses the"
            " scopes that it loaded before, which only Argo CD knows. Fix or remove"
            " scopes."
        )
    return simulate(query, instance, rbac, settings=settings, assumption=assumption)


async def _what_if(home: Session, query: AccessQuery, instance: str) -> WhatIf | None:
    if query.role is not None:
        binding = Binding(query.subject, query.role.bound_as)
        name = f"role {query.role.bound_as}"
        return WhatIf(binding=binding, project=query.role.project, name=name)
    if not query.grant:
        return None
    grant = (await find_grant(home, query.grant)).grant
    if grant.instance != instance:
        raise CommandError(
            f"AccessGrant {quote(query.grant)} is for another Argo CD. Add --instance"
            f" {grant.instance}."
        )
    return WhatIf(
        binding=grant.binding,
        project=grant.role.project,
        name=f"AccessGrant {grant.name}",
    )
