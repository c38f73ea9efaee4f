"""Catalog of permissions, and the message about missing ones."""

from dataclasses import replace
from datetime import timedelta

import pytest

from argogrant.api.argocdinstance import Instance
from argogrant.api.remote_cluster import RemoteCluster, TokenRotation
from argogrant.controller.permissions import (
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


def described(*permissions: Permission) -> list[str]:
    return describe_permissions(permissions).split("; ")


@pytest.mark.parametrize(
    ("instance", "expected"),
    [
        pytest.param(
            HERE,
            [
                f"get, list, watch, patch {THE_CONFIG_MAP}",
                "get, list, watch appprojects in namespace argocd",
            ],
            id="ConfigMap by name, and read of AppProjects",
        ),
        pytest.param(
            replace(HERE, binds_in_projects=True),
            [
                f"get, list, watch, patch {THE_CONFIG_MAP}",
                "get, list, watch, patch appprojects in namespace argocd",
            ],
            id="patch of AppProjects in AppProject mode",
        ),
        pytest.param(
            replace(HERE, cluster=FAR),
            [
                f"get, list, watch, patch {THE_CONFIG_MAP} of https://far",
                "get, list, watch appprojects in namespace argocd of https://far",
            ],
            id="the same in another cluster, with its URL",
        ),
        pytest.param(
            replace(HERE, cluster=ROTATED),
            [
                f"get, list, watch, patch {THE_CONFIG_MAP} of https://far",
                "get, list, watch appprojects in namespace argocd of https://far",
                f"create {NEW_TOKENS} of https://far",
            ],
            id="new tokens of one service account, with rotation",
        ),
    ],
)
def test_permissions_in_the_cluster_of_argocd(instance: Instance, expected) -> None:
    assert described(*argocd_permissions(instance)) == expected


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        pytest.param(None, [], id="no Secret, if Argo CD is in the same cluster"),
        pytest.param(
            FAR,
            ["get, list, watch secrets/token in namespace ours"],
            id="the Secret with the token, by name",
        ),
        pytest.param(
            ROTATED,
            ["get, list, watch, patch secrets/token in namespace ours"],
            id="patch of that Secret, with rotation",
        ),
    ],
)
def test_permissions_in_the_own_namespace(cluster, expected) -> None:
    plain, permissions = home_permissions("ours"), home_permissions("ours", cluster)

    assert permissions[: len(plain)] == plain
    assert [d for d in described(*permissions[len(plain) :]) if d] == expected
    assert described(*plain)[:2] == [
        "get, list, watch, patch accessgrants in namespace ours",
        "patch accessgrants/status in namespace ours",
    ]


def test_message_has_every_permission_and_each_role_once() -> None:
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


def test_review_is_a_self_subject_access_review() -> None:
    *_, permission = argocd_permissions(replace(HERE, cluster=ROTATED))

    assert permission.review() == {
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


def test_cluster_scoped_permission_has_no_namespace() -> None:
    *_, permission, _, _, _ = operator_permissions("ours")

    assert permission.target == "validatingadmissionpolicybindings/argogrant-approver"
    assert permission.resource.group == "admissionregistration.k8s.io"
