"""The command ``argogrant roles``: every role that a grant can name."""

from collections.abc import Sequence
from typing import Annotated, Final

import typer

from argogrant.api.argocdinstance import role_summary
from argogrant.argocd.roles import DiscoveredRole, discover_roles
from argogrant.cli import options as option
from argogrant.cli.errors import run_command
from argogrant.cli.options import ListFormat, serialize_data
from argogrant.cli.session import argocd_of, instance_of, read_rules, session
from argogrant.cli.terminal.tables import NONE, columns, sanitize, table
from argogrant.controller.planner import owners_of
from argogrant.grants.access.policy import Owners

HEADER: Final = ("NAME", "PROJECT", "DENIES", "PERSISTS", "DESCRIPTION")
WIDE_HEADER: Final = (*HEADER[:3], "OWNER", "DESCRIPTION", "PERSISTS BY")


def roles(
    *,
    namespace: option.Namespace = "",
    instance: option.InstanceName = "default",
    context: option.Context = "",
    argocd_context: Annotated[
        str, typer.Option(help="Context of Argo CD's cluster, if it is another one.")
    ] = "",
    output: option.Output = ListFormat.TABLE,
) -> None:
    """List every role that a grant can name, and the risks of each.

    DENIES: the role has deny rules. PERSISTS: the role can create access that outlasts
    the grant; -o wide lists the permissions. Read-only, with your own permissions.

    Example: argogrant roles -n argogrant -o wide
    """

    async def read() -> tuple[tuple[DiscoveredRole, ...], Owners]:
        async with session(context, namespace) as home:
            found = await instance_of(home, instance)
            async with argocd_of(home, found, argocd_context) as cluster:
                config_map, projects = await read_rules(cluster, found.argocd_namespace)
        annotations = config_map.labels_and_annotations
        return (
            discover_roles(config_map.unmanaged, projects),
            owners_of(found, projects, annotations),
        )

    discovered, owners = run_command("roles", read())
    typer.echo(format_roles(discovered, owners, output=output, width=columns()))


def format_roles(
    roles: Sequence[DiscoveredRole], owners: Owners, *, output: ListFormat, width: int
) -> str:
    """Format the list; the width of the terminal limits only the table.

    JSON and YAML are as in the status of an ArgoCDInstance, but without limits.
    """
    if output is ListFormat.NAME:
        return "\n".join(sanitize(role.bound_as) for role in roles)
    if output is ListFormat.TABLE:
        return table(HEADER, [_row(role) for role in roles], width=width)
    if output is ListFormat.WIDE:
        return table(WIDE_HEADER, [_wide_row(role, owners) for role in roles])
    items = [
        {
            **role_summary(role, owners),
            "boundAs": role.bound_as,
            "waysToPersist": list(role.risks.persistent_permissions),
        }
        for role in roles
    ]
    return serialize_data({"items": items}, output)


def _row(role: DiscoveredRole) -> tuple[str, ...]:
    return (
        sanitize(role.name),
        sanitize(role.project),
        "yes" if role.risks.has_deny else NONE,
        "yes" if role.risks.can_persist else NONE,
        sanitize(role.description),
    )


def _wide_row(role: DiscoveredRole, owners: Owners) -> tuple[str, ...]:
    named = owners.named_owner(role.project or None)
    of_role = owners.integration if named is None else (named,)
    owner = ", ".join(f"{one.kind}/{sanitize(one.name)}" for one in of_role) or NONE
    permissions = ", ".join(role.risks.persistent_permissions) or NONE
    return (*_row(role)[:3], owner, sanitize(role.description), permissions)
