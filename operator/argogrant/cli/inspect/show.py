"""``argogrant show``: why a grant gives access, or why it does not."""

import json
from enum import StrEnum
from typing import Annotated

import typer
import yaml

from argogrant.api.accessgrant_view import (
    ToldApproval,
    ToldGrant,
    read_told,
    read_told_approval,
)
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.cli.errors import CommandFailed, perform
from argogrant.cli.grant_lookup import grant_body
from argogrant.cli.inspect.binding_lookup import Held, line_of, look, unseen
from argogrant.cli.inspect.describe import Facts
from argogrant.cli.inspect.describe_format import show, told
from argogrant.cli.options import Context, GrantName, Namespace
from argogrant.cli.session import Session, instance_of, session, utc_now
from argogrant.cli.terminal.tables import tell
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.validation import quoted
from argogrant.kube.client import Body
from argogrant.kube.errors import ClusterError, Forbidden
from argogrant.kube.informer import listed
from argogrant.kube.resources import ACCESS_APPROVALS, Collection


class Format(StrEnum):
    """How the story is written."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


def show_grant(
    name: GrantName,
    *,
    namespace: Namespace = "",
    context: Context = "",
    argocd_context: Annotated[
        str, typer.Option(help="The context of Argo CD's cluster, if that is another.")
    ] = "",
    output: Annotated[
        Format, typer.Option("--output", "-o", help="For people, or for programs.")
    ] = Format.TEXT,
) -> None:
    """Say why a grant gives access, or why not, and whether Argo CD has it.

    Whose approvals count, what was checked, and what to do next. It only reads, with
    your own rights; what they do not suffice for has a question mark.

    Example: argogrant show alice-deploys -n argogrant
    """
    facts = perform("show", _read(name, namespace, context, argocd_context))
    if output is Format.JSON:
        typer.echo(json.dumps(told(facts), indent=2))
        return
    if output is Format.YAML:
        typer.echo(yaml.safe_dump(told(facts), sort_keys=False), nl=False)
        return
    tell(lambda width, marks: show(facts, width=width, marks=marks))


async def _read(name: str, namespace: str, context: str, argocd_context: str) -> Facts:
    async with session(context, namespace) as ours:
        body = await grant_body(ours, name)
        grant = read_told(body)
        approvals, problem = await _approvals(ours, name)
        return Facts(
            grant=grant,
            is_stale=_is_stale(body),
            approvals=approvals,
            approvals_problem=problem,
            held=await _held(ours, grant, argocd_context),
            now=utc_now(),
        )


def _is_stale(body: Body) -> bool:
    """Tell whether the operator spoke of an earlier spec than this one."""
    status = body.get("status") or {}
    generation = body["metadata"].get("generation")
    return bool(status) and status.get("observedGeneration") != generation


async def _approvals(ours: Session, name: str) -> tuple[tuple[ToldApproval, ...], str]:
    collection = Collection(ACCESS_APPROVALS, ours.namespace)
    try:
        found = [
            read_told_approval(one) async for one in listed(ours.cluster, collection)
        ]
    except Forbidden:
        return (), "you may not list them"
    except ClusterError as error:
        return (), str(error)
    return tuple(one for one in found if one.grant_name == name), ""


async def _held(
    ours: Session, grant: ToldGrant, argocd_context: str
) -> tuple[Held, ...]:
    binding = Binding(grant.subject, grant.role)
    try:
        instance = await instance_of(ours, grant.instance)
        if argocd_context:
            async with session(argocd_context) as there:
                return await look(there.cluster, instance, binding)
        if instance.cluster is None:
            return await look(ours.cluster, instance, binding)
        problem = "it is in another cluster; name its context (--argocd-context)"
    except Forbidden:
        problem = f"you may not read the ArgoCDInstance {quoted(grant.instance)}"
    except (CommandFailed, ClusterError) as error:
        problem = str(error).rstrip(".")
    return (unseen(CONFIG_MAP_NAME, line_of(binding), problem),)
