"""The command ``argogrant roles``: every role that a grant can name."""

from collections.abc import Iterator, Sequence
from typing import Final

import click

from argogrant.api.argocdinstance import role_summary
from argogrant.argocd.roles import DiscoveredRole, discover_roles
from argogrant.cli.errors import run_command
from argogrant.cli.formats import ListFormat
from argogrant.cli.serialization import serialize_data
from argogrant.cli.session import argocd_of, instance_of, read_rules, session
from argogrant.cli.terminal.tables import NONE, columns, sanitize, table, wrap
from argogrant.controller.planner import owners_of
from argogrant.grants.access.policy import Owners
from argogrant.grants.model.reasons import Reason

HEADER: Final = ("NAME", "PROJECT", "DENIES", "PERSISTS", "DESCRIPTION")
WIDE_HEADER: Final = (*HEADER[:3], "OWNER", "DESCRIPTION", "PERSISTS BY")


def roles(  # noqa: PLR0913 - one for each option
    *,
    namespace: str,
    instance: str,
    no_headers: bool,
    context: str,
    argocd_context: str,
    output: ListFormat,
) -> None:
    """Print the roles of an Argo CD."""

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
    click.echo(
        format_roles(
            discovered,
            owners,
            output=output,
            width=columns(),
            has_header=not no_headers,
        )
    )


def format_roles(
    roles: Sequence[DiscoveredRole],
    owners: Owners,
    *,
    output: ListFormat,
    width: int,
    has_header: bool = True,
) -> str:
    """Format the list; the width of the terminal limits only the table.

    JSON and YAML are as in the status of an ArgoCDInstance, but without limits.
    """
    if output is ListFormat.NAME:
        return "\n".join(sanitize(role.bound_as) for role in roles)
    if output is ListFormat.TABLE:
        rows = [_row(role) for role in roles]
        text = table(
            HEADER, rows, width=width, whole=("NAME", "PROJECT"), has_header=has_header
        )
        return "\n".join([text, *_notes(roles, width)])
    if output is ListFormat.WIDE:
        wide = [_wide_row(role, owners) for role in roles]
        text = table(WIDE_HEADER, wide, has_header=has_header)
        return "\n".join([text, *_notes(roles, width)])
    items = [
        {
            **role_summary(role, owners),
            "boundAs": role.bound_as,
            "waysToPersist": list(role.risks.persistent_permissions),
        }
        for role in roles
    ]
    return serialize_data({"items": items}, output)


def _notes(roles: Sequence[DiscoveredRole], width: int) -> Iterator[str]:
    """Explain below the table which roles allow nothing, and why."""
    for role in roles:
        if role.allows_nothing:
            name, why = sanitize(role.bound_as), sanitize(role.allows_nothing)
            yield wrap(f"{Reason.ROLE_ALLOWS_NOTHING}: {name}: {why}", width, 2)


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
