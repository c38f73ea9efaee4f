"""The catalog of permissions equals the Roles of manifests and how-to page."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from argogrant.api.argocdinstance import Instance
from argogrant.api.remote_cluster import RemoteCluster, TokenRotation
from argogrant.controller.permissions import (
    ARGOCD_ROLE,
    HOME_ROLE,
    REMOTE_ROLE,
    ROTATION_ROLE,
    argocd_permissions,
    home_permissions,
    operator_permissions,
    retention_permissions,
)
from argogrant.kube.permissions import Permission
from support import doc_pages

ROOT = Path(__file__).parent.parent.parent
NOT_IN_CATALOG = {
    ("create", "events"),  # optional, never checked
    (
        "update",
        "configmaps",
    ),  # for administrators who use this Role with kubectl replace
}
INSTANCE = Instance(
    uid="",
    namespace="argogrant",
    name="default",
    argocd_namespace="argocd",
    binds_in_projects=True,
    max_duration=timedelta(hours=1),
    cluster=RemoteCluster(
        server="",
        ca_bundle="",
        secret_name="production-token",
        secret_key="k8s_token",
        rotation=TokenRotation(
            every=timedelta(days=7), namespace="argocd", service_account="argogrant"
        ),
    ),
)
SAME_CLUSTER = replace(INSTANCE, cluster=None)
PERMISSIONS = (
    *home_permissions("argogrant", INSTANCE.cluster),
    *retention_permissions("argogrant"),
    *operator_permissions("argogrant"),
    *argocd_permissions(INSTANCE),
    *argocd_permissions(SAME_CLUSTER),
)


def rules(manifest: str) -> Iterator[dict[str, Any]]:
    page = ROOT / manifest
    texts = [page.read_text()]
    if page.suffix == ".md":
        blocks = doc_pages.blocks_of(page, page.read_text())
        texts = [block.text for block in blocks if "kind: Role" in block.text]
    for text in texts:
        for body in yaml.safe_load_all(text):
            yield from body.get("rules", ())


def grants(rule: dict[str, Any], permission: Permission) -> bool:
    kind = f"{permission.resource.plural}/{permission.subresource}".rstrip("/")
    return (
        permission.verb in rule["verbs"]
        and permission.resource.group in rule["apiGroups"]
        and kind in rule["resources"]
        and ("resourceNames" not in rule or permission.name in rule["resourceNames"])
    )


@pytest.mark.parametrize(
    "permission",
    PERMISSIONS,
    ids=[f"{permission.verb} {permission.target}" for permission in PERMISSIONS],
)
def test_every_permission_is_in_the_manifest_that_its_message_names(
    permission: Permission,
) -> None:
    assert any(grants(rule, permission) for rule in rules(permission.manifest))


@pytest.mark.parametrize(
    "manifest",
    [role.manifest for role in (HOME_ROLE, ARGOCD_ROLE, REMOTE_ROLE, ROTATION_ROLE)],
)
def test_manifests_grant_no_other_permission(manifest: str) -> None:
    needed = {
        (
            permission.verb,
            f"{permission.resource.plural}/{permission.subresource}".rstrip("/"),
        )
        for permission in PERMISSIONS
        if permission.manifest == manifest
    }
    granted = {
        (verb, kind)
        for rule in rules(manifest)
        for kind in rule["resources"]
        for verb in rule["verbs"]
    }

    assert granted - needed <= NOT_IN_CATALOG
