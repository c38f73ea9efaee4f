"""Cautions about a request, as far as the requester may read Argo CD's RBAC policy."""

from argogrant.argocd.subject_rules import index_subject_rules
from argogrant.cli.errors import CommandError
from argogrant.cli.session import Session, argocd_of, instance_of, read_rules
from argogrant.grants.access.subject_rules import subject_caution
from argogrant.grants.model.grant import RoleRef, Subject
from argogrant.kube.errors import ClusterError


async def find_cautions(
    api: Session, instance_name: str, subject: Subject, role: RoleRef
) -> list[str]:
    """Return what a grant would give beyond its role.

    The result is empty if the caller cannot read the policy. The operator reports the
    same in the status of the grant.
    """
    try:
        instance = await instance_of(api, instance_name)
        async with argocd_of(api, instance, "") as cluster:
            config_map, projects = await read_rules(cluster, instance.argocd_namespace)
    except (CommandError, ClusterError):
        return []
    index = index_subject_rules(
        config_map.unmanaged, projects, binds_in_projects=instance.binds_in_projects
    )
    caution = subject_caution(index.activated_by(subject.name, role).rules)
    return [caution] if caution else []
