"""Reason and remedy of a failed request, by error and by cluster."""

import pytest

from argogrant.api.remote_cluster import ArgoCDLocation, RemoteCluster
from argogrant.controller.permissions import (
    condition_reason,
    describe,
    role_remedy,
)
from argogrant.grants.model.reasons import Reason
from argogrant.kube.errors import (
    Forbidden,
    Invalid,
    TokenMissing,
    Unauthorized,
    Unavailable,
    UntrustedCertificate,
)
from argogrant.kube.resources import CONFIG_MAPS, Collection

HOME = ArgoCDLocation(namespace="argocd")
REMOTE = ArgoCDLocation(
    namespace="argocd",
    cluster=RemoteCluster(
        server="https://far:6443", ca_bundle="", secret_name="prod", secret_key="t"
    ),
)
MAP = Collection(CONFIG_MAPS, "argocd", "argocd-rbac-cm")
DENIED = "ValidatingAdmissionPolicy 'guard' with binding 'guard' denied request: no"
CASES = [
    pytest.param(
        Unavailable("GET /x: no route"),
        REMOTE,
        Reason.UNAVAILABLE,
        "https://far:6443: configmaps/argocd-rbac-cm in namespace argocd cannot be"
        " read: GET /x: no route. The operator tries again.",
        id="remote cluster unavailable",
    ),
    pytest.param(
        Unavailable("GET /x: no route"),
        HOME,
        Reason.UNAVAILABLE,
        "configmaps/argocd-rbac-cm in namespace argocd cannot be read: GET /x: no"
        " route. The operator tries again.",
        id="own cluster unavailable",
    ),
    pytest.param(
        UntrustedCertificate("GET /x: the certificate of https://far:6443 has expired"),
        REMOTE,
        Reason.CERTIFICATE_REFUSED,
        "spec.cluster.caBundle",
        id="certificate of the remote cluster",
    ),
    pytest.param(
        UntrustedCertificate("GET /x: the certificate of https://home has expired"),
        HOME,
        Reason.UNAVAILABLE,
        "The operator tries again.",
        id="certificate of the own cluster, which no field of spec configures",
    ),
    pytest.param(
        TokenMissing("Secret argogrant/prod has no key t"),
        REMOTE,
        Reason.TOKEN_MISSING,
        "Secret argogrant/prod has no key t. Create it: `kubectl --namespace argogrant"
        " create secret generic prod --from-literal=t=TOKEN`",
        id="token missing",
    ),
    pytest.param(
        Unauthorized("GET /x: 401 Unauthorized"),
        REMOTE,
        Reason.TOKEN_REFUSED,
        "The token in key t of Secret argogrant/prod has expired",
        id="token not accepted by the remote cluster",
    ),
    pytest.param(
        Unauthorized("GET /x: 401 Unauthorized"),
        HOME,
        Reason.TOKEN_REFUSED,
        "Give the operator credentials that the API server accepts",
        id="token not accepted by the own cluster",
    ),
    pytest.param(
        Unauthorized("no", answer=DENIED),
        REMOTE,
        Reason.WRITE_REFUSED,
        'The admission policy "guard" does not permit this change. Ask its owner to'
        " exempt the ServiceAccount of the token in it",
        id="admission policy of the remote cluster that answers 401",
    ),
    pytest.param(
        Forbidden("no", answer=DENIED),
        HOME,
        Reason.WRITE_REFUSED,
        "exempt the operator's service account in it (spec.matchConditions). Until"
        " then, trying again cannot succeed.",
        id="admission policy of the own cluster",
    ),
    pytest.param(
        Invalid("no", answer="data: Forbidden: field is immutable when `immutable`"),
        HOME,
        Reason.WRITE_REFUSED,
        "Delete the object and create it again",
        id="immutable ConfigMap",
    ),
    pytest.param(
        Unavailable("no", answer='failed calling webhook "x.y": no endpoints'),
        HOME,
        Reason.UNAVAILABLE,
        'The API server cannot call the admission webhook "x.y".',
        id="webhook that does not answer",
    ),
    pytest.param(
        Unavailable("no", answer='failed calling webhook "x.y": no endpoints'),
        REMOTE,
        Reason.UNAVAILABLE,
        'The API server cannot call the admission webhook "x.y".',
        id="webhook of the remote cluster that does not answer",
    ),
    pytest.param(
        Forbidden("no", status=403),
        REMOTE,
        Reason.UNAVAILABLE,
        "Ask its administrators. The operator tries again.",
        id="proxy in front of the remote cluster",
    ),
    pytest.param(
        Forbidden("no", status=403),
        HOME,
        Reason.UNAVAILABLE,
        "Ask its administrators. The operator tries again.",
        id="proxy in front of the own cluster",
    ),
    pytest.param(
        Forbidden("no", answer='x is forbidden: User "system:anonymous" cannot get'),
        REMOTE,
        Reason.TOKEN_REFUSED,
        "The token in key t of Secret argogrant/prod has expired",
        id="token that makes the remote cluster see an anonymous user",
    ),
    pytest.param(
        Forbidden("no", answer='pods "x" is forbidden: violates PodSecurity "a"'),
        HOME,
        Reason.WRITE_REFUSED,
        "An admission plugin of the API server does not permit this change",
        id="admission plugin",
    ),
    pytest.param(
        Unavailable("no", answer="etcdserver: mvcc: database space exceeded"),
        HOME,
        Reason.WRITE_REFUSED,
        "The database of the API server (etcd) is full",
        id="full database",
    ),
    pytest.param(
        Forbidden("PATCH /api/v1/namespaces/argocd/configmaps/argocd-rbac-cm: 403"),
        REMOTE,
        Reason.FORBIDDEN,
        "manifests/remote-cluster.yaml in namespace argocd",
        id="permission missing in the remote cluster",
    ),
    pytest.param(
        Forbidden("GET /api/v1/namespaces/argogrant/secrets: 403 no"),
        REMOTE,
        Reason.FORBIDDEN,
        "a Role that names this Secret (docs/how-to/clusters.md)",
        id="permission to read the Secret missing",
    ),
    pytest.param(
        Forbidden("GET /apis/argogrant.dev/v1alpha1/accessgrants: 403 no"),
        REMOTE,
        Reason.FORBIDDEN,
        "manifests/argogrant-namespace.yaml",
        id="permission to read argogrant's own kinds missing",
    ),
]


@pytest.mark.parametrize(("error", "location", "reason", "expected"), CASES)
def test_reason_and_remedy_fit_the_location(error, location, reason, expected) -> None:
    text = describe(error, location, namespace="argogrant", collection=MAP)

    assert condition_reason(error, location) is reason
    assert expected in text


@pytest.mark.parametrize(
    ("request_line", "role"),
    [
        pytest.param(
            "PATCH /apis/argogrant.dev/v1alpha1/namespaces/a/accessgrants/g/status",
            "the Role argogrant of its own namespace"
            " (manifests/argogrant-namespace.yaml).",
            id="own kinds",
        ),
        pytest.param(
            "PATCH /apis/coordination.k8s.io/v1/namespaces/a/leases/argogrant",
            "the Role argogrant of its own namespace"
            " (manifests/argogrant-namespace.yaml).",
            id="Lease",
        ),
        pytest.param(
            "GET /apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
            "the ClusterRole argogrant-identity (manifests/argogrant-namespace.yaml).",
            id="admission policies",
        ),
        pytest.param(
            "PATCH /apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects/p",
            "the Role argogrant-appprojects of Argo CD's namespace"
            " (manifests/argocd-appprojects.yaml), or set bindProjectRolesIn:"
            " ConfigMap.",
            id="patch of an AppProject",
        ),
        pytest.param(
            "GET /apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects",
            "the Role argogrant of Argo CD's namespace"
            " (manifests/argocd-namespace.yaml).",
            id="read of AppProjects",
        ),
    ],
)
def test_refused_request_names_the_role_that_permits_it(request_line, role) -> None:
    remedy = role_remedy(Forbidden(f"{request_line}: 403 no"))

    assert remedy == f"Give the operator's service account {role}"
