"""What the operator asks for is what the manifests and the how-to page give it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from argogrant.api.argocdinstance import Instance
from argogrant.api.remote_cluster import RemoteCluster, TokenRotation
from argogrant.controller.required_permissions import (
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
NOT_ASKED_FOR = {
    ("create", "events"),  # best effort
    ("update", "configmaps"),  # what patch does, for people who use the Role by hand
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
AT_HOME = replace(INSTANCE, cluster=None)
RIGHTS = (
    *home_permissions("argogrant", INSTANCE.cluster),
    *retention_permissions("argogrant"),
    *operator_permissions("argogrant"),
    *argocd_permissions(INSTANCE),
    *argocd_permissions(AT_HOME),
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


def gives(rule: dict[str, Any], right: Permission) -> bool:
    kind = f"{right.resource.plural}/{right.subresource}".rstrip("/")
    return (
        right.verb in rule["verbs"]
        and right.resource.group in rule["apiGroups"]
        and kind in rule["resources"]
        and ("resourceNames" not in rule or right.name in rule["resourceNames"])
    )


@pytest.mark.parametrize(
    "right", RIGHTS, ids=[f"{right.verb} {right.target}" for right in RIGHTS]
)
def test_a_needed_right_is_given_by_the_manifest_that_its_message_names(
    right: Permission,
) -> None:
    assert any(gives(rule, right) for rule in rules(right.manifest))


@pytest.mark.parametrize(
    "manifest",
    [role.manifest for role in (HOME_ROLE, ARGOCD_ROLE, REMOTE_ROLE, ROTATION_ROLE)],
)
def test_the_manifests_give_no_right_that_is_not_asked_for(manifest: str) -> None:
    asked = {
        (right.verb, f"{right.resource.plural}/{right.subresource}".rstrip("/"))
        for right in RIGHTS
        if right.manifest == manifest
    }
    given = {
        (verb, kind)
        for rule in rules(manifest)
        for kind in rule["resources"]
        for verb in rule["verbs"]
    }

    assert given - asked <= NOT_ASKED_FOR
