"""Check of the operator's permissions, and description of API errors with remedies.

Every permission names the shipped Role that contains it. A contract test compares this
catalog with the files of ``manifests/`` and with ``docs/how-to/token-rotation.md``, in
both directions. The permission to create Events is not listed: without it the operator
posts no Events and works otherwise.

No reconciliation waits for the check. Without some permissions the operator still
removes what it can, and the condition ``Ready`` lists all that are missing.

This module also describes API errors, and is the only one that does. The remedy
depends on the kind of error (``kube.errors``), on the object of the refused request,
and on the cluster of Argo CD::

    request for                    own cluster            another cluster
    argogrant's own objects        HOME_ROLE              HOME_ROLE
    admission policies             IDENTITY_ROLE          IDENTITY_ROLE
    a Secret with a token          docs/how-to/clusters.md (a Role for this Secret)
    a patch of an AppProject       APPPROJECT_ROLE        REMOTE_ROLE
    other objects of Argo CD       ARGOCD_ROLE            REMOTE_ROLE

Any other cause that the API server names, such as an admission policy or a quota, has
a remedy of its own (``kube.refusals``).
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from argogrant.api.argocdinstance import Instance
from argogrant.api.remote_cluster import ArgoCDLocation, RemoteCluster
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import with_full_stop
from argogrant.kube.client import Cluster
from argogrant.kube.errors import (
    ClusterError,
    Forbidden,
    TokenMissing,
    Unauthorized,
    UntrustedCertificate,
)
from argogrant.kube.leader_election import LEASE_NAME
from argogrant.kube.permissions import (
    Permission,
    ShippedRole,
    describe_permissions,
    missing_permissions,
)
from argogrant.kube.refusals import Cause, Refusal, refusal_of
from argogrant.kube.resources import (
    ACCESS_APPROVALS,
    ACCESS_GRANTS,
    ACCESS_POLICIES,
    APP_PROJECTS,
    ARGOCD_INSTANCES,
    CONFIG_MAPS,
    LEASES,
    NAMESPACES,
    SECRETS,
    SERVICE_ACCOUNTS,
    VALIDATING_BINDINGS,
    VALIDATING_POLICIES,
    Collection,
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
RETRIED: Final = "The operator tries again."
OPERATOR: Final = "the operator's service account"

_HOME_GROUPS: Final = ("/apis/argogrant.dev/", "/apis/coordination.k8s.io/")
_ADMISSION_GROUP: Final = "/apis/admissionregistration.k8s.io/"
_SECRETS: Final = f"/{SECRETS.plural}"
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
    """List the permissions for the leader election, policies and its Namespace.

    The operator never reviews the first, since it does not start without them. The
    condition ``RequesterVerified`` reports missing ones for the admission policies.
    Without the last, it learns late that its namespace is being deleted.
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
        *_permissions(IDENTITY_ROLE, _READ, NAMESPACES, name=namespace),
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


def condition_reason(error: ClusterError, location: ArgoCDLocation) -> Reason:
    """Return the condition's reason for a failed request."""
    if location.cluster is not None and not _is_for_home_cluster(error):
        for kind, reason in (
            (UntrustedCertificate, Reason.CERTIFICATE_REFUSED),
            (TokenMissing, Reason.TOKEN_MISSING),
            (Unauthorized, Reason.TOKEN_REFUSED),
        ):
            if isinstance(error, kind) and not refusal_of(error).needs_a_change:
                return reason
    return _REASONS.get(refusal_of(error).cause, Reason.UNAVAILABLE)


_REASONS: Final[Mapping[Cause, Reason]] = {
    Cause.PERMISSION: Reason.FORBIDDEN,
    Cause.ANONYMOUS: Reason.TOKEN_REFUSED,
    Cause.CREDENTIALS: Reason.TOKEN_REFUSED,
    **{cause: Reason.WRITE_REFUSED for cause in Cause if Refusal(cause).needs_a_change},
}


def describe(
    error: ClusterError,
    location: ArgoCDLocation,
    *,
    namespace: str,
    collection: Collection | None = None,
) -> str:
    """Describe the failure, the API server that it concerns, and the remedy.

    Args:
        error: The failure of a request.
        location: Where Argo CD runs.
        namespace: Namespace of the ArgoCDInstance and of its Secret.
        collection: The objects that cannot be read; None for any other request.
    """
    subject = f"{collection.describe()} cannot be read: " if collection else ""
    cluster = None if _is_for_home_cluster(error) else location.cluster
    server = f"{cluster.server}: " if cluster else ""
    if isinstance(error, TokenMissing):
        # Without a token no request was sent, to no server and for no object.
        subject, server = "", ""
    text = error.reason if collection else str(error)
    cause = with_full_stop(f"{server}{subject}{text}")
    refusal = refusal_of(error)
    if cluster is None:
        remedy = remedy_for(error)
    else:
        remedy = ""
        if refusal.cause is not Cause.ANONYMOUS:
            remedy = refusal.remedy("the ServiceAccount of the token")
        if not remedy:
            remedy = _remote_remedy(error, cluster, location.namespace, namespace)
        elif not refusal.needs_a_change:
            remedy = f"{remedy} {RETRIED}"
    return f"{cause} {remedy}"


def remedy_for(error: ClusterError) -> str:
    """Return what to do about a failed request to the operator's own cluster."""
    refusal = refusal_of(error)
    if refusal.cause is Cause.PERMISSION:
        return role_remedy(error)
    if refusal.cause is Cause.CREDENTIALS:
        return (
            "Give the operator credentials that the API server accepts: its token has"
            " expired, was revoked, or belongs to another cluster. In a pod, delete the"
            " pod, so that it gets another token."
        )
    remedy = refusal.remedy(OPERATOR)
    return remedy if refusal.needs_a_change else f"{remedy} {RETRIED}".lstrip()


def role_remedy(error: ClusterError) -> str:
    """Return the sentence that names the Role which permits a refused request."""
    request = error.request or str(error)
    if _SECRETS in request:
        return (
            "Give the operator's service account a Role that names this Secret"
            " (docs/how-to/clusters.md)."
        )
    if _ADMISSION_GROUP in request:
        return IDENTITY_ROLE.remedy()
    if any(group in request for group in _HOME_GROUPS):
        return HOME_ROLE.remedy()
    if "PATCH" in request and "/appprojects/" in request:
        return APPPROJECT_ROLE.remedy(", or set bindProjectRolesIn: ConfigMap")
    return ARGOCD_ROLE.remedy()


def _remote_remedy(
    error: ClusterError, cluster: RemoteCluster, argocd_namespace: str, namespace: str
) -> str:
    secret = f"{cluster.secret_name} --from-literal={cluster.secret_key}=TOKEN"
    new_token = (
        "with TOKEN from `kubectl create token argogrant --namespace"
        f" {argocd_namespace} --duration 24h` in that cluster"
    )
    if isinstance(error, UntrustedCertificate):
        return (
            "Write the certificate authority of that cluster into"
            " spec.cluster.caBundle. If the certificate has expired, or is issued for"
            " other names than the one in spec.cluster.server, replace it in that"
            " cluster."
        )
    if isinstance(error, TokenMissing):
        return (
            f"Create it: `kubectl --namespace {namespace} create secret generic"
            f" {secret}`, {new_token}."
        )
    if isinstance(error, Unauthorized) or refusal_of(error).cause is Cause.ANONYMOUS:
        return (
            f"The token in key {cluster.secret_key} of Secret"
            f" {namespace}/{cluster.secret_name} has expired, was revoked, or belongs"
            " to another cluster. Replace it:"
            f" `kubectl --namespace {namespace} create secret generic {secret}"
            f" --dry-run=client -o yaml | kubectl apply -f -`, {new_token}."
        )
    if isinstance(error, Forbidden):
        return (
            "Give the ServiceAccount of the token, in that cluster, the Role of"
            f" {REMOTE_ROLE.manifest} in namespace {argocd_namespace}."
        )
    return RETRIED


def _is_for_home_cluster(error: ClusterError) -> bool:
    """Return whether the failed request was for an object of the own cluster."""
    parts = (_SECRETS, _ADMISSION_GROUP, *_HOME_GROUPS)
    return any(part in (error.request or str(error)) for part in parts)


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
