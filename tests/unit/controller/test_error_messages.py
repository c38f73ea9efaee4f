"""What is said about a cluster that does not do what it was asked for."""

import pytest

from argogrant.api.bound_locations import ArgoCDLocation
from argogrant.api.remote_cluster import RemoteCluster
from argogrant.controller.error_messages import condition_reason, describe
from argogrant.grants.model.reasons import Reason
from argogrant.kube.errors import (
    Forbidden,
    TokenMissing,
    Unauthorized,
    Unavailable,
    UntrustedCertificate,
)
from argogrant.kube.resources import CONFIG_MAPS, Collection

HOME = ArgoCDLocation(namespace="argocd")
FAR = ArgoCDLocation(
    namespace="argocd",
    cluster=RemoteCluster(
        server="https://far:6443", ca_bundle="", secret_name="prod", secret_key="t"
    ),
)
MAP = Collection(CONFIG_MAPS, "argocd", "argocd-rbac-cm")
CASES = [
    pytest.param(
        Unavailable("GET /x: no route"),
        FAR,
        Reason.UNAVAILABLE,
        "https://far:6443: configmaps/argocd-rbac-cm in namespace argocd can not be"
        " read: GET /x: no route. It is tried again.",
        id="a cluster that is away",
    ),
    pytest.param(
        Unavailable("GET /x: no route"),
        HOME,
        Reason.UNAVAILABLE,
        "configmaps/argocd-rbac-cm in namespace argocd can not be read: GET /x: no"
        " route. It is tried again.",
        id="our own cluster is away",
    ),
    pytest.param(
        UntrustedCertificate("GET /x: the certificate of https://far:6443 has expired"),
        FAR,
        Reason.CERTIFICATE_REFUSED,
        "spec.cluster.caBundle",
        id="a certificate there",
    ),
    pytest.param(
        UntrustedCertificate("GET /x: the certificate of https://home has expired"),
        HOME,
        Reason.UNAVAILABLE,
        "It is tried again.",
        id="a certificate here, where nothing can be written into spec",
    ),
    pytest.param(
        TokenMissing("Secret argogrant/prod has no key t"),
        FAR,
        Reason.TOKEN_MISSING,
        "Secret argogrant/prod has no key t. Create it: `kubectl --namespace argogrant"
        " create secret generic prod --from-literal=t=TOKEN`",
        id="no token",
    ),
    pytest.param(
        Unauthorized("GET /x: 401 Unauthorized"),
        FAR,
        Reason.TOKEN_REFUSED,
        "The token in key t of Secret argogrant/prod has expired",
        id="a token that is refused there",
    ),
    pytest.param(
        Unauthorized("GET /x: 401 Unauthorized"),
        HOME,
        Reason.FORBIDDEN,
        "manifests/argocd-namespace.yaml",
        id="our own token is refused",
    ),
    pytest.param(
        Forbidden("PATCH /api/v1/namespaces/argocd/configmaps/argocd-rbac-cm: 403"),
        FAR,
        Reason.FORBIDDEN,
        "manifests/remote-cluster.yaml in namespace argocd",
        id="a right there",
    ),
    pytest.param(
        Forbidden("GET /api/v1/namespaces/argogrant/secrets: 403 no"),
        FAR,
        Reason.FORBIDDEN,
        "a Role that names this Secret (docs/how-to/clusters.md)",
        id="the right to read the Secret here",
    ),
    pytest.param(
        Forbidden("GET /apis/argogrant.dev/v1alpha1/accessgrants: 403 no"),
        FAR,
        Reason.FORBIDDEN,
        "manifests/argogrant-namespace.yaml",
        id="the right to read our own kinds",
    ),
]


@pytest.mark.parametrize(("error", "place", "reason", "said"), CASES)
def test_the_reason_and_the_remedy_fit_the_place(error, place, reason, said) -> None:
    text = describe(error, place, namespace="argogrant", collection=MAP)

    assert condition_reason(error, place) is reason
    assert said in text
