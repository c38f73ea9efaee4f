"""The command ``argogrant roles``: every role that a grant can name."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

import typer
import yaml

from argogrant.api.argocdinstance import role_summary
from argogrant.argocd.roles import DiscoveredRole, discover_roles
from argogrant.cli.errors import run_command
from argogrant.cli.options import Context, InstanceName, ListFormat, Namespace, Output
from argogrant.cli.session import argocd_of, instance_of, read_rules, session
from argogrant.cli.terminal.tables import NONE, columns, sanitize, table
from argogrant.controller.gather import owners_of
from argogrant.grants.access.policy import Owners

Roles = Sequence[DiscoveredRole]
HEADER: Final = ("NAME", "PROJECT", "DENIES", "PERSISTS", "DESCRIPTION")
WIDE_HEADER: Final = (*HEADER[:3], "OWNER", "DESCRIPTION", "PERSISTS BY")


def format_roles(
    roles: Roles, owners: Owners, *, output: ListFormat, width: int
) -> str:
    """Format the list.

    Args:
        roles: Roles that a grant can name.
        owners: Owners of the roles.
        output: Output format.
        width: Columns of the terminal, which limit only the table.
    """
    return _FORMATTERS[output](roles, owners, width)


def _table(roles: Roles, _owners: Owners, width: int) -> str:
    rows = [
        (
            *_name(role),
            _yes_or_none(role.risks.has_deny),
            _yes_or_none(role.risks.can_persist),
            sanitize(role.description),
        )
        for role in roles
    ]
    return table(HEADER, rows, width=width)


def _wide(roles: Roles, owners: Owners, _width: int) -> str:
    rows = [
        (
            *_name(role),
            _yes_or_none(role.risks.has_deny),
            _owner(role, owners),
            sanitize(role.description),
            ", ".join(role.risks.persistent_permissions) or NONE,
        )
        for role in roles
    ]
    return table(WIDE_HEADER, rows)


def _names(roles: Roles, _owners: Owners, _width: int) -> str:
    return "\n".join(sanitize(role.bound_as) for role in roles)


def _json(roles: Roles, owners: Owners, _width: int) -> str:
    return json.dumps(_items(roles, owners), indent=2)


def _yaml(roles: Roles, owners: Owners, _width: int) -> str:
    return yaml.safe_dump(_items(roles, owners), sort_keys=False).rstrip("\n")


_FORMATTERS: Final[Mapping[ListFormat, Callable[[Roles, Owners, int], str]]] = {
    ListFormat.TABLE: _table,
    ListFormat.WIDE: _wide,
    ListFormat.JSON: _json,
    ListFormat.YAML: _yaml,
    ListFormat.NAME: _names,
}


def _items(roles: Roles, owners: Owners) -> dict[str, list[dict[str, Any]]]:
    """Return the roles as in the status of an ArgoCDInstance, but without limits."""
    return {
        "items": [
            {
                **role_summary(role, owners),
                "boundAs": role.bound_as,
                "waysToPersist": list(role.risks.persistent_permissions),
            }
            for role in roles
        ]
    }


def _name(role: DiscoveredRole) -> tuple[str, str]:
    """Return the name and the project as in spec.role of a grant."""
    return sanitize(role.name), sanitize(role.project)


def _yes_or_none(value: bool) -> str:  # noqa: FBT001
    return "yes" if value else NONE


def _owner(role: DiscoveredRole, owners: Owners) -> str:
    owner = owners.named_owner(role.project or None)
    names = (owner,) if owner is not None else owners.integration
    return ", ".join(f"{one.kind}/{sanitize(one.name)}" for one in names) or NONE


def roles(
    *,
    namespace: Namespace = "",
    instance: InstanceName = "default",
    context: Context = "",
    argocd_context: Annotated[
        str, typer.Option(help="Context of Argo CD's cluster, if it is another one.")
    ] = "",
    output: Output = ListFormat.TABLE,
) -> None:
    """List every role that a grant can name, and the risks of each.

    DENIES: the role has deny rules. PERSISTS: the role can create access that outlasts
    the grant; -o wide lists the permissions. Read-only, with your own permissions.

    Example: argogrant roles -n argogrant -o wide
    """
    found, owners = run_command(
        "roles",
        _read(namespace, instance, context=context, argocd_context=argocd_context),
    )
    typer.echo(format_roles(found, owners, output=output, width=columns()))


async def _read(
    namespace: str, name: str, *, context: str, argocd_context: str
) -> tuple[tuple[DiscoveredRole, ...], Owners]:
    async with session(context, namespace) as home:
        instance = await instance_of(home, name)
        async with argocd_of(home, instance, argocd_context) as cluster:
            observed = await read_rules(cluster, instance.argocd_namespace)
    found = discover_roles(observed.config_map.unmanaged, observed.projects)
    return found, owners_of(
        instance, observed.projects, observed.config_map.labels_and_annotations
    )
