"""What the doctor reads, and what becomes of what it may not read."""

from typing import Any

from argogrant.api.admission_drift import validating_policies
from argogrant.api.crd import KINDS, custom_resource_definition
from argogrant.cli.doctor.collect import (
    CRDS,
    DEPLOYMENTS,
    collect_cluster,
    collect_instance,
)
from argogrant.cli.doctor.facts import ClusterFacts, InstanceFacts
from argogrant.cli.doctor.permission_review import (
    CANNOT_REVIEW,
    OWN,
    PermissionReviewer,
)
from argogrant.kube.client import PAGE_SIZE, Body
from argogrant.kube.errors import Forbidden, NotFound, Unavailable
from argogrant.kube.resources import LEASES, VALIDATING_BINDINGS, VALIDATING_POLICIES
from argogrant.kube.whoami import SELF_REVIEWS
from support.builders import NOON
from support.doctor_facts import a_grant_record, a_record, gone, yes
from support.fake_cluster import FakeCluster
from support.in_memory_operator import GRANTS, Room

ACCOUNT = "system:serviceaccount:argogrant:argogrant"
KINDS_OF_ADMISSION = {
    "ValidatingAdmissionPolicy": VALIDATING_POLICIES,
    "ValidatingAdmissionPolicyBinding": VALIDATING_BINDINGS,
}
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
OURS = "/apis/argogrant.dev/v1alpha1"


class Answering(FakeCluster):
    """A cluster that also tells its version and answers reviews."""

    def __init__(self, caller: str = "oidc:rita") -> None:
        super().__init__()
        self.caller = caller
        self.refused: set[str] = set()
        """Verbs that the operator may not do."""
        self.asked: list[tuple[str, Body]] = []
        self.told: dict[str, Any] = {
            "/version": {"gitVersion": "v1.37.0"},
            OURS: {"resources": [{"name": kind.plural} for kind in KINDS]},
            ADMISSION: {"resources": [{"name": "validatingadmissionpolicies"}]},
        }

    async def get(self, path: str) -> Body:
        if path in self.told:
            await self._begin("get", path)
            body: Body = self.told[path]
            return body
        return await super().get(path)

    async def create(self, path: str, body: Body) -> Body:
        await self._begin("create", path)
        if path == SELF_REVIEWS.path(""):
            return {"status": {"userInfo": {"username": self.caller}}}
        self.asked.append((path, body["spec"]))
        verb = body["spec"]["resourceAttributes"]["verb"]
        return {"status": {"allowed": verb not in self.refused}}


def an_installation() -> Answering:
    """Everything that is shipped, on one cluster."""
    cluster = Answering()
    Room(cluster).install()
    for kind in KINDS:
        cluster.add(CRDS.path(""), custom_resource_definition(kind))
    for body in validating_policies():
        if body["kind"] in KINDS_OF_ADMISSION:
            cluster.add(KINDS_OF_ADMISSION[body["kind"]].path(""), body)
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


async def look(cluster: Answering) -> ClusterFacts:
    return await collect_cluster(cluster, "argogrant", lambda: NOON)


async def visit(cluster: Answering, **record: Any) -> InstanceFacts:
    grants = (a_grant_record("g1"), a_grant_record("g2", instance="other"))
    asker = PermissionReviewer(cluster, ACCOUNT)
    return await collect_instance(cluster, a_record(**record), yes(grants), asker)


async def test_a_cluster_is_read_whole() -> None:
    facts = await look(an_installation())

    assert facts.kubernetes.value == "v1.37.0"
    assert facts.admission_kinds.value == {"validatingadmissionpolicies"}
    assert [one.is_served.value for one in facts.crds] == [True] * len(KINDS)
    assert [one.is_current.value for one in facts.crds] == [True] * len(KINDS)
    assert facts.lease.value is not None
    assert facts.lease.value.renewed_at == NOON
    assert facts.admission_drift.value == ""
    assert [one.name for one in facts.instances.value or ()] == ["default"]


async def test_a_crd_of_another_version_is_noticed() -> None:
    cluster = an_installation()
    path = CRDS.path("", "accessgrants.argogrant.dev")
    cluster.edit(path, {"spec": {"names": {"shortNames": ["ag"]}}})
    facts = await look(cluster)

    assert [one.plural for one in facts.crds if not one.is_current.value] == [
        "accessgrants"
    ]


async def test_a_missing_admission_policy_is_named() -> None:
    cluster = an_installation()
    cluster.delete_object(VALIDATING_BINDINGS.path("", "argogrant-approver"))
    found = (await look(cluster)).admission_drift.value

    assert "ValidatingAdmissionPolicyBinding argogrant-approver" in (found or "")


async def test_every_page_of_grants_is_read() -> None:
    cluster = an_installation()
    room = Room(cluster)
    for number in range(PAGE_SIZE + 1):
        room.grant(f"g{number}")

    assert len((await look(cluster)).grants.value or ()) == PAGE_SIZE + 1


async def test_what_is_forbidden_hides_nothing_else() -> None:
    cluster = an_installation()
    cluster.fail("get", Forbidden("403"), path=LEASES.plural)
    cluster.fail("list", Unavailable("GET x: 503 later"), path=GRANTS)
    facts = await look(cluster)

    assert "your rights" in facts.lease.problem
    assert "503 later" in facts.grants.problem
    assert facts.instances.value is not None


async def test_an_unknown_kind_is_no_empty_list() -> None:
    cluster = an_installation()
    cluster.fail("list", NotFound("404"), path=GRANTS)

    assert (await look(cluster)).grants.problem == "its kind is not served"


async def test_what_is_not_as_expected_is_said() -> None:
    cluster = an_installation()
    cluster.told["/version"] = {}

    assert "not as expected" in (await look(cluster)).kubernetes.problem


async def test_an_argo_cd_is_read_whole() -> None:
    cluster = an_installation()
    image = "quay.io/argoproj/argocd:v3.6.1@sha256:0123"
    cluster.add(DEPLOYMENTS.path("argocd"), a_deployment(image))
    facts = await visit(cluster)

    assert facts.config_map.value is not None
    assert facts.argocd_version.value == "v3.6.1"
    assert [one.name for one in facts.grants.value or ()] == ["g1"]
    assert all(one.is_given.value for one in facts.permissions)


async def test_an_image_without_a_tag_has_the_version_of_its_label() -> None:
    cluster = an_installation()
    image, label = (
        "mirror:5000/argocd@sha256:0123",
        {"app.kubernetes.io/version": "v3.5.1"},
    )
    cluster.add(DEPLOYMENTS.path("argocd"), a_deployment(image, **label))

    assert (await visit(cluster)).argocd_version.value == "v3.5.1"


async def test_another_cluster_is_not_entered() -> None:
    remote = {"server": "https://10.0.0.1:6443", "tokenSecret": {"name": "token"}}
    facts = await visit(an_installation(), spec={"cluster": remote})

    assert facts.is_elsewhere
    assert (facts.config_map, facts.argocd_version) == (gone(), gone())
    asked = {one.right.resource.plural for one in facts.permissions}
    assert "secrets" in asked
    assert not asked & {"configmaps", "appprojects"}


async def test_a_person_asks_about_the_operators_account() -> None:
    cluster = an_installation()
    cluster.refused = {"delete"}
    facts = await visit(cluster)
    lacking = [
        one.right.verb for one in facts.permissions if one.is_given.value is False
    ]
    path, spec = cluster.asked[0]

    assert lacking == ["delete", "delete"]
    assert path.endswith("/subjectaccessreviews")
    assert spec["user"] == ACCOUNT
    assert "system:serviceaccounts:argogrant" in spec["groups"]


async def test_the_operators_account_asks_about_itself() -> None:
    cluster = an_installation()
    cluster.caller = ACCOUNT
    await visit(cluster)

    assert {path for path, _ in cluster.asked} == {OWN}


async def test_whoever_may_not_ask_is_not_refused_forty_times() -> None:
    cluster = an_installation()
    cluster.fail("create", Forbidden("403"), path="subjectaccessreviews", times=99)
    facts = await visit(cluster)

    assert {one.is_given.problem for one in facts.permissions} == {CANNOT_REVIEW}
    assert cluster.count("create", "subjectaccessreviews") == 1


async def test_an_api_server_that_does_not_know_its_caller_is_asked_all_the_same() -> (
    None
):
    cluster = an_installation()
    cluster.fail("create", NotFound("404"), path=SELF_REVIEWS.path(""))

    assert all(one.is_given.value for one in (await visit(cluster)).permissions)


async def test_an_outage_amid_the_questions_is_said() -> None:
    cluster = an_installation()
    cluster.fail("create", Unavailable("503"), path="subjectaccessreviews")

    assert (await visit(cluster)).permissions[0].is_given.problem == "503"
