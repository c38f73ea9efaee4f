"""Catalog of the operator's permissions and of the Roles that grant them.

Pure. Every permission names the shipped Role that contains it, and every message about
a missing permission takes the Role from here. A contract test compares the catalog with
the files of ``manifests/`` and with ``docs/how-to/token-rotation.md``, in both
directions. The permission to create Events is not listed: without it the operator posts
no Events and works otherwise.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from argogrant.api.argocdinstance import Instance
from argogrant.api.remote_cluster import RemoteCluster
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.kube.leader_election import LEASE_NAME
from argogrant.kube.permissions import Permission, ShippedRole, describe_permissions
from argogrant.kube.resources import (
    ACCESS_APPROVALS,
    ACCESS_GRANTS,
    ACCESS_POLICIES,
    APP_PROJECTS,
    ARGOCD_INSTANCES,
    CONFIG_MAPS,
    LEASES,
    SECRETS,
    SERVICE_ACCOUNTS,
    VALIDATING_BINDINGS,
    VALIDATING_POLICIES,
    Resource,
)

HOME_ROLE: Final = ShippedRole(
    "the Role argogrant of its own namespace", "manifests/argogrant-namespace.yaml"
)
IDENTITY_ROLE: Final = ShippedRole(
    "the ClusterRole argogrant-identity", "manifests/argogrant-namespace.yaml"
)
ARGOCD_ROLE: Final = ShippedRole(
    "the Role argogrant of Argo CD's namespace", "manifests/argocd-namespace.yaml"
)
APPPROJECT_ROLE: Final = ShippedRole(
    "the Role argogrant-appprojects of Argo CD's namespace",
    "manifests/argocd-appprojects.yaml",
)
REMOTE_ROLE: Final = ShippedRole(
    "the Role argogrant of the other cluster", "manifests/remote-cluster.yaml"
)
ROTATION_ROLE: Final = ShippedRole(
    "the Role argogrant-token", "docs/how-to/token-rotation.md"
)

_READ: Final = ("get", "list", "watch")
_READ_AND_PATCH: Final = (*_READ, "patch")
_ADMISSION_POLICIES: Final = ("argogrant-requester", "argogrant-approver")


def argocd_permissions(instance: Instance) -> tuple[Permission, ...]:
    """List the permissions for an instance in the cluster of its Argo CD."""
    cluster = instance.cluster
    server = cluster.server if cluster else ""
    argocd_role = REMOTE_ROLE if cluster else ARGOCD_ROLE
    namespace = instance.argocd_namespace
    permissions = [
        Permission(
            verb=verb,
            resource=resource,
            namespace=namespace,
            name=name,
            role=role,
            server=server,
        )
        for resource, name, verbs, role in (
            (CONFIG_MAPS, CONFIG_MAP_NAME, _READ_AND_PATCH, argocd_role),
            (APP_PROJECTS, "", _READ, argocd_role),
            (
                APP_PROJECTS,
                "",
                ("patch",) if instance.binds_in_projects else (),
                APPPROJECT_ROLE,
            ),
        )
        for verb in verbs
    ]
    if cluster is not None and cluster.rotation is not None:
        rotation = cluster.rotation
        permissions.append(
            Permission(
                verb="create",
                resource=SERVICE_ACCOUNTS,
                namespace=rotation.namespace,
                name=rotation.service_account,
                subresource="token",
                role=ROTATION_ROLE,
                server=server,
            )
        )
    return tuple(permissions)


def home_permissions(
    namespace: str, cluster: RemoteCluster | None = None
) -> tuple[Permission, ...]:
    """List the permissions for an instance in its own namespace.

    Args:
        namespace: Namespace of the instance and its grants.
        cluster: The cluster of Argo CD, if it is another one.
    """
    permissions = [
        *_home(namespace, ACCESS_GRANTS, _READ_AND_PATCH),
        *_home(namespace, ACCESS_GRANTS, ("patch",), "status"),
        *_home(namespace, ARGOCD_INSTANCES, _READ_AND_PATCH),
        *_home(namespace, ARGOCD_INSTANCES, ("patch",), "status"),
        *_home(namespace, ACCESS_POLICIES, _READ),
        *_home(namespace, ACCESS_POLICIES, ("patch",), "status"),
        *_home(namespace, ACCESS_APPROVALS, _READ),
        *_home(namespace, ACCESS_APPROVALS, ("patch",), "status"),
    ]
    if cluster is not None:
        permissions += [
            Permission(
                verb=verb,
                resource=SECRETS,
                namespace=namespace,
                name=cluster.secret_name,
                role=ROTATION_ROLE,
            )
            for verb in (_READ_AND_PATCH if cluster.rotation else _READ)
        ]
    return tuple(permissions)


def retention_permissions(namespace: str) -> tuple[Permission, ...]:
    """List the permissions to delete ended grants.

    Without them ended grants stay longer than ``spec.retention``; nothing else fails.

    Args:
        namespace: Namespace of the grants.
    """
    return (
        *_home(namespace, ACCESS_GRANTS, ("delete",)),
        *_home(namespace, ACCESS_APPROVALS, ("delete",)),
    )


def operator_permissions(namespace: str) -> tuple[Permission, ...]:
    """List the permissions for the leader election and the admission policies.

    The operator never reviews the former, since it does not start without them. The
    condition ``RequesterVerified`` reports missing ones of the latter.

    Args:
        namespace: Namespace of the Lease.
    """
    election = [
        Permission(
            verb=verb,
            resource=LEASES,
            namespace=namespace,
            name="" if verb == "create" else LEASE_NAME,
            role=HOME_ROLE,
        )
        for verb in ("get", "patch", "create")
    ]
    admission = [
        Permission(verb=verb, resource=resource, name=name, role=IDENTITY_ROLE)
        for resource in (VALIDATING_POLICIES, VALIDATING_BINDINGS)
        for name in _ADMISSION_POLICIES
        for verb in _READ
    ]
    return (*election, *admission)


def missing_message(missing: Sequence[Permission]) -> str:
    """Describe all missing permissions and name the Roles that grant them."""
    roles = " and ".join(map(str, dict.fromkeys(one.role for one in missing)))
    return (
        f"The operator's service account may not {describe_permissions(missing)}."
        f" Give it {roles}."
    )


def _home(
    namespace: str, resource: Resource, verbs: Sequence[str], subresource: str = ""
) -> Iterator[Permission]:
    for verb in verbs:
        yield Permission(
            verb=verb,
            resource=resource,
            namespace=namespace,
            subresource=subresource,
            role=HOME_ROLE,
        )
