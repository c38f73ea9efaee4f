"""Cautions about a request, as far as the requester may read what they follow from."""

from argogrant.api.json_fields import get_dict
from argogrant.argocd.subject_rules import index_subject_rules
from argogrant.cli.errors import CommandError
from argogrant.cli.parsed_objects import argocd_of, instance_of, read_rules
from argogrant.cli.session import Session
from argogrant.cli.status_roles import read_status_roles
from argogrant.cli.terminal.tables import sanitize
from argogrant.grants.access.subject_rules import subject_caution
from argogrant.grants.effectiveness import describe_empty_role
from argogrant.grants.model.grant import RoleRef, Subject
from argogrant.kube.client import Body
from argogrant.kube.errors import ClusterError
from argogrant.kube.resources import ARGOCD_INSTANCES


async def find_cautions(
    api: Session, instance_name: str, subject: Subject, role: RoleRef
) -> list[str]:
    """Return what a grant would give beyond its role, and that the role is empty.

    What the caller cannot read is left out. The operator reports the same sentences in
    the status of the grant. They are sanitized.
    """
    return [
        sanitize(caution)
        for caution in (
            await _about_role(api, instance_name, role),
            await _about_subject(api, instance_name, subject, role),
        )
        if caution
    ]


async def _about_role(api: Session, instance_name: str, role: RoleRef) -> str:
    try:
        path = ARGOCD_INSTANCES.path(api.namespace, instance_name)
        return role_caution(await api.cluster.get(path), role)
    except ClusterError:
        return ""


def role_caution(instance: Body, role: RoleRef) -> str:
    """Return that a role allows nothing, as the status of an ArgoCDInstance says."""
    found = read_status_roles(get_dict(instance, "status")).find(role.bound_as)
    if found is None or not found.allows_nothing:
        return ""
    return describe_empty_role(role.bound_as, found.allows_nothing)


async def _about_subject(
    api: Session, instance_name: str, subject: Subject, role: RoleRef
) -> str:
    try:
        instance = await instance_of(api, instance_name)
        async with argocd_of(api, instance, "") as cluster:
            config_map, projects = await read_rules(cluster, instance.argocd_namespace)
    except (CommandError, ClusterError):
        return ""
    index = index_subject_rules(
        config_map.unmanaged, projects, binds_in_projects=instance.binds_in_projects
    )
    return subject_caution(index.activated_by(subject.name, role).rules)
