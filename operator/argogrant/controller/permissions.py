"""Catalog of the operator's permissions, and the background check for missing ones.

Every permission names the shipped Role that contains it, and every message about a
missing permission takes the Role from here. A contract test compares the catalog with
the files of ``manifests/`` and with ``docs/how-to/token-rotation.md``, in both
directions. The permission to create Events is not listed: without it the operator posts
no Events and works otherwise.

No reconciliation waits for the check. Without some permissions the operator still
removes what it can, and the condition ``Ready`` lists all that are missing.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from argogrant.api.argocdinstance import Instance
from argogrant.api.remote_cluster import RemoteCluster
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.kube.client import Cluster
from argogrant.kube.errors import ClusterError
from argogrant.kube.leader_election import LEASE_NAME
from argogrant.kube.permissions import (
    Permission,
    ShippedRole,
    describe_permissions,
    missing_permissions,
)
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
MIN_INTERVAL: Final = 1.0
"""Least seconds between two checks."""
RECHECK_SECONDS: Final = 5.0
"""Seconds between checks while permissions are missing, so a new Role is noticed."""

_READ: Final = ("get", "list", "watch")
_READ_AND_PATCH: Final = (*_READ, "patch")
_ADMISSION_POLICIES: Final = ("argogrant-requester", "argogrant-approver")

logger = logging.getLogger(__name__)


def argocd_permissions(instance: Instance) -> tuple[Permission, ...]:
    """List the permissions for an instance in the cluster of its Argo CD."""
    cluster = instance.cluster
    role, server = (REMOTE_ROLE, cluster.server) if cluster else (ARGOCD_ROLE, "")
    here = partial(_permissions, namespace=instance.argocd_namespace)
    permissions = [
        *here(role, _READ_AND_PATCH, CONFIG_MAPS, name=CONFIG_MAP_NAME),
        *here(role, _READ, APP_PROJECTS),
    ]
    if instance.binds_in_projects:
        permissions += here(APPPROJECT_ROLE, ("patch",), APP_PROJECTS)
    if cluster is not None and cluster.rotation is not None:
        permissions += _permissions(
            ROTATION_ROLE,
            ("create",),
            SERVICE_ACCOUNTS,
            namespace=cluster.rotation.namespace,
            name=cluster.rotation.service_account,
            subresource="token",
        )
    return tuple(replace(one, server=server) for one in permissions)


def home_permissions(
    namespace: str, cluster: RemoteCluster | None = None
) -> tuple[Permission, ...]:
    """List the permissions for an instance in its own namespace.

    If Argo CD is in another cluster, the Secret with its token is included.
    """
    here = partial(_permissions, namespace=namespace)
    permissions = [
        one
        for resource, verbs in (
            (ACCESS_GRANTS, _READ_AND_PATCH),
            (ARGOCD_INSTANCES, _READ_AND_PATCH),
            (ACCESS_POLICIES, _READ),
            (ACCESS_APPROVALS, _READ),
        )
        for one in (
            *here(HOME_ROLE, verbs, resource),
            *here(HOME_ROLE, ("patch",), resource, subresource="status"),
        )
    ]
    if cluster is not None:
        verbs = _READ_AND_PATCH if cluster.rotation else _READ
        permissions += here(ROTATION_ROLE, verbs, SECRETS, name=cluster.secret_name)
    return tuple(permissions)


def retention_permissions(namespace: str) -> tuple[Permission, ...]:
    """List the permissions to delete ended grants.

    Without them ended grants stay longer than ``spec.retention``; nothing else fails.
    """
    return tuple(
        Permission(verb="delete", resource=one, namespace=namespace, role=HOME_ROLE)
        for one in (ACCESS_GRANTS, ACCESS_APPROVALS)
    )


def operator_permissions(namespace: str) -> tuple[Permission, ...]:
    """List the permissions for the leader election and the admission policies.

    The operator never reviews the former, since it does not start without them. The
    condition ``RequesterVerified`` reports missing ones of the latter.
    """
    lease = ("get", "patch")
    return (
        *_permissions(HOME_ROLE, lease, LEASES, namespace=namespace, name=LEASE_NAME),
        *_permissions(HOME_ROLE, ("create",), LEASES, namespace=namespace),
        *(
            one
            for resource in (VALIDATING_POLICIES, VALIDATING_BINDINGS)
            for name in _ADMISSION_POLICIES
            for one in _permissions(IDENTITY_ROLE, _READ, resource, name=name)
        ),
    )


def _permissions(
    role: ShippedRole, verbs: Iterable[str], resource: Resource, **scope: str
) -> Iterator[Permission]:
    for verb in verbs:
        yield Permission(verb=verb, resource=resource, role=role, **scope)


def missing_message(missing: Sequence[Permission]) -> str:
    """Describe all missing permissions and name the Roles that grant them."""
    roles = " and ".join(map(str, dict.fromkeys(one.role for one in missing)))
    return (
        f"The operator's service account may not {describe_permissions(missing)}."
        f" Give it {roles}."
    )


class PermissionWatcher:
    """Check on request, and repeatedly while permissions are missing.

    Args:
        home: API server of the instance and its grants.
        on_change: Called when the set of missing permissions has changed.
    """

    def __init__(self, home: Cluster, on_change: Callable[[], None]) -> None:
        self._home = home
        self._on_change = on_change
        self._requested = asyncio.Event()
        self._instance: Instance | None = None
        self._has_missing_or_unknown = False
        self.missing: tuple[Permission, ...] = ()
        """The missing permissions; empty also while they are unknown."""

    def record(self, instance: Instance | None) -> None:
        """Record the present spec, and check again if it has changed."""
        if instance is not None and instance != self._instance:
            self._instance = instance
            self.request_check()

    def request_check(self) -> None:
        """Check soon."""
        self._requested.set()

    async def run(self, cluster: Cluster) -> None:
        """Check until cancelled, first at once.

        Args:
            cluster: API server of Argo CD.
        """
        self.request_check()
        while True:
            seconds = RECHECK_SECONDS if self._has_missing_or_unknown else None
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._requested.wait()
            self._requested.clear()
            if self._instance is not None:
                await self._check(self._instance, cluster)
            await asyncio.sleep(MIN_INTERVAL)

    async def _check(self, instance: Instance, argocd_cluster: Cluster) -> None:
        missing: list[Permission] = []
        is_known = True
        for cluster, permissions in (
            (self._home, home_permissions(instance.namespace, instance.cluster)),
            (argocd_cluster, argocd_permissions(instance)),
        ):
            try:
                missing += await missing_permissions(cluster, permissions)
            except ClusterError as error:
                logger.debug("Permissions cannot be checked: %s", error)
                is_known = False
        self._has_missing_or_unknown = bool(missing) or not is_known
        if self.missing != tuple(missing):
            self.missing = tuple(missing)
            self._on_change()
