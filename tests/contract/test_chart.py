"""The chart, compared with the manifests, and its schema of values."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import generate_chart
from controlplane.helm import helm
from support import chart
from support.chart import CHART, ROOT, container_of, of_kind, one_of, options, rendered

IDENTITY = "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy"
FILL_IN = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"
KINDS_ARE_SERVED = ("--api-versions", "argogrant.dev/v1alpha1/AccessGrant")
MONITORED = "metrics.prometheusRule.enabled=true"
SELECTED = {
    "app.kubernetes.io/name": "argogrant",
    "app.kubernetes.io/instance": "argogrant",
}
MONITORING = {"namespaceSelector": {"matchLabels": {"team": "monitoring"}}}
WAVE = "argocd.argoproj.io/sync-wave"
WEIGHT = "helm.sh/hook-weight"
HOOK = {
    "helm.sh/hook": "pre-delete",
    "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
}


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[chart.Object]:
    """Return the objects for a cluster that serves every API."""
    served = ("--api-versions", IDENTITY, "--api-versions", FILL_IN, *KINDS_ARE_SERVED)
    return rendered(tmp_path_factory.mktemp("helm"), MONITORED, more=served)


def shipped(*paths: str) -> list[chart.Object]:
    return [
        one for path in paths for one in yaml.safe_load_all((ROOT / path).read_text())
    ]


def test_generated_files_of_the_chart_are_fresh() -> None:
    """After a change: make generate."""
    expected = generate_chart.chart_files()
    there = {str(p.relative_to(ROOT)) for p in CHART.glob("files/**/*") if p.is_file()}

    assert {name: (ROOT / name).read_text() for name in expected} == expected
    assert there == expected.keys() - {"charts/argogrant/README.md"}


def test_every_value_is_described() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    described = dict(generate_chart.described((CHART / "values.yaml").read_text()))

    def missing(tree: dict[str, Any], path: str = "") -> list[str]:
        lacking: list[str] = []
        for name, value in tree.items():
            if path + name in described:
                continue
            inner = isinstance(value, dict) and value
            lacking += missing(value, f"{path}{name}.") if inner else [path + name]
        return lacking

    assert missing(values) == []


@pytest.mark.parametrize("values", chart.SETS.values(), ids=chart.SETS)
def test_helm_lint_passes(values, tmp_path: Path) -> None:
    helm("lint", "--strict", str(CHART), *options(values), folder=tmp_path)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param("replicas=3", "replicas", id="a misspelt value"),
        pytest.param("crds.instal=true", "instal", id="a misspelt value below another"),
        pytest.param("admission.identity=yes", "identity", id="a word it has not"),
        pytest.param("image.digest=latest", "digest", id="a digest that is none"),
        pytest.param("image.repository=argogrant", "repository", id="no registry"),
        pytest.param("image.repository=team/argogrant", "repository", id="no host"),
        pytest.param("resourceQuota.accessGrants=0", "accessGrants", id="no grants"),
        pytest.param(
            "instance.cluster.server=http://x", "server", id="a cluster in the clear"
        ),
        pytest.param(
            "instance.cluster.server=https://x", "tokenSecret", id="no token for it"
        ),
        pytest.param("instance.spec.namespace=x", "spec", id="a namespace said twice"),
        pytest.param(
            "operator.namespaces={*}", "namespaces", id="a wildcard for a namespace"
        ),
        pytest.param(
            "admission.trustedFrontEnds={a'b}", "trustedFrontEnds", id="a quote for CEL"
        ),
    ],
)
def test_schema_rejects_invalid_values(value, words, tmp_path: Path) -> None:
    run = ("template", "argogrant", str(CHART), "--set", value)
    done = helm(*run, folder=tmp_path, check=False)

    assert done.returncode != 0
    assert words in done.stderr


def test_roles_equal_those_of_the_manifests(objects) -> None:
    rules = {
        (one["metadata"]["namespace"], one["metadata"]["name"]): one["rules"]
        for one in of_kind(objects, "Role")
    }
    ours, argocds, sweeps = of_kind(
        shipped(
            "manifests/argogrant-namespace.yaml",
            "manifests/argocd-namespace.yaml",
            "manifests/sweep-cronjob.yaml",
        ),
        "Role",
    )

    assert rules["argogrant", "argogrant"] == ours["rules"]
    assert rules["argocd", "argogrant-argocd"] == argocds["rules"]
    assert rules["argocd", "argogrant-sweep"] == sweeps["rules"]


def test_cluster_roles_equal_those_of_the_manifests(objects) -> None:
    (here,) = of_kind(objects, "ClusterRole")
    (there,) = of_kind(shipped("manifests/argogrant-namespace.yaml"), "ClusterRole")

    assert here["rules"] == there["rules"]


@pytest.mark.parametrize(
    ("kind", "name", "manifest"),
    [
        ("Deployment", "argogrant", "manifests/operator.yaml"),
        ("CronJob", "argogrant-sweep", "manifests/sweep-cronjob.yaml"),
    ],
)
def test_deployment_contains_that_of_the_manifests(
    objects, kind, name, manifest
) -> None:
    """The chart can have more fields, but no other values."""
    here = container_of(one_of(objects, kind, name))
    there = container_of(one_of(shipped(manifest), kind, name))

    assert here["args"][: len(there["args"])] == there["args"]
    assert {**here, "args": there["args"]}.items() >= there.items()


def test_limits_equal_those_of_the_manifests(objects, tmp_path: Path) -> None:
    """The chart selects the pods of its own release only."""
    value = "apiPriorityAndFairness.enabled=true"
    prioritized = rendered(tmp_path, value, more=KINDS_ARE_SERVED)
    there = shipped("manifests/limits.yaml", "manifests/api-priority.yaml")
    (policy, quota, level, schema) = there
    expected = {chart.key(one): one["spec"] for one in (quota, level, schema)}

    assert {
        chart.key(one): one["spec"] for one in prioritized if chart.key(one) in expected
    } == expected
    selector = {"podSelector": {"matchLabels": SELECTED}}
    assert policy["spec"].keys() == {"podSelector", "policyTypes"}
    assert one_of(objects, "NetworkPolicy", "argogrant")["spec"] == {
        **policy["spec"],
        **selector,
    }


def test_first_release_on_a_cluster_has_no_quota(tmp_path: Path) -> None:
    """Kubernetes would reject the ArgoCDInstance until it has counted the new kinds."""
    assert not list(of_kind(rendered(tmp_path), "ResourceQuota"))


def test_argocd_applies_the_quota_after_the_instance(tmp_path: Path) -> None:
    objects = rendered(tmp_path, "appliedBy=ArgoCD")
    waves = [
        int(one_of(objects, kind, name)["metadata"]["annotations"][WAVE])
        for kind, name in (
            ("ArgoCDInstance", "default"),
            ("ResourceQuota", "argogrant"),
        )
    ]

    assert waves == [1, 2]


def test_every_served_namespace_has_the_same_quota(tmp_path: Path) -> None:
    value = "resourceQuota.namespaces={team-b}"
    quotas = of_kind(rendered(tmp_path, value, more=KINDS_ARE_SERVED), "ResourceQuota")
    first, second = sorted(quotas, key=chart.key)

    assert [first["metadata"]["namespace"], second["metadata"]["namespace"]] == [
        "argogrant",
        "team-b",
    ]
    assert first["spec"] == second["spec"]


@pytest.mark.parametrize(
    ("values", "added"),
    [
        pytest.param(
            chart.FROM_PROMETHEUS,
            {
                "policyTypes": ["Ingress"],
                "ingress": [{"ports": [{"port": "metrics"}], "from": [MONITORING]}],
            },
            id="metrics from a namespace",
        ),
        pytest.param(
            chart.TO_API_SERVER,
            {
                "policyTypes": ["Ingress", "Egress"],
                "egress": [{"ports": [{"port": 6443}]}],
            },
            id="nothing but the API server",
        ),
    ],
)
def test_network_policy_admits_what_values_name(values, added, tmp_path: Path) -> None:
    found = one_of(rendered(tmp_path, values), "NetworkPolicy", "argogrant")["spec"]

    assert found == {"podSelector": {"matchLabels": SELECTED}, **added}


def test_service_monitor_needs_a_source_that_can_connect(tmp_path: Path) -> None:
    value = "metrics.serviceMonitor.enabled=true"
    run = ("template", "argogrant", str(CHART), "--set", value)

    assert (
        "networkPolicy.metricsFrom" in helm(*run, folder=tmp_path, check=False).stderr
    )
    open_to_all = rendered(tmp_path, value, "networkPolicy.enabled=false")
    assert list(of_kind(open_to_all, "ServiceMonitor"))


def test_instance_is_closed_unless_a_value_opens_it(tmp_path: Path) -> None:
    def spec(*values: str) -> dict[str, Any]:
        found = one_of(rendered(tmp_path, *values), "ArgoCDInstance", "default")["spec"]
        return dict(found)

    assert spec("instance.spec.maxDuration=8h")["requireAccessPolicy"] is True
    assert (
        spec("instance.spec.requireAccessPolicy=false")["requireAccessPolicy"] is False
    )


def test_permissions_of_the_uninstall_hook_are_hooks_before_it(objects) -> None:
    """Helm runs hooks by weight, and then deletes all that have succeeded."""
    weights = {
        chart.key(one): int(one["metadata"]["annotations"].get(WEIGHT, 0))
        for one in objects
        if one["metadata"]["name"].startswith("argogrant-uninstall")
        and one["metadata"]["annotations"].items() >= HOOK.items()
    }
    job = weights.pop(("Job", "argogrant", "argogrant-uninstall"))
    roles = [key for key in weights if key[0] == "Role"]

    assert len(weights) == 5
    assert len(roles) == 2
    assert max(weights.values()) < job


def test_only_pods_of_the_chart_mount_a_token(objects) -> None:
    accounts = list(of_kind(objects, "ServiceAccount"))
    pods = [
        chart.pod_of(one)
        for one in objects
        if one["kind"] in {"Deployment", "CronJob", "Job"}
    ]

    assert len(accounts) == len(pods) == 3
    assert not any(one["automountServiceAccountToken"] for one in accounts)
    assert all(one["automountServiceAccountToken"] for one in pods)


def test_crds_equal_those_of_the_repository_and_are_kept(objects) -> None:
    expected = {
        one["metadata"]["name"]: one["spec"]
        for path in (ROOT / "crds").iterdir()
        for one in yaml.safe_load_all(path.read_text())
    }
    found = list(of_kind(objects, "CustomResourceDefinition"))

    assert {one["metadata"]["name"]: one["spec"] for one in found} == expected
    for one in found:
        assert one["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_crds_are_not_kept_when_disabled(tmp_path: Path) -> None:
    found = of_kind(rendered(tmp_path, "crds.keep=false"), "CustomResourceDefinition")

    assert all("annotations" not in one["metadata"] for one in found)


def test_admission_policies_equal_those_of_the_repository(objects) -> None:
    expected = {
        chart.key(one): one["spec"]
        for one in shipped(
            "admission/argogrant-validating.yaml",
            "admission/argogrant-limits.yaml",
            "admission/argogrant-mutating.yaml",
        )
    }
    found = {
        chart.key(one): one["spec"] for one in objects if "Admission" in one["kind"]
    }

    assert found == expected


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "deleted"])
def test_admission_policies_are_kept_unless_disabled(tmp_path: Path, *, keep) -> None:
    """All six policies with their bindings: one that is created again ends access."""
    always = "admission.identity=always,admission.fillIn=always,admission.limits=always"
    values = [always] if keep else [f"{always},admission.keep=false"]
    found = [one for one in rendered(tmp_path, *values) if "Admission" in one["kind"]]
    annotations = [one["metadata"].get("annotations") for one in found]
    expected = {
        "helm.sh/resource-policy": "keep",
        "argocd.argoproj.io/sync-options": "Prune=false",
    }

    assert annotations == [expected if keep else None] * 10


def test_admission_policies_depend_on_the_served_versions(tmp_path: Path) -> None:
    """Values override the detection."""
    older = rendered(tmp_path, more=("--api-versions", IDENTITY))
    told = rendered(tmp_path, "admission.identity=never,admission.fillIn=always")

    assert {k["kind"] for k in older if "AdmissionPolicy" in k["kind"]} == {
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
    assert {k["kind"] for k in told if "AdmissionPolicy" in k["kind"]} == {
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
    }


def test_trusted_front_ends_are_in_both_policies(tmp_path: Path) -> None:
    value = "admission.identity=always,admission.trustedFrontEnds={portal,ci}"
    policies = of_kind(rendered(tmp_path, value), "ValidatingAdmissionPolicy")
    expressions = [one["spec"]["variables"][0]["expression"] for one in policies]

    assert expressions == ["['portal', 'ci']"] * 2


def test_alerts_equal_those_of_the_repository(objects) -> None:
    (expected,) = shipped("manifests/monitoring/prometheusrule.yaml")

    assert one_of(objects, "PrometheusRule", "argogrant")["spec"] == expected["spec"]


def test_remote_argocd_needs_a_secret_and_no_local_role(tmp_path: Path) -> None:
    objects = rendered(tmp_path, *chart.SETS["Argo CD in another cluster"])
    own = one_of(objects, "Role", "argogrant")["rules"]

    assert {one["metadata"].get("namespace", "argogrant") for one in objects} == {
        "argogrant"
    }
    assert own[-1]["resourceNames"] == ["other-cluster"]
    assert not list(of_kind(objects, "CronJob"))


def test_further_namespaces_are_served_and_allowed_in_argocd(tmp_path: Path) -> None:
    """The hook names them together with the release's own, which alone needs none."""
    objects = rendered(tmp_path, *chart.SETS["several namespaces"])
    served = container_of(one_of(objects, "Deployment", "argogrant"))["args"]
    job = one_of(objects, "Job", "argogrant-allow")
    (role,) = (
        one
        for one in of_kind(objects, "Role")
        if chart.key(one) == ("Role", "argocd", "argogrant-allow")
    )

    assert [one for one in served if one.startswith("--namespace")] == [
        "--namespace=argogrant",
        "--namespace=team-b",
        "--namespace=team-c",
    ]
    assert container_of(job)["args"] == [
        *("allow", "--argocd-namespace=argocd", "argogrant", "team-b", "team-c")
    ]
    assert role["rules"][0]["resourceNames"] == ["argocd-rbac-cm"]
    for one in (job, role):
        assert one["metadata"]["annotations"]["helm.sh/hook"].startswith("pre-install")
        assert "hook-succeeded" in str(one["metadata"]["annotations"])
    assert not [one for one in rendered(tmp_path) if "allow" in one["metadata"]["name"]]


def test_role_for_a_further_namespace_has_no_lease(tmp_path: Path) -> None:
    roles = {
        one["metadata"]["namespace"]: one["rules"]
        for one in of_kind(
            rendered(tmp_path, *chart.SETS["several namespaces"]), "Role"
        )
        if one["metadata"]["name"] == "argogrant"
    }
    own = [one for one in roles["argogrant"] if one["resources"] != ["leases"]]

    assert len(own) == len(roles["argogrant"]) - 2
    assert roles["team-b"] == roles["team-c"] == own


def test_notes_name_the_command_for_an_argocd_in_another_cluster(
    tmp_path: Path,
) -> None:
    """The hook cannot reach it."""
    values = [
        *chart.SETS["Argo CD in another cluster"],
        *chart.SETS["several namespaces"],
    ]
    run = ("install", "argogrant", str(CHART), "--namespace", "argogrant")
    shown = helm(*run, "--dry-run=client", *options(values), folder=tmp_path).stdout

    assert "argogrant allow --argocd-namespace=argocd argogrant team-b team-c" in shown
    assert "argogrant-allow" not in shown
