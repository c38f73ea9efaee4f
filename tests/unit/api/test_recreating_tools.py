"""Marks of tools that create objects again: Python and the API server agree."""

import re

import pytest

from argogrant.api.recreating_tools import MARK_KEYS, MARK_PATTERN, find_mark


def marked(**metadata):
    return {"metadata": {"name": "g1", **metadata}}


@pytest.mark.parametrize(
    ("key", "tool"),
    [
        ("argocd.argoproj.io/tracking-id", "Argo CD"),
        ("argocd.argoproj.io/installation-id", "Argo CD"),
        ("argocd.argoproj.io/instance", "Argo CD"),
        ("argocd.argoproj.io/sync-wave", "Argo CD"),
        ("app.kubernetes.io/instance", "Argo CD"),
        ("kustomize.toolkit.fluxcd.io/name", "Flux"),
        ("kustomize.toolkit.fluxcd.io/namespace", "Flux"),
        ("helm.toolkit.fluxcd.io/name", "Flux"),
        ("fluxcd.io/sync-checksum", "Flux"),
        ("resourceset.fluxcd.controlplane.io/name", "Flux"),
        ("meta.helm.sh/release-name", "Helm"),
        ("helm.sh/chart", "Helm"),
        ("objectset.rio.cattle.io/hash", "Fleet"),
        ("objectset.rio.cattle.io/id", "Fleet"),
        ("fleet.cattle.io/bundle-id", "Fleet"),
        ("configmanagement.gke.io/managed", "Config Sync"),
        ("configsync.gke.io/declared-version", "Config Sync"),
        ("config.k8s.io/owning-inventory", "Config Sync"),
        ("config.kubernetes.io/origin", "Kustomize or kpt"),
        ("alpha.config.kubernetes.io/transformations", "Kustomize or kpt"),
        ("cli-utils.sigs.k8s.io/inventory-id", "Kustomize or kpt"),
        ("project.werf.io/name", "werf"),
        ("skaffold.dev/run-id", "Skaffold"),
        ("aws.cdk.eks/prune-c8aa", "The AWS CDK"),
        ("resources.gardener.cloud/managed-by", "Gardener"),
        ("generate.kyverno.io/policy-name", "Kyverno"),
        ("hnc.x-k8s.io/inherited-from", "The hierarchical namespace controller"),
        (
            "metacontroller.k8s.io/last-applied-configuration",
            "Metacontroller",
        ),
        ("applyset.kubernetes.io/part-of", "An ApplySet"),
        ("kapp.k14s.io/app", "kapp"),
        ("kapp.k14s.io/identity", "kapp"),
        ("crossplane.io/composite", "Crossplane"),
        ("kubernetes.crossplane.io/owned", "Crossplane"),
        ("olm.owner", "OLM"),
        ("operators.coreos.com/x.argogrant", "OLM"),
        ("velero.io/restore-name", "Velero"),
        ("velero.io/backup-name", "Velero"),
        ("addonmanager.kubernetes.io/mode", "The addon manager"),
        ("app.kubernetes.io/managed-by", "Another tool"),
    ],
)
@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_mark_of_a_tool_is_found(key: str, tool: str, field: str) -> None:
    mark = find_mark(marked(**{field: {"team": "a", key: "x"}}))

    assert mark is not None
    assert (mark.tool, mark.mark) == (tool, f'{field[:-1]} "{key}"')
    assert mark.applies_again is (tool != "Velero")
    assert key in MARK_KEYS or re.match(MARK_PATTERN, key)


@pytest.mark.parametrize(
    "key",
    [
        "team",
        "app.kubernetes.io/name",
        "app.kubernetes.io/part-of",
        "argogrant.dev/record",
        "argogrant.dev/break-glass",
        "kubectl.kubernetes.io/last-applied-configuration",
        "velero.io/exclude-from-backup",
        "field.cattle.io/creatorId",
        "argoproj.io/x",
        "helm.sh.example.com/x",
        "xhelm.sh/chart",
        "argocd.argoproj.io",
    ],
)
def test_other_labels_and_annotations_are_no_marks(key: str) -> None:
    assert find_mark(marked(labels={key: "x"}, annotations={key: "x"})) is None
    assert key not in MARK_KEYS
    assert not re.match(MARK_PATTERN, key)


def test_tool_that_applies_again_comes_before_one_that_restored_once() -> None:
    labels = {"velero.io/restore-name": "x", "helm.sh/chart": "y"}
    mark = find_mark(marked(labels=labels))

    assert mark is not None
    assert mark.tool == "Helm"


def test_controller_of_an_object_creates_it_again() -> None:
    owner = {"kind": "Access", "name": "a", "uid": "1", "controller": True}
    mark = find_mark(marked(ownerReferences=[owner]))

    assert mark is not None
    assert mark == ("A controller", 'owner "Access a"', True)


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"labels": [], "annotations": "x"}, id="other types"),
        pytest.param({"labels": {"helm.sh/chart": None}}, id="null"),
        pytest.param(
            {"ownerReferences": [None, {}, {"controller": "true"}]}, id="owners"
        ),
    ],
)
def test_metadata_without_a_mark(metadata) -> None:
    assert find_mark({"metadata": metadata}) is None
