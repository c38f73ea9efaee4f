"""The chart, rendered by the real Helm."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from controlplane.helm import helm

ROOT = Path(__file__).parent.parent.parent
CHART = ROOT / "charts/argogrant"

Object = dict[str, Any]
Key = tuple[str, str, str]
MONITORING = "metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true"
FROM_PROMETHEUS = (
    "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.team=monitoring"
)
TO_API_SERVER = "networkPolicy.egress[0].ports[0].port=6443"
SETS: dict[str, list[str]] = {
    "as it comes": [],
    "in Argo CD's namespace": ["argocd.namespace=argogrant"],
    "Argo CD in another cluster": [
        "instance.cluster.server=https://10.0.0.1:6443",
        "instance.cluster.tokenSecret.name=other-cluster",
    ],
    "several namespaces": ["operator.namespaces={team-b,team-c}"],
    "everything": [
        *(f"{MONITORING},metrics.dashboard.enabled=true",),
        *(f"{FROM_PROMETHEUS},{TO_API_SERVER},apiPriorityAndFairness.enabled=true",),
        "admission.trustedFrontEnds={system:serviceaccount:portal:backstage}",
        "tokenSecrets={one,two},priorityClassName=system-cluster-critical",
        "operator.extraArgs={--audit-sink=https://siem.example.com}",
        "instance.spec.maxDuration=8h,podLabels.team=platform",
    ],
    "as little as possible": [
        "instance.create=false,sweep.enabled=false,uninstall.enabled=false",
        "admission.identity=never,admission.fillIn=never,crds.enabled=false",
        "replicaCount=1,podDisruptionBudget.enabled=false",
        "networkPolicy.enabled=false,resourceQuota.enabled=false",
    ],
}
"""Values by the setup that they are for."""


def options(values: list[str]) -> list[str]:
    return [word for value in values for word in ("--set", value)]


def rendered(folder: Path, *values: str, more: tuple[str, ...] = ()) -> list[Object]:
    """Render all objects of a release, including hooks."""
    out = helm(
        *("template", "argogrant", str(CHART), "--namespace", "argogrant"),
        *("--kube-version", "1.37.0", *options(list(values)), *more),
        folder=folder,
    ).stdout
    return [one for one in yaml.safe_load_all(out) if one]


def key(body: Object) -> Key:
    metadata = body["metadata"]
    return body["kind"], metadata.get("namespace", ""), metadata["name"]


def of_kind(objects: list[Object], kind: str) -> Iterator[Object]:
    return (one for one in objects if one["kind"] == kind)


def one_of(objects: list[Object], kind: str, name: str) -> Object:
    (found,) = (o for o in of_kind(objects, kind) if o["metadata"]["name"] == name)
    return found


def pod_of(body: Object) -> Object:
    """Return the spec of the pods of a Deployment, CronJob or Job."""
    spec = body["spec"]
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    pod: Object = spec["template"]["spec"]
    return pod


def container_of(body: Object) -> Object:
    (container,) = pod_of(body)["containers"]
    return container
