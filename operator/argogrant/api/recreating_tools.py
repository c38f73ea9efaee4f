"""Tools that create objects again, by the marks that they leave on them.

A ``spec.duration`` counts from the creation or the approval, so it would start again
each time. ``grants/checks.py`` requires an absolute end of such a grant, and
``admission/argogrant-validating.yaml`` refuses it with the same list.

Some tools leave no mark, such as Terraform and a script that runs ``kubectl apply``.

Source: the documentation of each tool, such as
argoproj/argo-cd, ``docs/user-guide/resource_tracking.md``, and vmware-tanzu/velero,
``pkg/apis/velero/v1/labels_annotations.go``.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from argogrant.api.json_fields import get_dict, get_dicts, get_str, get_text_map
from argogrant.grants.model.grant import ToolMark
from argogrant.grants.model.validation import quote


class RecreatingTool(NamedTuple):
    """A tool, and the keys of labels and annotations that it sets."""

    name: str
    domains: tuple[str, ...] = ()
    """Every key of these domains, and of those below them, is a mark."""
    keys: tuple[str, ...] = ()
    applies_again: bool = True
    """False if it creates an object once, at the request of a person."""


TOOLS: Final = (
    RecreatingTool("Argo CD", ("argocd.argoproj.io",), ("app.kubernetes.io/instance",)),
    RecreatingTool("Flux", ("fluxcd.io", "fluxcd.controlplane.io")),
    RecreatingTool("Helm", ("meta.helm.sh", "helm.sh")),
    RecreatingTool("Fleet", ("fleet.cattle.io", "objectset.rio.cattle.io")),
    RecreatingTool(
        "Config Sync", ("configmanagement.gke.io", "configsync.gke.io", "config.k8s.io")
    ),
    RecreatingTool(
        "Kustomize or kpt", ("config.kubernetes.io", "cli-utils.sigs.k8s.io")
    ),
    RecreatingTool("werf", ("werf.io",)),
    RecreatingTool("Skaffold", ("skaffold.dev",)),
    RecreatingTool("The AWS CDK", ("aws.cdk.eks",)),
    RecreatingTool("Gardener", ("resources.gardener.cloud",)),
    RecreatingTool("Kyverno", ("generate.kyverno.io",)),
    RecreatingTool("The hierarchical namespace controller", ("hnc.x-k8s.io",)),
    RecreatingTool("Metacontroller", ("metacontroller.k8s.io",)),
    RecreatingTool("An ApplySet", ("applyset.kubernetes.io",)),
    RecreatingTool("kapp", ("kapp.k14s.io",)),
    RecreatingTool("Crossplane", ("crossplane.io",)),
    RecreatingTool(
        "OLM",
        ("olm.operatorframework.io", "operators.coreos.com"),
        ("olm.owner", "olm.managed"),
    ),
    RecreatingTool("Open Cluster Management", ("open-cluster-management.io",)),
    RecreatingTool("Karmada", ("karmada.io",)),
    RecreatingTool("KubeVela", ("app.oam.dev",)),
    RecreatingTool("Sveltos", ("projectsveltos.io",)),
    RecreatingTool("kro", ("kro.run",)),
    RecreatingTool("kluctl", ("kluctl.io",)),
    RecreatingTool("Pulumi", ("pulumi.com",)),
    RecreatingTool("Spinnaker", ("spinnaker.io",)),
    RecreatingTool("The addon manager", ("addonmanager.kubernetes.io",)),
    RecreatingTool("Another tool", keys=("app.kubernetes.io/managed-by",)),
    RecreatingTool(
        "Velero",
        # velero.io/exclude-from-backup is set by people.
        keys=tuple(
            f"velero.io/{kind}-{name}"
            for kind in ("backup", "restore", "schedule")
            for name in ("name", "uid")
        ),
        applies_again=False,
    ),
)
MARK_KEYS: Final = tuple(key for tool in TOOLS for key in tool.keys)
_BY_KEY: Final = {key: tool for tool in TOOLS for key in tool.keys}
_BY_DOMAIN: Final = {domain: tool for tool in TOOLS for domain in tool.domains}
MARK_PATTERN: Final = (
    r"^([-a-z0-9.]+\.)?(" + "|".join(map(re.escape, _BY_DOMAIN)) + ")/"
)
"""Matches the keys of all domains; the API server evaluates it as RE2."""
_MARK: Final = re.compile(MARK_PATTERN)


def find_mark(body: Mapping[str, Any]) -> ToolMark | None:
    """Return the mark of a tool on an object as the API server returns it.

    A mark of a tool that applies objects again and again comes first.
    """
    found: ToolMark | None = None
    for mark in _marks(get_dict(body, "metadata")):
        if mark.applies_again:
            return mark
        found = found or mark
    return found


def _marks(metadata: Mapping[str, Any]) -> Iterator[ToolMark]:
    for field in ("label", "annotation"):
        for key in get_text_map(metadata, f"{field}s"):
            tool = _tool_of(key)
            if tool is not None:
                mark = f"{field} {quote(key)}"
                yield ToolMark(tool.name, mark, applies_again=tool.applies_again)
    for owner in get_dicts(metadata, "ownerReferences"):
        if owner.get("controller") is True:
            name = f"{get_str(owner, 'kind')} {get_str(owner, 'name')}"
            yield ToolMark("A controller", f"owner {quote(name)}")


def _tool_of(key: str) -> RecreatingTool | None:
    found = _MARK.match(key)
    return _BY_KEY.get(key) if found is None else _BY_DOMAIN[found[2]]
