"""The command ``argogrant show``."""

import json

import pytest
import yaml
from click.testing import CliRunner

from argogrant.cli.inspect import show as command
from argogrant.cli.main import app
from argogrant.kube.errors import Forbidden, Unavailable
from support.builders import MINUTE, NOON
from support.stored_grants import a_stored_approval, a_stored_grant, active_status

NOW = NOON + 5 * MINUTE
LINE = "g, alice, role:deployer"


@pytest.fixture
def shown(cluster, monkeypatch):
    """Run the command with a grant, an approval and Argo CD's ConfigMap."""
    monkeypatch.setattr(command, "utc_now", lambda: NOW)
    monkeypatch.setenv("TZ", "UTC")
    home = "/apis/argogrant.dev/v1alpha1/namespaces/argogrant"

    def run(*arguments: str, instance=None, text=LINE, role="role:deployer"):
        project = role.split(":")[1] if role.startswith("proj:") else None
        name = role.split(":")[2] if project else role
        body = a_stored_grant(
            role={"name": name, "project": project}, status=active_status()
        )
        cluster.add(f"{home}/accessgrants", body)
        status = {"status": {**body["status"], "observedGeneration": 1}}
        cluster.edit(f"{home}/accessgrants/g1/status", status)
        cluster.add(f"{home}/accessapprovals", a_stored_approval())
        cluster.add(f"{home}/accessapprovals", a_stored_approval(grant="another"))
        if instance is not None:
            meta = {"name": "default"}
            kind = {"apiVersion": "argogrant.dev/v1alpha1", "kind": "ArgoCDInstance"}
            cluster.add(
                f"{home}/argocdinstances", {**kind, "metadata": meta, "spec": instance}
            )
        cluster.add(
            "/api/v1/namespaces/argocd/configmaps",
            {
                "metadata": {"name": "argocd-rbac-cm"},
                "data": {
                    "policy.argogrant.csv": text,
                    "policy.csv": "g, alice, role:ops",
                },
            },
        )
        return CliRunner().invoke(app, ["show", "g1", *arguments])

    return run


def argocd(result) -> list[dict]:
    return json.loads(result.stdout)["argocd"]


def test_all_parts_are_printed(shown) -> None:
    result = shown(instance={})
    lines = result.stdout.splitlines()

    assert (result.exit_code, result.stderr) == (0, "")
    assert lines[0] == "AccessGrant argogrant/g1: Active"
    assert lines[1].startswith("alice has role:deployer on default until")
    assert "✓ Approved     AutoApproved: The reason is AutoApproved." in lines
    assert "· Ended        Not ended." in lines
    assert f"✓ Binding      argocd-rbac-cm contains {LINE}" in lines
    assert lines[-1] == "$ argogrant extend g1 -n argogrant"
    assert max(map(len, lines)) <= 80


def test_json_and_yaml_have_the_same_content(shown) -> None:
    first = json.loads(shown("-o", "json", instance={}).stdout)
    second = CliRunner().invoke(app, ["show", "g1", "-o", "yaml"]).stdout

    assert first == yaml.safe_load(second)
    assert first["state"] == "Active"
    assert first["expiresAt"] == "2026-11-24T13:00:00Z"
    assert [one["name"] for one in first["approvals"]] == ["dan"]
    assert first["argocd"][0]["present"] is True


def test_unmanaged_key_with_the_binding_is_named(shown) -> None:
    one, two = argocd(shown("-o", "json", instance={}, text="", role="role:ops"))

    assert (one["place"], one["present"]) == ("argocd-rbac-cm", False)
    assert two["place"] == "argocd-rbac-cm, policy.csv"
    assert (two["present"], two["ours"]) == (True, False)


PROJECT = {
    "metadata": {"name": "team-a"},
    "spec": {"roles": [{"name": "deployer", "groups": ["alice"]}]},
}


def test_members_of_the_appproject_are_read_in_appproject_mode(shown, cluster) -> None:
    cluster.add("/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects", PROJECT)
    result = shown(
        *("-o", "json"),
        instance={"bindProjectRolesIn": "AppProject"},
        role="proj:team-a:deployer",
    )

    (one,) = argocd(result)
    assert (one["place"], one["present"], one["ours"]) == (
        *("AppProject team-a", True),
        False,
    )


def test_missing_appproject_is_unknown(shown) -> None:
    mode = {"bindProjectRolesIn": "AppProject"}
    result = shown("-o", "json", instance=mode, role="proj:team-a:deployer")

    (one,) = argocd(result)
    assert (one["present"], one["problem"]) == (None, "it does not exist")


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (Forbidden("403"), "you do not have permission to read it"),
        (Unavailable("GET x: 500"), "GET x: 500"),
    ],
)
def test_unreadable_config_map_is_unknown(shown, cluster, error, problem) -> None:
    cluster.fail("get", error, path="argocd-rbac-cm")
    (one,) = argocd(shown("-o", "json", instance={}))

    assert (one["present"], one["problem"]) == (None, problem)


def test_unreadable_instance_is_unknown(shown, cluster) -> None:
    cluster.fail("get", Forbidden("403"), path="argocdinstances")
    (one,) = argocd(shown("-o", "json", instance={}))

    assert one["problem"] == (
        'you do not have permission to read ArgoCDInstance "default"'
    )


def test_missing_instance_is_unknown(shown) -> None:
    (one,) = argocd(shown("-o", "json"))

    assert one["problem"].startswith('ArgoCDInstance "default" does not exist')


REMOTE = {
    "cluster": {
        "server": "https://other.example.com",
        "tokenSecret": {"name": "token"},
    }
}


def test_remote_argocd_is_read_with_its_context(shown) -> None:
    (one,) = argocd(shown("-o", "json", instance=REMOTE))
    again = CliRunner().invoke(
        app, ["show", "g1", "-o", "json", "--argocd-context", "far"]
    )

    assert "--argocd-context" in one["problem"]
    assert argocd(again)[0]["present"] is True


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Forbidden("403"), "you do not have permission to list them"),
        (Unavailable("late"), "late"),
    ],
)
def test_unlistable_approvals_are_unknown(shown, cluster, error, text) -> None:
    cluster.fail("list", error, path="accessapprovals")
    (one,) = json.loads(shown("-o", "json", instance={}).stdout)["approvals"]

    assert (one["outcome"], one["text"]) == ("unknown", f"AccessApprovals: {text}.")


@pytest.mark.usefixtures("cluster")
def test_missing_grant_is_an_error() -> None:
    result = CliRunner().invoke(app, ["show", "missing"])

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        'argogrant show: AccessGrant "missing" does not exist in namespace "argogrant",'
        " the default. No operator serves that namespace: it has no ArgoCDInstance. To"
        " list instances, run: kubectl get argocdinstances -A.\n"
    )
