"""``argogrant plan`` prints planned changes as a diff, and sets the exit status."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from argogrant.argocd.allowed_namespaces import ALLOWED_NAMESPACES_ANNOTATION
from argogrant.argocd.overlay import EXPLANATION
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME, OVERLAY_KEY
from argogrant.cli import session as connecting
from argogrant.cli.main import app
from argogrant.cli.simulate.plan import ObjectDiff, as_diff
from argogrant.kube.errors import Forbidden
from argogrant.kube.resources import (
    ACCESS_GRANTS,
    ACCESS_POLICIES,
    APP_PROJECTS,
    ARGOCD_INSTANCES,
    CONFIG_MAPS,
)
from support.fake_cluster import FakeCluster
from support.live_cluster import INSTANCE, PROJECT, RULES, a_grant

END = "2099-01-01T00:00:00Z"
INSTANCE_PATH = ARGOCD_INSTANCES.path("argogrant", "default")
CONFIG_MAP = CONFIG_MAPS.path("argocd", CONFIG_MAP_NAME)


@pytest.fixture(autouse=True)
def argocd(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setattr(connecting, "utc_now", cluster._clock)
    cluster.add(ARGOCD_INSTANCES.path("argogrant"), INSTANCE)
    cluster.edit(INSTANCE_PATH, {"spec": {"maxDuration": "999999h"}})
    report_own_namespace(cluster, "argogrant")
    cluster.add(APP_PROJECTS.path("argocd"), PROJECT)
    metadata = {"name": CONFIG_MAP_NAME, "namespace": "argocd"}
    body = {"metadata": metadata, "data": {"policy.csv": RULES}}
    cluster.add(CONFIG_MAPS.path("argocd"), body)
    return cluster


def report_own_namespace(cluster: FakeCluster, name: str | None) -> None:
    status = {"operatorNamespace": name}
    cluster.edit(f"{INSTANCE_PATH}/status", {"status": status})


def plan(*words: str, stdin: str = "") -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["plan", *words], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def apply(cluster: FakeCluster, **grant: object) -> None:
    body = a_grant("fix", "ann", expiresAt=END, **grant)
    cluster.add(ACCESS_GRANTS.path("argogrant"), body)


def project_role() -> dict[str, str]:
    return {"name": "deployer", "project": "team-a"}


def test_no_change_prints_nothing() -> None:
    assert plan() == (0, "", "")


def test_new_binding_is_an_added_line(cluster: FakeCluster) -> None:
    apply(cluster)
    uid = cluster.object(INSTANCE_PATH)["metadata"]["uid"]

    status, text, stderr = plan()

    assert (status, stderr) == (1, "")
    assert text.splitlines() == [
        "--- configmap/argocd-rbac-cm (policy.argogrant.csv) now",
        "+++ configmap/argocd-rbac-cm (policy.argogrant.csv) planned",
        "@@ -0,0 +1,4 @@",
        f"+# argogrant v1 argogrant/default {uid}",
        f"+{EXPLANATION}",
        f"+# until {END}",
        "+g, ann, role:deployer",
    ]


def test_plan_is_empty_after_the_change_is_written(cluster: FakeCluster) -> None:
    apply(cluster)
    (change,) = json.loads(plan("-o", "json")[1])["changes"]
    cluster.edit(CONFIG_MAP, {"data": {OVERLAY_KEY: change["after"]}})

    assert change["part"] == OVERLAY_KEY
    assert plan() == (0, "", "")


def test_removed_binding_is_a_removed_line(cluster: FakeCluster) -> None:
    cluster.edit(CONFIG_MAP, {"data": {OVERLAY_KEY: "g, eve, role:admin\x1b"}})
    status, text, _ = plan()

    assert status == 1
    assert "-g, eve, role:admin\\x1b\n-\\ No newline at end of file\n" in text


def test_deleted_instance_removes_its_key(cluster: FakeCluster) -> None:
    apply(cluster)
    (change,) = json.loads(plan("-o", "json")[1])["changes"]
    cluster.edit(CONFIG_MAP, {"data": {OVERLAY_KEY: change["after"]}})
    cluster.edit(INSTANCE_PATH, {"metadata": {"finalizers": ["argogrant.dev/revoke"]}})
    cluster.delete_object(INSTANCE_PATH)

    assert "-g, ann, role:deployer\n" in plan()[1]


def allow(cluster: FakeCluster, namespaces: str) -> None:
    annotations = {ALLOWED_NAMESPACES_ANNOTATION: namespaces}
    cluster.edit(CONFIG_MAP, {"metadata": {"annotations": annotations}})


def test_nothing_can_be_written_if_argocd_does_not_allow_it(
    cluster: FakeCluster,
) -> None:
    apply(cluster)
    allow(cluster, "team-b")
    status, text, stderr = plan()

    assert (status, text) == (2, "")
    assert "allowed-namespaces=team-b,argogrant --overwrite" in stderr


def test_withdrawn_permission_removes_the_key(cluster: FakeCluster) -> None:
    apply(cluster)
    (change,) = json.loads(plan("-o", "json")[1])["changes"]
    cluster.edit(CONFIG_MAP, {"data": {OVERLAY_KEY: change["after"]}})
    allow(cluster, "team-b")
    status, text, stderr = plan()

    assert status == 1
    assert "-g, ann, role:deployer\n" in text
    assert "-# argogrant v1 " in text
    assert "allowed-namespaces=team-b,argogrant --overwrite" in stderr


@pytest.mark.parametrize(
    ("reported", "allowed", "outcome", "says"),
    [
        pytest.param(
            "platform",
            None,
            2,
            "allowed-namespaces=platform,argogrant --overwrite",
            id="as the operator reported it",
        ),
        pytest.param(
            None,
            None,
            0,
            "that of the ArgoCDInstance is assumed",
            id="assumed, and said so, if no operator has reported it",
        ),
        pytest.param(
            None,
            "argogrant",
            0,
            "",
            id="without a matter if the namespace is named",
        ),
    ],
)
def test_own_namespace_of_the_operator_is(
    cluster: FakeCluster, reported, allowed, outcome, says
) -> None:
    report_own_namespace(cluster, reported)
    if allowed is not None:
        allow(cluster, allowed)
    code, _, stderr = plan()

    assert code == outcome
    assert says in stderr
    assert bool(stderr) is bool(says)


def test_project_member_is_a_diff_of_the_project(cluster: FakeCluster) -> None:
    cluster.edit(INSTANCE_PATH, {"spec": {"bindProjectRolesIn": "AppProject"}})
    apply(cluster, role=project_role())
    status, text, _ = plan()

    assert status == 1
    assert "--- appproject/team-a (the members of its roles) now\n" in text
    assert "\n+    - ann\n" in text
    assert "subject: ann\n" in text


@pytest.mark.parametrize("as_list", [False, True])
def test_manifest_is_assumed_as_applied(tmp_path: Path, *, as_list: bool) -> None:
    body: dict[str, object] = a_grant("fix", "ann", expiresAt=END)
    if as_list:
        body = {"apiVersion": "v1", "kind": "List", "items": [body]}
    file = tmp_path / "grant.yaml"
    file.write_text(f"---\n{yaml.safe_dump(body)}---\n")
    status, text, stderr = plan("-f", str(file))

    assert (status, stderr) == (1, "")
    assert "+g, ann, role:deployer\n" in text


def test_manifest_of_an_existing_grant_is_assumed_as_applied(
    cluster: FakeCluster,
) -> None:
    apply(cluster)
    changed = a_grant("fix", "ann", expiresAt=END, revoked=True)
    status, text, stderr = plan("-f", "-", stdin=yaml.safe_dump(changed))

    assert (status, text) == (0, "")
    assert stderr.startswith("argogrant plan: fix would not be bound, Revoked: ")


def test_json_contains_added_and_removed_bindings(cluster: FakeCluster) -> None:
    cluster.edit(CONFIG_MAP, {"data": {OVERLAY_KEY: "g, eve, role:admin\n"}})
    apply(cluster)
    plan_json = json.loads(plan("-o", "json")[1])

    assert plan_json["added"] == [{"subject": "ann", "role": "role:deployer"}]
    assert plan_json["removed"] == [{"subject": "eve", "role": "role:admin"}]


def test_blocked_plan_prints_the_cause(cluster: FakeCluster) -> None:
    cluster.edit(CONFIG_MAP, {"data": {"policy.csv": f"{RULES}p, x\n"}})
    apply(cluster)
    status, text, stderr = plan()

    assert (status, text) == (0, "")
    assert stderr.startswith("argogrant plan: Argo CD cannot parse policy.csv line 3: ")


def test_missing_config_map_fails(cluster: FakeCluster) -> None:
    cluster.delete_object(CONFIG_MAP)

    assert plan()[0] == 2


def test_unknown_admission_policies_fail(cluster: FakeCluster) -> None:
    policy = {"metadata": {"name": "p", "namespace": "argogrant"}, "spec": {}}
    cluster.add(ACCESS_POLICIES.path("argogrant"), policy)
    forbidden = Forbidden("403 no")
    cluster.fail("list", forbidden, times=9, path="validatingadmission")
    status, _, stderr = plan()

    assert status == 2
    assert "cannot determine whether requesters are verified: " in stderr
    assert plan("--accept-unverified-requesters") == (0, "", "")


def test_unreadable_access_policies_fail(cluster: FakeCluster) -> None:
    cluster.fail("list", Forbidden("403 no"), path="accesspolicies")

    assert plan()[0] == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "kind: ConfigMap",
            '"-" contains a ConfigMap. Remove it; plan accepts AccessGrants only.',
        ),
        ("kind: 'a b'", 'contains a "a b". Remove'),
        ("7", "contains a document that is not an AccessGrant with metadata.name"),
        ("kind: AccessGrant", "contains a document that is not an AccessGrant"),
        ("a: [", 'cannot read "-": while parsing'),
        (
            "{kind: AccessGrant, metadata: {name: x, namespace: y}, spec: {}}",
            'AccessGrant "x" is in namespace "y". Select this namespace (-n).',
        ),
    ],
)
def test_invalid_file_fails(text: str, message: str) -> None:
    status, out, error = plan("-f", "-", stdin=text)

    assert (status, out) == (2, "")
    assert message in error
    assert error.count("\n") == 1


def test_missing_file_fails() -> None:
    assert 'cannot read "nowhere": ' in plan("-f", "nowhere")[2]


def test_diff_has_colours_and_signs() -> None:
    change = ObjectDiff(object="o", part="p", before="a\n", after="b\n")
    lines = as_diff([change], coloured=True).split("\n")

    assert lines[-2:] == ["\x1b[31m-a\x1b[0m", "\x1b[32m+b\x1b[0m"]
