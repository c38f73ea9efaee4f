"""Facts that the doctor reads, and facts that it is not permitted to read."""

from typing import Any

from argogrant.api.admission_drift import validating_policies
from argogrant.api.crd import KINDS, custom_resource_definition
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.cli.doctor.collect import (
    CANNOT_REVIEW,
    CRDS,
    DEPLOYMENTS,
    NO_PERMISSION,
    OWN_REVIEWS,
    ClusterFacts,
    InstanceFacts,
    collect_cluster,
    collect_instance,
)
from argogrant.kube.client import PAGE_SIZE, Body
from argogrant.kube.errors import Forbidden, NotFound, Unavailable
from argogrant.kube.permissions import SELF_REVIEWS
from argogrant.kube.resources import (
    CONFIG_MAPS,
    LEASES,
    NAMESPACES,
    VALIDATING_BINDINGS,
    VALIDATING_POLICIES,
)
from support.builders import NOON
from support.doctor_facts import a_cluster, a_grant_record, a_record, gone, no, yes
from support.fake_cluster import FakeCluster
from support.in_memory_operator import GRANTS, INSTANCE_PATH, RBAC, InMemoryOperator

ACCOUNT = "system:serviceaccount:argogrant:argogrant"
ADMISSION_KINDS = {
    "ValidatingAdmissionPolicy": VALIDATING_POLICIES,
    "ValidatingAdmissionPolicyBinding": VALIDATING_BINDINGS,
}
ADMISSION_GROUP = "/apis/admissionregistration.k8s.io/v1"
ARGOGRANT_GROUP = "/apis/argogrant.dev/v1alpha1"


class ReviewingCluster(FakeCluster):
    """A cluster that also serves its version, its groups, and access reviews."""

    def __init__(self, caller: str = "oidc:rita") -> None:
        super().__init__()
        self.caller = caller
        self.denied: set[str] = set()
        """Verbs that the operator does not have permission for."""
        self.reviews: list[tuple[str, Body]] = []
        self.discovery: dict[str, Any] = {
            "/version": {"gitVersion": "v1.37.0"},
            ARGOGRANT_GROUP: {"resources": [{"name": kind.plural} for kind in KINDS]},
            ADMISSION_GROUP: {"resources": [{"name": "validatingadmissionpolicies"}]},
        }

    async def get(self, path: str) -> Body:
        if path in self.discovery:
            await self._begin("get", path)
            body: Body = self.discovery[path]
            return body
        return await super().get(path)

    async def create(self, path: str, body: Body) -> Body:
        await self._begin("create", path)
        if path == SELF_REVIEWS.path(""):
            return {"status": {"userInfo": {"username": self.caller}}}
        self.reviews.append((path, body["spec"]))
        verb = body["spec"]["resourceAttributes"]["verb"]
        return {"status": {"allowed": verb not in self.denied}}


def an_installation() -> ReviewingCluster:
    """A cluster with everything that is shipped."""
    cluster = ReviewingCluster()
    InMemoryOperator(cluster).install()
    for kind in KINDS:
        cluster.add(CRDS.path(""), custom_resource_definition(kind))
    for body in validating_policies():
        if body["kind"] in ADMISSION_KINDS:
            cluster.add(ADMISSION_KINDS[body["kind"]].path(""), body)
    spec = {"holderIdentity": "argogrant-0", "renewTime": "2026-11-24T12:00:00.000000Z"}
    lease = {"metadata": {"name": "argogrant"}, "spec": spec}
    cluster.add(LEASES.path("argogrant"), lease)
    return cluster


def a_deployment(image: str, **labels: str) -> Body:
    pod = {"spec": {"containers": [{"image": image}]}}
    return {
        "metadata": {"name": "argocd-server", "labels": labels},
        "spec": {"template": pod},
    }


async def cluster_facts(cluster: ReviewingCluster) -> ClusterFacts:
    return await collect_cluster(cluster, "argogrant", lambda: NOON)


async def test_operator_is_looked_for_where_it_reports_to_run() -> None:
    """It serves this namespace from another one."""
    cluster = an_installation()
    status = {"operatorNamespace": "platform"}
    cluster.edit(f"{INSTANCE_PATH}/status", {"status": status})
    here = await cluster_facts(cluster)
    cluster.add(
        LEASES.path("platform"), cluster.object(f"{LEASES.path('argogrant')}/argogrant")
    )
    there = await cluster_facts(cluster)
    checked = {
        (one["resourceAttributes"]["resource"], one["resourceAttributes"]["namespace"])
        for _, one in cluster.reviews
    }

    assert here.operator_namespace == there.operator_namespace == "platform"
    assert here.lease == gone()
    assert there.lease.value is not None
    assert checked == {("leases", "platform"), ("argocdinstances", "argogrant")}
    assert {one["user"] for _, one in cluster.reviews} == {
        "system:serviceaccount:platform:argogrant"
    }


async def instance_facts(cluster: ReviewingCluster, **record: Any) -> InstanceFacts:
    grants = (a_grant_record("g1"), a_grant_record("g2", instance="other"))
    return await collect_instance(
        cluster, a_record(**record), a_cluster(grants=yes(grants))
    )


async def test_all_facts_of_a_cluster_are_read() -> None:
    facts = await cluster_facts(an_installation())

    assert facts.kubernetes.value == "v1.37.0"
    assert facts.admission_kinds.value == {"validatingadmissionpolicies"}
    assert facts.crds == {kind.plural: yes() for kind in KINDS}
    assert facts.lease.value is not None
    assert facts.lease.value.renewed_at == NOON
    assert facts.missing_permissions == yes(())
    assert facts.admission_drift.value == ""
    assert [one.name for one in facts.instances.value or ()] == ["default"]


async def test_crd_of_another_version_is_not_current() -> None:
    cluster = an_installation()
    path = CRDS.path("", "accessgrants.argogrant.dev")
    cluster.edit(path, {"spec": {"names": {"shortNames": ["ag"]}}})
    facts = await cluster_facts(cluster)

    assert [plural for plural, one in facts.crds.items() if not one.value] == [
        "accessgrants"
    ]


async def test_missing_admission_policy_is_named() -> None:
    cluster = an_installation()
    cluster.delete_object(VALIDATING_BINDINGS.path("", "argogrant-approver"))
    drift = (await cluster_facts(cluster)).admission_drift.value

    assert "ValidatingAdmissionPolicyBinding argogrant-approver" in (drift or "")


async def test_every_page_of_grants_is_read() -> None:
    cluster = an_installation()
    operator = InMemoryOperator(cluster)
    for number in range(PAGE_SIZE + 1):
        operator.grant(f"g{number}")

    assert len((await cluster_facts(cluster)).grants.value or ()) == PAGE_SIZE + 1


async def test_forbidden_read_hides_no_other_fact() -> None:
    cluster = an_installation()
    cluster.fail("get", Forbidden("403"), path=LEASES.plural)
    cluster.fail("list", Unavailable("GET x: 503 later"), path=GRANTS)
    facts = await cluster_facts(cluster)

    assert facts.lease.problem == NO_PERMISSION
    assert "503 later" in facts.grants.problem
    assert facts.instances.value is not None


async def test_unserved_kind_is_a_problem_and_not_an_empty_list() -> None:
    cluster = an_installation()
    cluster.fail("list", NotFound("404"), path=GRANTS)

    problem = (await cluster_facts(cluster)).grants.problem
    assert problem == "the API server does not serve the kind"


async def test_unexpected_content_is_a_problem() -> None:
    cluster = an_installation()
    cluster.discovery["/version"] = {}

    assert "unexpected content" in (await cluster_facts(cluster)).kubernetes.problem


async def test_all_facts_of_an_instance_are_read() -> None:
    cluster = an_installation()
    image = "quay.io/argoproj/argocd:v3.6.1@sha256:0123"
    cluster.add(DEPLOYMENTS.path("argocd"), a_deployment(image))
    facts = await instance_facts(cluster)

    assert facts.argocd_version.value == "v3.6.1"
    assert [one.name for one in facts.grants.value or ()] == ["g1"]


async def test_image_without_a_tag_has_the_version_of_its_label() -> None:
    cluster = an_installation()
    image, label = (
        "mirror:5000/argocd@sha256:0123",
        {"app.kubernetes.io/version": "v3.5.1"},
    )
    cluster.add(DEPLOYMENTS.path("argocd"), a_deployment(image, **label))

    assert (await instance_facts(cluster)).argocd_version.value == "v3.5.1"


async def test_argocd_in_another_cluster_is_not_read() -> None:
    cluster = an_installation()
    cluster.add(DEPLOYMENTS.path("argocd"), a_deployment("argocd:v3.6.1"))
    remote = {"server": "https://10.0.0.1:6443", "tokenSecret": {"name": "token"}}
    facts = await instance_facts(cluster, spec={"cluster": remote})

    assert facts.is_remote
    assert facts.argocd_version == gone()


async def test_permissions_of_the_operators_account_are_reviewed() -> None:
    cluster = an_installation()
    cluster.denied = {"create"}
    facts = await cluster_facts(cluster)
    missing = facts.missing_permissions.value or ()
    path, spec = cluster.reviews[0]

    assert [one.target for one in missing] == ["leases in namespace argogrant"]
    assert path.endswith("/subjectaccessreviews")
    assert spec["user"] == ACCOUNT
    assert "system:serviceaccounts:argogrant" in spec["groups"]


async def test_operators_account_reviews_its_own_permissions() -> None:
    cluster = an_installation()
    cluster.caller = ACCOUNT
    await cluster_facts(cluster)

    assert {path for path, _ in cluster.reviews} == {OWN_REVIEWS}


async def test_reviews_stop_after_the_first_refusal() -> None:
    cluster = an_installation()
    cluster.fail("create", Forbidden("403"), path="subjectaccessreviews", times=99)
    facts = await cluster_facts(cluster)

    assert facts.missing_permissions.problem == CANNOT_REVIEW
    assert cluster.count("create", "subjectaccessreviews") == 1


async def test_permissions_are_reviewed_if_the_caller_is_unknown() -> None:
    cluster = an_installation()
    cluster.fail("create", NotFound("404"), path=SELF_REVIEWS.path(""))
    facts = await cluster_facts(cluster)

    assert facts.missing_permissions == yes(())


async def test_outage_during_the_reviews_is_a_problem() -> None:
    cluster = an_installation()
    cluster.fail("create", Unavailable("503"), path="subjectaccessreviews")
    facts = await cluster_facts(cluster)

    assert facts.missing_permissions.problem == "503"


async def test_access_is_read_with_its_owner_and_the_state_of_the_namespace() -> None:
    """A key that was copied into another Argo CD has no instance that manages it."""
    cluster = an_installation()
    uid = cluster.object(INSTANCE_PATH)["metadata"]["uid"]
    text = f"# argogrant v1 argogrant/default {uid}\ng, alice, role:deployer\n"
    cluster.edit(RBAC, {"data": {OVERLAY_KEY: text}})
    copy = {"metadata": {"name": "argocd-rbac-cm"}, "data": {OVERLAY_KEY: text}}
    cluster.add(CONFIG_MAPS.path("gitops"), copy)
    metadata = {"name": "argogrant", "finalizers": ["kubernetes"]}
    cluster.add(NAMESPACES.path(""), {"metadata": metadata})
    before = await cluster_facts(cluster)
    cluster.delete_object(NAMESPACES.path("", "argogrant"))
    facts = await cluster_facts(cluster)
    (access,) = facts.access

    assert [one.namespace for one in access.found] == ["argocd", "gitops"]
    assert [known for _, known in access.managed.items()] == [True, False]
    assert (before.is_terminating, facts.is_terminating) == (no(), yes())
