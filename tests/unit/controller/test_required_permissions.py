"""Which rights are needed, and what is said where some are missing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from argogrant.api.argocdinstance import Instance
from argogrant.api.remote_cluster import RemoteCluster, TokenRotation
from argogrant.controller.required_permissions import (
    argocd_permissions,
    home_permissions,
    missing_message,
    operator_permissions,
)
from argogrant.kube.permissions import Permission, describe_permissions

HERE = Instance(
    uid="u",
    namespace="ours",
    name="default",
    argocd_namespace="argocd",
    max_duration=timedelta(hours=1),
)
FAR = RemoteCluster(
    server="https://far", ca_bundle="", secret_name="token", secret_key="k8s_token"
)
ROTATION = TokenRotation(
    every=timedelta(hours=1), namespace="access", service_account="argogrant"
)
THE_CONFIG_MAP = "configmaps/argocd-rbac-cm in namespace argocd"
NEW_TOKENS = "serviceaccounts/argogrant/token in namespace access"
ROTATED = replace(FAR, rotation=ROTATION)


def described(*rights: Permission) -> list[str]:
    return describe_permissions(rights).split("; ")


@pytest.mark.parametrize(
    ("instance", "expected"),
    [
        pytest.param(
            HERE,
            [
                f"get, list, watch, patch {THE_CONFIG_MAP}",
                "get, list, watch appprojects in namespace argocd",
            ],
            id="the ConfigMap by its name, and reading AppProjects",
        ),
        pytest.param(
            replace(HERE, binds_in_projects=True),
            [
                f"get, list, watch, patch {THE_CONFIG_MAP}",
                "get, list, watch, patch appprojects in namespace argocd",
            ],
            id="changing AppProjects, if roles are given there",
        ),
        pytest.param(
            replace(HERE, cluster=FAR),
            [
                f"get, list, watch, patch {THE_CONFIG_MAP} of https://far",
                "get, list, watch appprojects in namespace argocd of https://far",
            ],
            id="the same in another cluster, which is named",
        ),
        pytest.param(
            replace(HERE, cluster=ROTATED),
            [
                f"get, list, watch, patch {THE_CONFIG_MAP} of https://far",
                "get, list, watch appprojects in namespace argocd of https://far",
                f"create {NEW_TOKENS} of https://far",
            ],
            id="new tokens of the one service account, if they are rotated",
        ),
    ],
)
def test_an_argo_cd_needs(instance: Instance, expected) -> None:
    assert described(*argocd_permissions(instance)) == expected


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        pytest.param(None, [], id="nothing of Secrets, if Argo CD is here"),
        pytest.param(
            FAR,
            ["get, list, watch secrets/token in namespace ours"],
            id="the Secret with the token, by its name",
        ),
        pytest.param(
            ROTATED,
            ["get, list, watch, patch secrets/token in namespace ours"],
            id="changing that Secret, if the token is rotated",
        ),
    ],
)
def test_at_home_is_needed(cluster, expected) -> None:
    plain, rights = home_permissions("ours"), home_permissions("ours", cluster)

    assert rights[: len(plain)] == plain
    assert [d for d in described(*rights[len(plain) :]) if d] == expected
    assert described(*plain)[:2] == [
        "get, list, watch, patch accessgrants in namespace ours",
        "patch accessgrants/status in namespace ours",
    ]


def test_the_message_names_every_right_and_each_role_once() -> None:
    missing = (
        *home_permissions("ours")[:1],
        *argocd_permissions(replace(HERE, cluster=ROTATED)),
    )

    assert missing_message(missing) == (
        "The operator's service account may not get accessgrants in namespace ours;"
        " get, list, watch, patch configmaps/argocd-rbac-cm in namespace argocd of"
        " https://far; get, list, watch appprojects in namespace argocd of"
        " https://far; create serviceaccounts/argogrant/token in namespace access"
        " of https://far. Give it the Role argogrant of its own namespace"
        " (manifests/argogrant-namespace.yaml) and the Role argogrant of the other"
        " cluster (manifests/remote-cluster.yaml) and the Role argogrant-token"
        " (docs/how-to/token-rotation.md)."
    )


def test_a_right_is_asked_for_as_kubernetes_wants_it() -> None:
    *_, right = argocd_permissions(replace(HERE, cluster=ROTATED))

    assert right.review() == {
        "spec": {
            "resourceAttributes": {
                "verb": "create",
                "group": "",
                "resource": "serviceaccounts",
                "namespace": "access",
                "name": "argogrant",
                "subresource": "token",
            }
        }
    }


def test_what_belongs_to_the_whole_cluster_names_no_namespace() -> None:
    *_, right = operator_permissions("ours")

    assert right.target == "validatingadmissionpolicybindings/argogrant-approver"
    assert right.resource.group == "admissionregistration.k8s.io"
