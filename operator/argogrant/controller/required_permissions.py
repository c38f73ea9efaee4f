"""The rights that the operator needs, and what is said where some are missing. Pure.

``manifests/`` and ``docs/how-to/token-rotation.md`` give them; tests hold them
together. Events are left out: without that right they are not posted, and nothing else
is missing.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from argogrant.api.argocdinstance import Instance
from argogrant.api.remote_cluster import RemoteCluster
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.kube.leader_election import LEASE_NAME
from argogrant.kube.permissions import Permission, describe_permissions
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

HOME_ROLE: Final = "manifests/argogrant-namespace.yaml"
ARGOCD_ROLE: Final = "manifests/argocd-namespace.yaml"
REMOTE_ROLE: Final = "manifests/remote-cluster.yaml"
APPPROJECT_ROLE: Final = "manifests/argocd-appprojects.yaml"
ROTATION_ROLE: Final = "docs/how-to/token-rotation.md"
REMEDIES: Final = {
    HOME_ROLE: f"the Role argogrant of its own namespace ({HOME_ROLE})",
    ARGOCD_ROLE: f"the Role argogrant of Argo CD's namespace ({ARGOCD_ROLE})",
    REMOTE_ROLE: f"the Role argogrant of the other cluster ({REMOTE_ROLE})",
    APPPROJECT_ROLE: (
        f"the Role argogrant-appprojects of Argo CD's namespace ({APPPROJECT_ROLE})"
    ),
    ROTATION_ROLE: f"the Role argogrant-token ({ROTATION_ROLE})",
}
"""What to give, by where it is written down."""

_READ: Final = ("get", "list", "watch")
_READ_AND_PATCH: Final = (*_READ, "patch")
_IDENTITY: Final = ("argogrant-requester", "argogrant-approver")


def argocd_permissions(instance: Instance) -> tuple[Permission, ...]:
    """Name what an instance needs in the cluster of its Argo CD."""
    cluster = instance.cluster
    server = cluster.server if cluster else ""
    of_argocd = REMOTE_ROLE if cluster else ARGOCD_ROLE
    namespace = instance.argocd_namespace
    rights = [
        Permission(
            verb=verb,
            resource=resource,
            namespace=namespace,
            name=name,
            manifest=manifest,
            server=server,
        )
        for resource, name, verbs, manifest in (
            (CONFIG_MAPS, CONFIG_MAP_NAME, _READ_AND_PATCH, of_argocd),
            (APP_PROJECTS, "", _READ, of_argocd),
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
        rights.append(
            Permission(
                verb="create",
                resource=SERVICE_ACCOUNTS,
                namespace=rotation.namespace,
                name=rotation.service_account,
                subresource="token",
                manifest=ROTATION_ROLE,
                server=server,
            )
        )
    return tuple(rights)


def home_permissions(
    namespace: str, cluster: RemoteCluster | None = None
) -> tuple[Permission, ...]:
    """Name what an instance needs where it is itself.

    Args:
        namespace: Of the instance and its grants.
        cluster: Where its Argo CD runs, if that is another cluster.
    """
    rights = [
        *_ours(namespace, ACCESS_GRANTS, _READ_AND_PATCH),
        *_ours(namespace, ACCESS_GRANTS, ("patch",), "status"),
        *_ours(namespace, ARGOCD_INSTANCES, _READ_AND_PATCH),
        *_ours(namespace, ARGOCD_INSTANCES, ("patch",), "status"),
        *_ours(namespace, ACCESS_POLICIES, _READ),
        *_ours(namespace, ACCESS_POLICIES, ("patch",), "status"),
        *_ours(namespace, ACCESS_APPROVALS, _READ),
        *_ours(namespace, ACCESS_APPROVALS, ("patch",), "status"),
    ]
    if cluster is not None:
        rights += [
            Permission(
                verb=verb,
                resource=SECRETS,
                namespace=namespace,
                name=cluster.secret_name,
                manifest=ROTATION_ROLE,
            )
            for verb in (_READ_AND_PATCH if cluster.rotation else _READ)
        ]
    return tuple(rights)


def retention_permissions(namespace: str) -> tuple[Permission, ...]:
    """Name what deletes ended grants; without it they are only kept for longer.

    Args:
        namespace: Of the grants.
    """
    return (
        *_ours(namespace, ACCESS_GRANTS, ("delete",)),
        *_ours(namespace, ACCESS_APPROVALS, ("delete",)),
    )


def operator_permissions(namespace: str) -> tuple[Permission, ...]:
    """Name what the operator needs to lead, and to know who vouches for requesters.

    It can not lead without the former, so that it never asks itself for them; what it
    lacks of the latter ``RequesterVerified`` says.

    Args:
        namespace: Of the Lease.
    """
    leading = [
        Permission(
            verb=verb,
            resource=LEASES,
            namespace=namespace,
            name="" if verb == "create" else LEASE_NAME,
            manifest=HOME_ROLE,
        )
        for verb in (*_READ_AND_PATCH, "create")
    ]
    vouching = [
        Permission(verb=verb, resource=resource, name=name, manifest=HOME_ROLE)
        for resource in (VALIDATING_POLICIES, VALIDATING_BINDINGS)
        for name in _IDENTITY
        for verb in _READ
    ]
    return (*leading, *vouching)


def missing_message(missing: Sequence[Permission]) -> str:
    """Say what is missing, all of it, and which Roles have it."""
    manifests = dict.fromkeys(right.manifest for right in missing)
    remedies = " and ".join(REMEDIES[manifest] for manifest in manifests)
    return (
        f"The operator's service account may not {describe_permissions(missing)}."
        f" Give it {remedies}."
    )


def _ours(
    namespace: str, resource: Resource, verbs: Sequence[str], subresource: str = ""
) -> Iterator[Permission]:
    for verb in verbs:
        yield Permission(
            verb=verb,
            resource=resource,
            namespace=namespace,
            subresource=subresource,
            manifest=HOME_ROLE,
        )
