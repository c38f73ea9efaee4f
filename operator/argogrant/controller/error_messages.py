"""What a person has to do where an API server does not do what it was asked for. Pure.

Where Argo CD is in another cluster, other rights, tokens and certificates are missing
than at home.
"""

from typing import Final

from argogrant.api.bound_locations import ArgoCDLocation
from argogrant.api.remote_cluster import RemoteCluster
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import with_full_stop
from argogrant.kube.errors import (
    ClusterError,
    Forbidden,
    TokenMissing,
    Unauthorized,
    UntrustedCertificate,
    remedy_of,
)
from argogrant.kube.resources import SECRETS, Collection

_HOW_TO: Final = "docs/how-to/clusters.md"
_AT_HOME: Final = ("/apis/argogrant.dev/", "/apis/admissionregistration.k8s.io/")
_SECRETS: Final = f"/{SECRETS.plural}"


def condition_reason(error: ClusterError, place: ArgoCDLocation) -> Reason:
    """Give the reason that a condition has for this error.

    Args:
        error: What happened.
        place: Where Argo CD is.
    """
    if place.cluster is not None and not _is_at_home(error):
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
    place: ArgoCDLocation,
    *,
    namespace: str,
    collection: Collection | None = None,
) -> str:
    """Say what happened, where, and what to do about it.

    Args:
        error: What happened.
        place: Where Argo CD is.
        namespace: Where the ArgoCDInstance and its Secret are.
        collection: What can not be read; None if something else was asked for.
    """
    what = f"{collection.describe()} can not be read: " if collection else ""
    cluster = None if _is_at_home(error) else place.cluster
    where = f"{cluster.server}: " if cluster else ""
    if isinstance(error, TokenMissing):
        what, where = "", ""  # nothing can be read, and nobody was asked
    said = with_full_stop(f"{where}{what}{error}")
    if cluster is not None:
        return f"{said} {_remedy_there(error, cluster, place.namespace, namespace)}"
    if not isinstance(error, Forbidden):
        return f"{said} It is tried again."
    if _SECRETS in str(error):
        return (
            f"{said} Give the operator's service account a Role that names this"
            f" Secret ({_HOW_TO})."
        )
    return f"{said} {remedy_of(error)}"


def _remedy_there(
    error: ClusterError, cluster: RemoteCluster, argocd_namespace: str, namespace: str
) -> str:
    """Say what to do about another cluster."""
    secret = f"{cluster.secret_name} --from-literal={cluster.secret_key}=TOKEN"
    make = (
        "with TOKEN from `kubectl create token argogrant --namespace"
        f" {argocd_namespace} --duration 24h` in that cluster"
    )
    if isinstance(error, UntrustedCertificate):
        return (
            "Write the certificate authority of that cluster into"
            " spec.cluster.caBundle. A certificate that has expired, or is made out to"
            " other names than spec.cluster.server has, is mended in that cluster."
        )
    if isinstance(error, TokenMissing):
        return (
            f"Create it: `kubectl --namespace {namespace} create secret generic"
            f" {secret}`, {make}."
        )
    if isinstance(error, Unauthorized):
        return (
            f"The token in key {cluster.secret_key} of Secret"
            f" {namespace}/{cluster.secret_name} has expired, was revoked, or is"
            " another cluster's. Make a new one:"
            f" `kubectl --namespace {namespace} create secret generic {secret}"
            f" --dry-run=client -o yaml | kubectl apply -f -`, {make}."
        )
    if isinstance(error, Forbidden):
        return (
            "Give the ServiceAccount of the token, in that cluster, the Role of"
            f" manifests/remote-cluster.yaml in namespace {argocd_namespace}."
        )
    return "It is tried again."


def _is_at_home(error: ClusterError) -> bool:
    """Whether it is about our own objects, by the request that failed."""
    said = str(error)
    return _SECRETS in said or any(group in said for group in _AT_HOME)
