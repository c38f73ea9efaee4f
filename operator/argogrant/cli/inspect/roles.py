"""``argogrant roles``: what a grant can name, with the caller's own rights.

How roles are written: a table for people, JSON and YAML for programs. Pure.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

import typer
import yaml

from argogrant.api.argocdinstance_roles import role_summary
from argogrant.argocd.roles import DiscoveredRole, discover_roles
from argogrant.cli.argocd_reader import argocd_of, read_rules
from argogrant.cli.errors import run_command
from argogrant.cli.options import Context, InstanceName, ListFormat, Namespace, Output
from argogrant.cli.session import instance_of, session
from argogrant.cli.terminal.tables import NONE, columns, sanitize, table
from argogrant.controller.gather import owners_of
from argogrant.grants.access.policy import Owners

Roles = Sequence[DiscoveredRole]
HEADER: Final = ("NAME", "PROJECT", "DENIES", "PERSISTS", "DESCRIPTION")
WIDE_HEADER: Final = (*HEADER[:3], "OWNER", "DESCRIPTION", "PERSISTS BY")


def format_roles(
    roles: Roles, owners: Owners, *, output: ListFormat, width: int
) -> str:
    """Write the list.

    Args:
        roles: What a grant can name.
        owners: Whom they belong to.
        output: For whom.
        width: Columns of the terminal; only the table keeps within them.
    """
    return _WRITERS[output](roles, owners, width)


def _table(roles: Roles, _owners: Owners, width: int) -> str:
    rows = [
        (
            *_name(role),
            _yes(is_so=role.risks.has_deny),
            _yes(is_so=role.risks.can_persist),
            sanitize(role.description),
        )
        for role in roles
    ]
    return table(HEADER, rows, width=width)


def _wide(roles: Roles, owners: Owners, _width: int) -> str:
    rows = [
        (
            *_name(role),
            _yes(is_so=role.risks.has_deny),
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


_WRITERS: Final[Mapping[ListFormat, Callable[[Roles, Owners, int], str]]] = {
    ListFormat.TABLE: _table,
    ListFormat.WIDE: _wide,
    ListFormat.JSON: _json,
    ListFormat.YAML: _yaml,
    ListFormat.NAME: _names,
}


def _items(roles: Roles, owners: Owners) -> dict[str, list[dict[str, Any]]]:
    """Write the roles as a status lists them, but whole and with every reason."""
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
    """Write what a grant says in spec.role."""
    return sanitize(role.name), sanitize(role.project)


def _yes(*, is_so: bool) -> str:
    return "yes" if is_so else NONE


def _owner(role: DiscoveredRole, owners: Owners) -> str:
    owner = owners.named_owner(role.project or None)
    found = (owner,) if owner is not None else owners.integration
    return ", ".join(f"{one.kind}/{sanitize(one.name)}" for one in found) or NONE


def roles(
    *,
    namespace: Namespace = "",
    instance: InstanceName = "default",
    context: Context = "",
    argocd_context: Annotated[
        str, typer.Option(help="The context of Argo CD's cluster, if that is another.")
    ] = "",
    output: Output = ListFormat.TABLE,
) -> None:
    """List every role that a grant can name, and which to be careful with.

    DENIES: the role can take rights away. PERSISTS: its holder can make access outlast
    the grant; -o wide says by which rights. It only reads, with your own rights.

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
    async with session(context, namespace) as ours:
        instance = await instance_of(ours, name)
        async with argocd_of(ours, instance, argocd_context) as cluster:
            seen = await read_rules(cluster, instance.argocd_namespace)
    found = discover_roles(seen.config_map.unmanaged, seen.projects)
    return found, owners_of(
        instance, seen.projects, seen.config_map.labels_and_annotations
    )
