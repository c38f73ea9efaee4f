"""The command ``review``, and its acknowledgements."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from argogrant.api.argocdinstance import ACKNOWLEDGED_PREFIX
from argogrant.cli.main import app
from argogrant.kube.resources import ARGOCD_INSTANCES
from support.fake_cluster import FakeCluster

KEPT = {
    "id": "0a1b2c3d4e5f",
    "project": "shop",
    "role": "deployer",
    "subject": "alice@example.com",
    "state": "Kept",
    "tokens": 2,
    "returnedAt": "2026-11-24T18:00:00Z",
}
REMOVED = {**KEPT, "id": "ffffffffffff", "subject": "bob\x1b[2J", "state": "Removed"}
PATH = ARGOCD_INSTANCES.path("argogrant")


@pytest.fixture
def reporting(cluster: FakeCluster) -> FakeCluster:
    instance = {"metadata": {"name": "default"}, "spec": {}}
    cluster.add(PATH, instance)
    cluster.edit(
        f"{PATH}/default/status", {"status": {"returnedMembers": [KEPT, REMOVED]}}
    )
    return cluster


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["review", "-n", "argogrant", *arguments])


def annotations(cluster: FakeCluster) -> dict[str, Any]:
    found: dict[str, Any] = cluster.object(f"{PATH}/default")["metadata"].get(
        "annotations", {}
    )
    return found


@pytest.mark.usefixtures("reporting")
def test_table_lists_every_member_with_its_state() -> None:
    header, kept, removed = run().stdout.splitlines()

    assert header.split()[:3] == ["ID", "STATE", "PROJECT"]
    assert kept.split()[:3] == ["0a1b2c3d4e5f", "Kept", "shop"]
    assert removed.split()[:2] == ["ffffffffffff", "Removed"]
    assert "\x1b" not in removed


@pytest.mark.usefixtures("reporting")
def test_wide_table_has_the_instance_and_the_tokens() -> None:
    kept = run("-o", "wide").stdout.splitlines()[1].split()

    assert kept[1] == "default"
    assert kept[-1] == "2"


@pytest.mark.usefixtures("reporting")
def test_json_has_every_field_and_names_are_identifiers() -> None:
    first = json.loads(run("-o", "json").stdout)["items"][0]

    assert first == {**KEPT, "instance": "default"}
    assert run("-o", "name").stdout.split() == [KEPT["id"], REMOVED["id"]]


def test_acknowledged_member_is_annotated_and_no_longer_listed(
    reporting: FakeCluster,
) -> None:
    result = run("--acknowledge", KEPT["id"], "--reason", "OPS-12")

    assert result.exit_code == 0, result.output
    assert "alice@example.com in role deployer" in result.stdout
    assert annotations(reporting) == {f"{ACKNOWLEDGED_PREFIX}{KEPT['id']}": "OPS-12"}
    assert run("-o", "name").stdout.split() == [REMOVED["id"]]


@pytest.mark.parametrize("name", ["unknown", "", "../x", "0a1b2c3d4e5f "])
def test_member_that_is_not_reported_cannot_be_acknowledged(
    reporting: FakeCluster, name: str
) -> None:
    result = run("--acknowledge", name)

    assert result.exit_code == 1
    assert "reports a returned member" in result.stderr
    assert annotations(reporting) == {}


def test_nothing_to_review_is_said_on_standard_error(cluster: FakeCluster) -> None:
    cluster.add(PATH, {"metadata": {"name": "default"}, "spec": {}})
    result = run()

    assert result.exit_code == 0
    assert result.stdout == ""
    assert "No member of an AppProject has returned." in result.stderr
    assert json.loads(run("-o", "json").stdout) == {"items": []}
