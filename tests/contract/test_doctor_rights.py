"""The doctor asks for exactly what the manifests give."""

from pathlib import Path

import yaml

from argogrant.doctor.rights import Right, needed_rights

ROOT = Path(__file__).parent.parent.parent
NAMES = ("argogrant-namespace", "argocd-namespace")


def given() -> set[Right]:
    """Every right of the manifests, one by one."""
    return {
        Right(
            verb=verb,
            group=group,
            resource=resource.partition("/")[0],
            subresource=resource.partition("/")[2],
            namespace=body["metadata"].get("namespace", ""),
            name=of,
            manifest=f"manifests/{name}.yaml",
        )
        for name in NAMES
        for body in yaml.safe_load_all(
            (ROOT / f"manifests/{name}.yaml").read_text("utf-8")
        )
        if body["kind"] in {"Role", "ClusterRole"}
        for rule in body["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for of in rule.get("resourceNames", [""])
    }


def test_the_rights_that_are_asked_for_are_those_that_are_given() -> None:
    needed = list(needed_rights("argogrant", "argocd"))

    assert set(needed) == given()
    assert len(needed) == len(set(needed))


def test_for_an_argo_cd_elsewhere_nothing_of_it_is_asked_here() -> None:
    needed = needed_rights("argogrant", "")

    assert "configmaps" not in {right.resource for right in needed}
