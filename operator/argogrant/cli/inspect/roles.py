"""The command ``argogrant roles``: every role that a grant can name."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import click

from argogrant.api.argocdinstance import Instance, role_summary
from argogrant.api.json_fields import get_dict
from argogrant.argocd.roles import DiscoveredRole, discover_roles
from argogrant.cli.errors import CommandError, run_command
from argogrant.cli.formats import ListFormat
from argogrant.cli.parsed_objects import argocd_of, parse_instance, read_rules
from argogrant.cli.serialization import serialize_data
from argogrant.cli.session import instance_body, session
from argogrant.cli.status_roles import UNKNOWN_WAYS, read_status_roles
from argogrant.cli.terminal.tables import NONE, columns, sanitize, table, wrap
from argogrant.controller.planner import owners_of
from argogrant.grants.access.policy import Owners
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import quote
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import Forbidden

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
    listed = run_command("roles", _read(namespace, instance, context, argocd_context))
    if listed.note:
        click.echo(listed.note, err=True)
    click.echo(
        format_roles(
            listed.roles,
            listed.owners,
            output=output,
            width=columns(),
            has_header=not no_headers,
        )
    )


class ListedRoles(NamedTuple):
    """Roles of an Argo CD, and where they were read."""

    roles: tuple[DiscoveredRole, ...]
    owners: Owners
    note: str = ""
    """Why the roles are those of the status of the ArgoCDInstance; empty otherwise."""


async def _read(
    namespace: str, name: str, context: str, argocd_context: str
) -> ListedRoles:
    async with session(context, namespace) as home:
        body = await instance_body(home, name)
        instance = parse_instance(name, body)
        if instance.cluster is not None and not argocd_context:
            why = "Argo CD runs in another cluster (--argocd-context names its context)"
            return _of_status(name, body, why)
        try:
            async with argocd_of(home, instance, argocd_context) as cluster:
                return await _of_argocd(cluster, instance)
        except Forbidden:
            where = quote(instance.argocd_namespace)
            why = f"you do not have permission to read the rules in namespace {where}"
            return _of_status(name, body, why)


async def _of_argocd(cluster: Cluster, instance: Instance) -> ListedRoles:
    config_map, projects = await read_rules(cluster, instance.argocd_namespace)
    owners = owners_of(instance, projects, config_map.labels_and_annotations)
    return ListedRoles(discover_roles(config_map.unmanaged, projects), owners)


def _of_status(name: str, body: Body, why: str) -> ListedRoles:
    """Return the roles that the operator listed.

    Raises:
        CommandError: The status lists no role.
    """
    found = read_status_roles(get_dict(body, "status"))
    if not found.roles:
        raise CommandError(
            f"{why}, and the status of ArgoCDInstance {quote(name)} lists no roles. See"
            f" its conditions: kubectl describe argocdinstance {sanitize(name)}."
        )
    count = (
        ""
        if found.are_complete
        else f" It lists {len(found.roles)} of {found.number} roles."
    )
    note = (
        f"These roles are from the status of ArgoCDInstance {quote(name)}, because"
        f" {why}.{count}"
    )
    return ListedRoles(found.roles, found.owners, note)


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
            "waysToPersist": _ways_to_persist(role),
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


def _ways_to_persist(role: DiscoveredRole) -> list[str] | None:
    ways = role.risks.persistent_permissions
    return None if ways == UNKNOWN_WAYS else list(ways)


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
