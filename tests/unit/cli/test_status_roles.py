"""Roles are listed and described without permission to read Argo CD's rules."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.cli.main import app
from argogrant.cli.status_roles import read_status_roles
from argogrant.grants.model.identity import IdentityKind
from argogrant.kube.errors import Forbidden
from argogrant.kube.resources import ACCESS_GRANTS, ARGOCD_INSTANCES, CONFIG_MAPS
from support.fake_cluster import FakeCluster
from support.live_cluster import INSTANCE, a_grant

STATUS: dict[str, Any] = {
    "roles": [
        {"name": "role:admin", "canPersist": True, "description": "All\x1b of it"},
        {"name": "role:deployer"},
        {
            "name": "deployer",
            "project": "team-a",
            "hasDeny": True,
            "owner": {"kind": "Group", "name": "a-leads"},
        },
        {"name": "role:viewer", "allowsNothing": "policy.csv line 3: why."},
    ],
    "roleCount": 4,
    "owners": [{"kind": "User", "name": "ann"}],
    "defaultRole": "role:readonly",
}
INSTANCES = ARGOCD_INSTANCES.path("argogrant")
SYNC = ("sync", "applications", "team-a/web")


@pytest.fixture(autouse=True)
def instance(cluster: FakeCluster) -> None:
    """The caller has the Role of requesters, and nothing in Argo CD's namespace."""
    cluster.add(INSTANCES, INSTANCE)
    cluster.edit(f"{INSTANCES}/default/status", {"status": STATUS})
    cluster.fail("get", Forbidden("403"), times=9, path=CONFIG_MAPS.path("argocd"))


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words, env={"COLUMNS": "200"})


def test_roles_are_those_of_the_status() -> None:
    result = run("roles")
    rows = [line.split() for line in result.stdout.splitlines()[1:]]

    assert result.exit_code == 0
    assert rows == [
        ["role:admin", "-", "-", "yes", r"All\x1b", "of", "it"],
        ["role:deployer", "-", "-", "-", "-"],
        ["deployer", "team-a", "yes", "-", "-"],
        ["role:viewer", "-", "-", "-", "-"],
        ["RoleAllowsNothing:", "role:viewer:", "policy.csv", "line", "3:", "why."],
    ]
    assert result.stderr == (
        'These roles are from the status of ArgoCDInstance "default", because you do'
        ' not have permission to read the rules in namespace "argocd".\n'
    )


def test_incomplete_list_is_counted(cluster: FakeCluster) -> None:
    cluster.edit(f"{INSTANCES}/default/status", {"status": {"roleCount": 345}})

    assert run("roles").stderr.endswith(" It lists 4 of 345 roles.\n")


def test_permissions_that_the_status_does_not_list_are_unknown() -> None:
    wide = run("roles", "-o", "wide").stdout.splitlines()
    items = json.loads(run("roles", "-o", "json").stdout)["items"]

    assert wide[1].endswith("  unknown")
    assert wide[3].split()[3] == "Group/a-leads"
    assert [one["waysToPersist"] for one in items] == [None, [], [], []]
    assert items[2]["boundAs"] == "proj:team-a:deployer"


def test_names_are_printed_alone() -> None:
    assert run("roles", "-o", "name").stdout.splitlines() == [
        *("role:admin", "role:deployer", "proj:team-a:deployer", "role:viewer")
    ]


def test_status_without_roles_is_an_error(cluster: FakeCluster) -> None:
    cluster.edit(f"{INSTANCES}/default/status", {"status": {"roles": None}})
    result = run("roles")

    assert result.exit_code == 1
    assert "you do not have permission to read the rules" in result.stderr
    assert "kubectl describe argocdinstance default" in result.stderr


def test_roles_of_another_cluster_need_no_context(cluster: FakeCluster) -> None:
    cluster.delete_object(f"{INSTANCES}/default")
    remote = {
        "server": "https://other.example.com",
        "tokenSecret": {"name": "token"},
    }
    cluster.add(INSTANCES, {**INSTANCE, "spec": {"cluster": remote}})
    cluster.edit(f"{INSTANCES}/default/status", {"status": STATUS})
    result = run("roles")

    assert result.exit_code == 0, result.stderr
    assert "--argocd-context" in result.stderr


NOT_LISTED = "The status of the ArgoCDInstance does not list what it allows."


@pytest.mark.parametrize(
    ("options", "sentences"),
    [
        pytest.param((), [], id="without a role"),
        pytest.param(
            ("--with-role", "role:deployer"),
            [f'Role "role:deployer" exists. {NOT_LISTED}'],
            id="a role",
        ),
        pytest.param(
            ("--with-role", "role:admin"),
            [
                (
                    'Role "role:admin" exists and permits access that outlives a grant.'
                    f" {NOT_LISTED}"
                )
            ],
            id="a role with a risk",
        ),
        pytest.param(
            ("--with-role", "deployer", "--project", "team-a"),
            [f'Role "proj:team-a:deployer" exists and has deny rules. {NOT_LISTED}'],
            id="a role of a project",
        ),
        pytest.param(
            ("--with-role", "role:viewer"),
            ['The role "role:viewer" allows nothing: policy.csv line 3: why.'],
            id="a role that allows nothing",
        ),
        pytest.param(
            ("--with-role", "role:deploier"),
            ['Role "role:deploier" does not exist. To list roles: argogrant roles.'],
            id="a missing role",
        ),
        pytest.param(
            ("--with", "g1"),
            [f'Role "role:deployer" exists. {NOT_LISTED}'],
            id="a grant",
        ),
    ],
)
def test_unknown_answer_says_what_is_known_and_how_to_ask(
    cluster: FakeCluster, options: tuple[str, ...], sentences: list[str]
) -> None:
    cluster.add(ACCESS_GRANTS.path("argogrant"), a_grant("g1"))
    result = run("can", "bob", *SYNC, *options)

    assert (result.exit_code, result.stderr) == (2, "")
    assert result.stdout.splitlines() == [
        "unknown",
        (
            f"  You do not have permission to read {CONFIG_MAP_NAME} in namespace"
            ' "argocd", so Argo CD\'s rules are unknown.'
        ),
        *(f"  {one}" for one in sentences),
        '  Every user has "role:readonly" (policy.default).',
        (
            '  To ask Argo CD, "bob" runs: argocd account can-i sync applications'
            " team-a/web"
        ),
    ]


def test_unknown_answer_names_the_rules_that_cannot_be_read(
    cluster: FakeCluster,
) -> None:
    cluster.stop_failing()
    metadata = {"name": CONFIG_MAP_NAME}
    cluster.add(CONFIG_MAPS.path("argocd"), {"metadata": metadata, "data": {}})
    cluster.fail("list", Forbidden("403"), path="appprojects")
    result = run("can", "bob", *SYNC)

    assert result.exit_code == 2
    assert 'permission to read the AppProjects in namespace "argocd"' in result.stdout


def test_unknown_answer_lists_the_active_grants_of_the_names(
    cluster: FakeCluster,
) -> None:
    """Not those that are not active, are of others, or are for another Argo CD."""
    path, ready = ACCESS_GRANTS.path("argogrant"), {"type": "Ready", "status": "True"}
    for name, subject, conditions, instance in (
        ("g1", "bob", [ready], "default"),
        ("g2", "bob", [], "default"),
        ("g3", "ann", [ready], "default"),
        ("g4", "ops", [ready], "default"),
        ("g5", "bob", [ready], "prod"),
    ):
        cluster.add(path, a_grant(name, subject, instance=instance))
        status = {"conditions": conditions, "expiresAt": "2999-01-01T00:00:00Z"}
        cluster.edit(f"{path}/{name}/status", {"status": status})
    text = run("can", "bob", *SYNC, "--group", "ops").stdout

    listed = [name for name in ("g1", "g2", "g3", "g4", "g5") if f"t {name})" in text]
    assert listed == ["g1", "g4"]
    assert '  "bob" has "role:deployer" until 2999-01-01 ' in text


def test_unknown_answer_without_permission_to_list_grants(cluster: FakeCluster) -> None:
    cluster.fail("list", Forbidden("403"), path="accessgrants")
    result = run("can", "bob", *SYNC)

    assert result.exit_code == 2
    assert "Active grants of the subject are unknown" in result.stdout


def test_unknown_answer_in_json_is_null() -> None:
    result = run("can", "bob", *SYNC, "-o", "json")
    body = json.loads(result.stdout)

    assert result.exit_code == 2
    assert (body["allowed"], body["allowedNow"]) == (None, None)
    assert body["notes"] == ['Every user has "role:readonly" (policy.default).']
    assert body["command"] == "argocd account can-i sync applications team-a/web"


def test_unknown_answer_with_quiet_prints_nothing() -> None:
    result = run("can", "bob", *SYNC, "-q")

    assert (result.exit_code, result.output) == (2, "")


def test_answer_about_another_cluster_without_context_is_unknown(
    cluster: FakeCluster,
) -> None:
    cluster.delete_object(f"{INSTANCES}/default")
    remote = {"server": "https://other.example.com", "tokenSecret": {"name": "token"}}
    cluster.add(INSTANCES, {**INSTANCE, "spec": {"cluster": remote}})
    result = run("can", "bob", *SYNC)

    assert result.exit_code == 2
    assert result.stdout.startswith("unknown\n  Argo CD runs in another cluster.")


def test_role_that_an_incomplete_list_lacks_is_unknown(cluster: FakeCluster) -> None:
    cluster.edit(f"{INSTANCES}/default/status", {"status": {"roleCount": 345}})
    result = run("can", "bob", *SYNC, "--with-role", "role:x")

    assert "role:x" not in result.stdout


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"roles": "x", "owners": 7, "roleCount": "many"},
        {"roles": [7, {"name": ["x"], "owner": "y"}], "owners": [{"kind": "Robot"}]},
    ],
)
def test_malformed_status_is_read(status: dict[str, Any]) -> None:
    found = read_status_roles(status)

    assert found.owners.integration == ()
    assert all(one.name == "" for one in found.roles)


def test_owner_of_global_roles_is_read() -> None:
    role = {"name": "role:x", "owner": {"kind": "Group", "name": "platform"}}
    owner = read_status_roles({"roles": [role]}).owners.of_global_roles

    assert owner is not None
    assert (owner.kind, owner.name) == (IdentityKind.GROUP, "platform")
