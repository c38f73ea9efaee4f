"""``argogrant request`` creates an AccessGrant in the name of its user."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from argogrant.cli.main import app
from argogrant.kube.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized
from argogrant.kube.resources import ACCESS_GRANTS, ARGOCD_INSTANCES
from support.fake_cluster import FakeCluster

GRANTS = ACCESS_GRANTS.path("argogrant")


@pytest.fixture(autouse=True)
def instance(cluster: FakeCluster) -> Iterator[None]:
    """An Argo CD whose users have a prefix in Kubernetes."""
    path = ARGOCD_INSTANCES.path("argogrant")
    spec = {"identity": {"stripPrefix": "oidc:"}}
    cluster.add(path, {"metadata": {"name": "default"}, "spec": spec})
    cluster.user = {"username": "oidc:alice", "groups": ["b", "a", "a"]}
    return iter(())


def request(*options: str) -> Result:
    base = ("request", "--role", "role:deployer", "--reason", "hotfix")
    return CliRunner().invoke(app, [*base, *options])


def made(cluster: FakeCluster) -> dict[str, Any]:
    """The only grant."""
    (path,) = [path for path in cluster._objects if path.startswith(GRANTS)]
    return cluster.object(path)


def test_grant_is_created_for_the_user(cluster: FakeCluster) -> None:
    result = request("--for", "2h")

    assert result.exit_code == 0, result.output
    assert made(cluster)["metadata"]["name"].startswith("alice-deployer-")
    assert made(cluster)["spec"] == {
        "instance": "default",
        "subject": {"kind": "User", "name": "alice"},
        "role": {"name": "role:deployer"},
        "duration": "2h",
        "justification": "hotfix",
        "requester": {"username": "oidc:alice", "groups": ["a", "b"]},
    }
    assert result.stdout.splitlines() == [
        (
            f"accessgrant.argogrant.dev/{made(cluster)['metadata']['name']} created"
            " (context one, namespace argogrant)"
        ),
        "Requested role:deployer for alice for 2h, once the grant is active.",
    ]


def test_every_option_is_stored(cluster: FakeCluster) -> None:
    cluster.add(ARGOCD_INSTANCES.path("argogrant"), {"metadata": {"name": "other"}})
    result = request(
        *("--group", "on-call", "--project", "team-a", "--role", "ops"),
        *("--from", "2999-01-01T09:00:00Z", "--until", "18:00", "--zone", "UTC"),
        *("--break-glass", "--name", "x", "--instance", "other"),
    )
    spec = made(cluster)["spec"]

    assert result.exit_code == 0, result.output
    assert made(cluster)["metadata"]["name"] == "x"
    assert spec["subject"] == {"kind": "Group", "name": "on-call"}
    assert spec["role"] == {"name": "ops", "project": "team-a"}
    assert (spec["notBefore"], spec["expiresAt"]) == (
        "2999-01-01T09:00:00Z",
        "2999-01-01T18:00:00Z",
    )
    assert (spec["breakGlass"], spec["instance"]) == (True, "other")


def test_output_formats_contain_the_object() -> None:
    made_json = request("--for", "2h", "--name", "x", "-o", "json")
    made_yaml = request("--for", "2h", "--name", "y", "-o", "yaml")
    named = request("--for", "2h", "--name", "z", "-o", "name")

    assert json.loads(made_json.stdout)["metadata"]["name"] == "x"
    assert yaml.safe_load(made_yaml.stdout)["kind"] == "AccessGrant"
    assert named.stdout == "accessgrant.argogrant.dev/z\n"


def test_dry_run_is_marked(cluster: FakeCluster) -> None:
    """The API server implements the dry run; the command only requests it."""
    result = request("--for", "2h", "--name", "x", "--dry-run=server")

    assert cluster.is_dry_run
    assert result.stdout.startswith(
        "accessgrant.argogrant.dev/x created (server dry run)"
        " (context one, namespace argogrant)\n"
    )


@pytest.mark.parametrize("error", [NotFound("old"), Forbidden("no permission")])
def test_unknown_requester_is_left_to_admission(
    cluster: FakeCluster, error: Exception
) -> None:
    cluster.fail("create", error, path="selfsubjectreviews")
    result = request("--for", "2h", "--user", "alice")

    assert result.exit_code == 0
    assert "requester" not in made(cluster)["spec"]


def test_expired_token_fails(cluster: FakeCluster) -> None:
    cluster.fail("create", Unauthorized("token expired"), path="selfsubjectreviews")
    result = request("--for", "2h")

    assert result.exit_code == 1
    assert result.stderr.startswith("argogrant request: token expired. ")


def test_user_without_prefix_fails(cluster: FakeCluster) -> None:
    cluster.user = {"username": "alice"}
    result = request("--for", "2h")

    assert result.exit_code == 1
    assert "--user or --group" in result.stderr


def test_existing_name_fails() -> None:
    request("--for", "2h", "--name", "x")
    again = request("--for", "2h", "--name", "x")

    assert again.exit_code == 1
    assert again.stderr == (
        'argogrant request: AccessGrant "x" already exists in namespace "argogrant".'
        " Choose another --name.\n"
    )


def test_conflict_about_another_object_is_no_existing_name(
    cluster: FakeCluster,
) -> None:
    message = (
        'Operation cannot be fulfilled on resourcequotas "q": the object has been'
        " modified"
    )
    cluster.fail("create", Conflict(message), path="accessgrants")
    result = request("--for", "2h", "--name", "x")

    assert result.exit_code == 1
    assert "resourcequotas" in result.stderr
    assert "already exists" not in result.stderr


def test_api_error_is_one_message(cluster: FakeCluster) -> None:
    message = 'AccessGrant "x" is invalid: spec: Invalid value: "object": no'
    cluster.fail("create", Invalid(message), path="accessgrants")
    result = request("--for", "2h")

    assert (result.exit_code, result.stderr) == (1, "argogrant request: no.\n")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="no end"),
        pytest.param(("--for", "2h", "--zone", "Mars"), id="an unknown time zone"),
        pytest.param(
            ("--for", "2h", "--wait", "--timeout", "soon"), id="an invalid timeout"
        ),
        pytest.param(
            ("--for", "2h", "--wait", "--dry-run=server"), id="wait with dry run"
        ),
    ],
)
def test_invalid_option_is_a_usage_error(
    cluster: FakeCluster, options: tuple[str, ...]
) -> None:
    assert request(*options).exit_code == 2
    assert cluster.count("create") == 0


def activate(cluster: FakeCluster, **more: Any) -> None:
    """Write the status as the operator does when the grant exists."""
    ready = {"type": "Ready", "status": "True", "reason": "Bound", "message": "So."}
    effective = {
        "type": "Effective",
        "status": "False",
        "reason": "X",
        "message": "Alas.",
    }

    def write_status() -> None:
        path = f"{GRANTS}/x/status"
        status = {"observedGeneration": 1, "conditions": [ready, effective], **more}
        cluster.edit(path, {"status": status})

    cluster.before("watch", write_status)


INSTANCE = f"{ARGOCD_INSTANCES.path('argogrant')}/default"


def set_instance_ready(cluster: FakeCluster, reason: str) -> None:
    """Write the status of the instance as the operator does."""
    message = "Whoever owns that Argo CD can allow it: kubectl"
    status = "True" if reason == "Converged" else "False"
    ready = {"type": "Ready", "status": status, "reason": reason, "message": message}
    cluster.edit(f"{INSTANCE}/status", {"status": {"conditions": [ready]}})


@pytest.mark.parametrize("reason", ["NotAllowedByArgoCD", "Forbidden", "Unavailable"])
@pytest.mark.parametrize(
    "subject",
    [
        pytest.param((), id="for oneself"),
        pytest.param(("--user", "bob"), id="for another user"),
    ],
)
def test_instance_that_is_not_ready_is_a_warning_before_the_creation(
    cluster: FakeCluster, subject, reason: str
) -> None:
    """The grant takes effect once the instance is ready."""
    set_instance_ready(cluster, reason)
    cluster.before("create", lambda: print("creating"))
    result = request("--for", "2h", *subject)
    first = result.stderr.splitlines()[0]

    assert result.exit_code == 0
    assert made(cluster)
    assert first == (
        'Warning: ArgoCDInstance "default" is not ready: Whoever owns that Argo CD can'
        " allow it: kubectl"
    )
    assert result.output.index("Warning: ") < result.output.index("creating")


def test_ready_instance_is_no_warning(cluster: FakeCluster) -> None:
    set_instance_ready(cluster, "Converged")
    result = request("--for", "2h", "--user", "bob")

    assert "is not ready" not in result.stderr


def test_request_without_permission_to_read_the_instance_names_the_subject(
    cluster: FakeCluster,
) -> None:
    cluster.fail("get", Forbidden("403 no"), times=9, path="argocdinstances")
    of_another = request("--for", "2h", "--user", "bob")
    of_oneself = request("--for", "2h")

    assert of_another.exit_code == 0
    assert of_oneself.exit_code == 1
    assert "--user or --group" in of_oneself.stderr


def test_request_for_a_deleted_instance_creates_nothing(cluster: FakeCluster) -> None:
    body = cluster.object(INSTANCE)
    body["metadata"]["deletionTimestamp"] = "2026-11-24T12:00:00Z"
    result = request("--for", "2h", "--user", "bob")

    assert result.exit_code == 1
    assert "is being deleted" in result.stderr
    assert cluster.count("create", "accessgrants") == 0


@pytest.mark.parametrize("subject", [(), ("--user", "bob")])
def test_request_without_an_instance_creates_nothing(
    cluster: FakeCluster, subject
) -> None:
    """A grant in a namespace without ArgoCDInstance would have no effect."""
    cluster.delete_object(INSTANCE)
    result = request("--for", "2h", *subject)

    assert (result.exit_code, result.stdout) == (1, "")
    assert 'ArgoCDInstance "default" does not exist in namespace' in result.stderr
    assert cluster.count("create", "accessgrants") == 0


@pytest.mark.parametrize(
    ("options", "is_shortened"),
    [
        pytest.param(("--for", "24h"), False, id="the maximum"),
        pytest.param(("--for", "25h"), True, id="a longer duration"),
        pytest.param(("--for", "2d"), True, id="days"),
        pytest.param(("--until", "2999-01-01T18:00:00Z"), True, id="a later end"),
        pytest.param(
            ("--from", "2999-01-01T09:00:00Z", "--until", "2999-01-01T18:00:00Z"),
            False,
            id="a window that is ahead",
        ),
        pytest.param(
            ("--from", "2999-01-01T09:00:00Z", "--until", "2999-01-02T09:00:01Z"),
            True,
            id="a longer window that is ahead",
        ),
    ],
)
def test_shortened_request_names_the_ceiling(
    options: tuple[str, ...], *, is_shortened: bool
) -> None:
    note = ' It is shortened to 1d, the maxDuration of ArgoCDInstance "default".'
    described = request(*options).stdout.splitlines()[1]

    assert described.endswith(note) is is_shortened


def test_wait_prints_access_and_warning(cluster: FakeCluster) -> None:
    activate(cluster, expiresAt="2999-01-01T00:00:00Z", url="https://argocd.example")
    result = request("--for", "2h", "--name", "x", "--wait", "--zone", "UTC")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[2].startswith("x is active until 2999-01-01")
    assert result.stdout.splitlines()[3] == "https://argocd.example"
    assert result.stderr.splitlines()[-1] == "Warning: Alas."


def test_wait_with_json_prints_the_final_object(cluster: FakeCluster) -> None:
    activate(cluster)
    result = request("--for", "2h", "--name", "x", "--wait", "-o", "json")

    assert json.loads(result.stdout)["status"]["observedGeneration"] == 1


def test_grant_deleted_before_its_access_is_printed_is_an_error(
    cluster: FakeCluster,
) -> None:
    """The last status says that it is active, but it does not exist any more."""

    def make_ready() -> None:
        body = made(cluster)
        path = f"{GRANTS}/{body['metadata']['name']}"
        condition = {"type": "Ready", "status": "True", "reason": "Bound"}
        status = {"observedGeneration": 1, "conditions": [condition]}
        cluster.edit(f"{path}/status", {"status": status})
        cluster.before("get", lambda: cluster.delete_object(path))

    cluster.before("watch", make_ready)
    result = request("--for", "2h", "--name", "x", "--wait")

    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1].endswith("once the grant is active.")


def test_namespace_that_is_not_served_is_named_with_the_served_one(
    cluster: FakeCluster,
) -> None:
    """The context's namespace is the usual cause, and not a missing permission."""
    cluster.fail("get", Forbidden("403 no"), path="argocdinstances")

    result = request("--for", "1h", "-n", "elsewhere")

    assert result.exit_code == 1
    assert 'ArgoCDInstance "default" (spec.identity.stripPrefix)' in result.stderr
    assert 'in namespace "elsewhere"' in result.stderr
    assert 'is in namespace "argogrant": add -n argogrant.' in result.stderr


@pytest.mark.parametrize("name", ["Bad_Name", "-a", "a.", "a..b", "a" * 254])
def test_name_that_the_api_server_refuses_is_refused_with_an_example(name: str) -> None:
    result = request("--for", "1h", f"--name={name}")

    assert result.exit_code == 2
    assert "such as deploy-4711" in " ".join(result.stderr.split())
