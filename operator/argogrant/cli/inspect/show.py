"""The command ``argogrant show``: the description of one grant."""

import json
from enum import StrEnum
from typing import Annotated

import typer
import yaml

from argogrant.api.accessgrant_view import (
    AccessApprovalView,
    AccessGrantView,
    view_approval,
    view_grant,
)
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.cli.errors import CommandError, run_command
from argogrant.cli.inspect.binding_lookup import (
    BindingLookup,
    find_binding,
    line_of,
    not_readable,
)
from argogrant.cli.inspect.describe import GrantDescription, to_json, to_text
from argogrant.cli.options import Context, GrantName, Namespace
from argogrant.cli.session import Session, grant_body, instance_of, session, utc_now
from argogrant.cli.terminal.tables import print_line
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.validation import quote
from argogrant.kube.client import Body
from argogrant.kube.errors import ClusterError, Forbidden
from argogrant.kube.informer import list_all
from argogrant.kube.resources import ACCESS_APPROVALS, Collection


class ShowFormat(StrEnum):
    """Output formats of a description."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


def show_grant(
    name: GrantName,
    *,
    namespace: Namespace = "",
    context: Context = "",
    argocd_context: Annotated[
        str, typer.Option(help="Context of Argo CD's cluster, if it is another one.")
    ] = "",
    output: Annotated[
        ShowFormat, typer.Option("--output", "-o", help="Output format.")
    ] = ShowFormat.TEXT,
) -> None:
    """Explain why a grant gives access or not, and check whether Argo CD has it.

    Shows the conditions, each approval and whether it counts, and what to do next.
    Read-only, with your own permissions. Items that you cannot read are marked "?".

    Example: argogrant show alice-deploys -n argogrant
    """
    facts = run_command("show", _read(name, namespace, context, argocd_context))
    if output is ShowFormat.JSON:
        typer.echo(json.dumps(to_json(facts), indent=2))
        return
    if output is ShowFormat.YAML:
        typer.echo(yaml.safe_dump(to_json(facts), sort_keys=False), nl=False)
        return
    print_line(lambda width, marks: to_text(facts, width=width, marks=marks))


async def _read(
    name: str, namespace: str, context: str, argocd_context: str
) -> GrantDescription:
    async with session(context, namespace) as home:
        body = await grant_body(home, name)
        grant = view_grant(body)
        approvals, problem = await _approvals(home, name)
        return GrantDescription(
            grant=grant,
            is_stale=_is_stale(body),
            approvals=approvals,
            approvals_problem=problem,
            binding=await _find_binding(home, grant, argocd_context),
            now=utc_now(),
        )


def _is_stale(body: Body) -> bool:
    """Return whether the status is about an earlier generation of the grant."""
    status = body.get("status") or {}
    generation = body["metadata"].get("generation")
    return bool(status) and status.get("observedGeneration") != generation


async def _approvals(
    home: Session, name: str
) -> tuple[tuple[AccessApprovalView, ...], str]:
    collection = Collection(ACCESS_APPROVALS, home.namespace)
    try:
        found = [view_approval(one) async for one in list_all(home.cluster, collection)]
    except Forbidden:
        return (), "you do not have permission to list them"
    except ClusterError as error:
        return (), str(error)
    return tuple(one for one in found if one.grant_name == name), ""


async def _find_binding(
    home: Session, grant: AccessGrantView, argocd_context: str
) -> tuple[BindingLookup, ...]:
    binding = Binding(grant.subject, grant.role)
    try:
        instance = await instance_of(home, grant.instance)
        if argocd_context:
            async with session(argocd_context) as remote:
                return await find_binding(remote.cluster, instance, binding)
        if instance.cluster is None:
            return await find_binding(home.cluster, instance, binding)
        problem = "it is in another cluster; name its context with --argocd-context"
    except Forbidden:
        instance_name = quote(grant.instance)
        problem = f"you do not have permission to read ArgoCDInstance {instance_name}"
    except (CommandError, ClusterError) as error:
        problem = str(error).rstrip(".")
    return (not_readable(CONFIG_MAP_NAME, line_of(binding), problem),)
