"""Sentences that say why a request to an API server failed and how to fix it.

Pure. This is the only place of the controller that words an API error. The remedy
depends on the kind of error (``kube.errors``), on the object of the refused request,
and on the cluster of Argo CD::

    request for                    own cluster            another cluster
    argogrant's own objects        HOME_ROLE              HOME_ROLE
    admission policies             IDENTITY_ROLE          IDENTITY_ROLE
    a Secret with a token          docs/how-to/clusters.md (a Role for this Secret)
    a patch of an AppProject       APPPROJECT_ROLE        REMOTE_ROLE
    other objects of Argo CD       ARGOCD_ROLE            REMOTE_ROLE

The client puts the request into the message of its error (``PATCH /api/v1/…: 403``),
so the message is enough to distinguish these cases.
"""

from typing import Final

from argogrant.api.remote_cluster import ArgoCDLocation, RemoteCluster
from argogrant.controller.permissions import (
    APPPROJECT_ROLE,
    ARGOCD_ROLE,
    HOME_ROLE,
    IDENTITY_ROLE,
    REMOTE_ROLE,
)
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import with_full_stop
from argogrant.kube.errors import (
    ClusterError,
    Forbidden,
    TokenMissing,
    Unauthorized,
    UntrustedCertificate,
)
from argogrant.kube.resources import SECRETS, Collection

RETRIED: Final = "The operator tries again."
_HOW_TO: Final = "docs/how-to/clusters.md"
_HOME_GROUPS: Final = ("/apis/argogrant.dev/", "/apis/coordination.k8s.io/")
_ADMISSION_GROUP: Final = "/apis/admissionregistration.k8s.io/"
_SECRETS: Final = f"/{SECRETS.plural}"


def condition_reason(error: ClusterError, location: ArgoCDLocation) -> Reason:
    """Return the condition's reason for a failed request."""
    if location.cluster is not None and not _is_for_home_cluster(error):
        for kind, reason in (
            (UntrustedCertificate, Reason.CERTIFICATE_REFUSED),
            (TokenMissing, Reason.TOKEN_MISSING),
            (Unauthorized, Reason.TOKEN_REFUSED),
        ):
            if isinstance(error, kind):
                return reason
    return Reason.FORBIDDEN if isinstance(error, Forbidden) else Reason.UNAVAILABLE


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
    cause = with_full_stop(f"{server}{subject}{error}")
    if cluster is not None:
        remedy = _remote_remedy(error, cluster, location.namespace, namespace)
    else:
        remedy = role_remedy(error) if isinstance(error, Forbidden) else RETRIED
    return f"{cause} {remedy}"


def role_remedy(error: ClusterError) -> str:
    """Return the sentence that names the Role which permits a refused request."""
    request = str(error)
    if _SECRETS in request:
        return (
            "Give the operator's service account a Role that names this Secret"
            f" ({_HOW_TO})."
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
    """Return the remedy for a failed request to another cluster."""
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
    if isinstance(error, Unauthorized):
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
    return any(part in str(error) for part in parts)
