"""``argogrant whoami``."""

import json

import pytest
from click.testing import CliRunner, Result

from argogrant.cli.main import app
from argogrant.kube.errors import Forbidden, NotFound
from argogrant.kube.resources import ARGOCD_INSTANCES
from support.fake_cluster import FakeCluster


@pytest.fixture(autouse=True)
def world(cluster: FakeCluster) -> None:
    cluster.user = {"username": "oidc:alice", "groups": ["sre", "developers"]}
    for name, prefix in (("default", "oidc:"), ("other", "saml:"), ("plain", "")):
        spec = {"identity": {"stripPrefix": prefix}} if prefix else {}
        body = {"metadata": {"name": name, "namespace": "argogrant"}, "spec": spec}
        cluster.add(ARGOCD_INSTANCES.path("argogrant"), body)


def run(*options: str) -> Result:
    return CliRunner().invoke(app, ["whoami", *options])


def test_names_context_and_namespace_are_printed() -> None:
    result = run()
    lines = [line.split(maxsplit=1) for line in result.stdout.splitlines()]

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[:2] == [
        "Kubernetes user: oidc:alice",
        "Groups:          developers, sre",
    ]
    users = [text for label, text in lines if label == "Argo"]
    assert users == [
        "CD user:    alice (ArgoCDInstance default)",
        "CD user:    unknown (ArgoCDInstance other)",
        "CD user:    oidc:alice (ArgoCDInstance plain)",
    ]
    assert result.stdout.splitlines()[-1] == "Namespace:       argogrant"


def test_json_has_the_same_facts() -> None:
    facts = json.loads(run("-o", "json", "-n", "team").stdout)

    assert facts["username"] == "oidc:alice"
    assert facts["groups"] == ["developers", "sre"]
    assert (facts["argocd"], facts["namespace"]) == ([], "team")


def test_instances_that_cannot_be_read_are_unknown(cluster: FakeCluster) -> None:
    cluster.fail("list", Forbidden("403 no"), path="argocdinstances")

    assert "unknown, no ArgoCDInstance can be read here" in run().stdout


def test_user_that_the_api_server_does_not_report_is_an_error(
    cluster: FakeCluster,
) -> None:
    cluster.fail("create", NotFound("404 old"), path="selfsubjectreviews")
    result = run()

    assert result.exit_code == 1
    assert "the API server does not report your user name" in result.stderr


def test_hostile_names_cannot_control_the_terminal(cluster: FakeCluster) -> None:
    cluster.user = {"username": "a\x1b[2Jb", "groups": ["x\ny"]}

    assert "\x1b" not in run().stdout
