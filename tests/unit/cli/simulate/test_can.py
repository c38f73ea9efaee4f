"""``argogrant can`` prints the answer and its rule, and sets the exit status."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.cli.main import app
from argogrant.kube.errors import Forbidden
from argogrant.kube.resources import (
    ACCESS_GRANTS,
    APP_PROJECTS,
    ARGOCD_INSTANCES,
    CONFIG_MAPS,
)
from support.fake_cluster import FakeCluster
from support.live_cluster import INSTANCE, PROJECT, a_grant

RULES = """p, role:deployer, applications, sync, */*, allow
p, role:careful, applications, sync, */*, allow
p, role:careful, applications, *, team-a/secret, deny
g, bob, role:deployer
g, devs, role:careful
"""
SYNC = ("sync", "applications", "team-a/web")


@pytest.fixture(autouse=True)
def argocd(cluster: FakeCluster) -> FakeCluster:
    cluster.add(ARGOCD_INSTANCES.path("argogrant"), INSTANCE)
    cluster.add(APP_PROJECTS.path("argocd"), PROJECT)
    add_config_map(cluster, CONFIG_MAP_NAME, {"policy.csv": RULES})
    return cluster


def add_config_map(cluster: FakeCluster, name: str, data: dict[str, str]) -> None:
    metadata = {"name": name, "namespace": "argocd"}
    cluster.add(CONFIG_MAPS.path("argocd"), {"metadata": metadata, "data": data})


def replace_policy(cluster: FakeCluster, data: dict[str, str]) -> None:
    """Replace the data of Argo CD's RBAC ConfigMap."""
    cluster.delete_object(CONFIG_MAPS.path("argocd", CONFIG_MAP_NAME))
    add_config_map(cluster, CONFIG_MAP_NAME, data)


def can(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["can", *words], env={"COLUMNS": "400"})
    return result.exit_code, result.stdout, result.stderr


def test_yes_names_the_rule() -> None:
    assert can("bob", *SYNC) == (
        0,
        (
            "yes\n"
            "  Allowed by p, role:deployer, applications, sync, */*, allow"
            " (policy.csv line 1)\n"
            "  for bob (the user id) > role:deployer (policy.csv line 4)\n"
        ),
        "",
    )


def test_no_without_a_rule() -> None:
    assert can("ann", *SYNC) == (
        1,
        "no\n  No rule allows it for ann (the user id), or for everyone.\n",
        "",
    )


def test_no_names_the_deny_rule() -> None:
    status, text, _ = can(
        *("ann", "sync", "applications", "team-a/secret", "--group", "devs")
    )

    assert status == 1
    assert text == (
        "no\n"
        "  Denied by p, role:careful, applications, *, team-a/secret, deny"
        " (policy.csv line 3)\n"
        "  for devs (a claim) > role:careful (policy.csv line 5)\n"
    )


def test_assumed_grant(cluster: FakeCluster) -> None:
    cluster.add(ACCESS_GRANTS.path("argogrant"), a_grant("fix", "ann"))
    status, text, _ = can("ann", *SYNC, "--with", "fix")

    assert status == 0
    assert "for ann (the user id) > role:deployer (AccessGrant fix)" in text
    assert text.endswith("  Currently, without AccessGrant fix: no.\n")


@pytest.mark.parametrize("place", ["ConfigMap", "AppProject"])
def test_assumed_project_role(cluster: FakeCluster, place: str) -> None:
    cluster.edit(
        ARGOCD_INSTANCES.path("argogrant", "default"),
        {"spec": {"bindProjectRolesIn": place}},
    )
    status, text, _ = can(
        "ann", *SYNC, "--with-role", "deployer", "--project", "team-a"
    )

    assert status == 0
    assert "> proj:team-a:deployer (role proj:team-a:deployer)" in text


def test_missing_role_has_a_note() -> None:
    status, text, _ = can("ann", *SYNC, "--with-role", "role:deploier")

    assert status == 1
    assert 'Role "role:deploier" does not exist.' in text


def test_grant_for_another_subject_has_a_note(cluster: FakeCluster) -> None:
    cluster.add(ACCESS_GRANTS.path("argogrant"), a_grant("fix", "carol"))
    status, text, _ = can("ann", *SYNC, "--with", "fix")

    assert status == 1
    assert 'AccessGrant fix is for subject "carol", which is none of the names' in text


def test_email_address_requires_scopes(cluster: FakeCluster) -> None:
    status, text, _ = can("ann@example.com", *SYNC, "--with-role", "role:deployer")
    replace_policy(cluster, {"policy.csv": RULES, "scopes": "[groups, email]"})

    assert status == 1
    assert "Write scopes: '[groups, email]' into argocd-rbac-cm" in text
    assert can("ann@example.com", *SYNC, "--with-role", "role:deployer")[0] == 0


def test_disabled_account_is_denied(cluster: FakeCluster) -> None:
    add_config_map(cluster, "argocd-cm", {"accounts.alice": "apiKey"})
    status, text, _ = can("bob", *SYNC)

    assert status == 1
    assert text.startswith('no\n  No user can sign in as "bob"')
    assert "Allowed by p, role:deployer" in text


def test_invalid_policy_denies_everything(cluster: FakeCluster) -> None:
    replace_policy(cluster, {"policy.csv": "p, \x1b[2J"})
    status, text, _ = can("admin", *SYNC)

    assert status == 1
    assert text.startswith("no\n  Argo CD cannot parse policy.csv line 1: a p line")
    assert "\x1b" not in text


def test_invalid_regular_expression_denies(cluster: FakeCluster) -> None:
    text = "p, bob, applications, *, x, allow"
    replace_policy(cluster, {"policy.csv": text, "policy.matchMode": "regex"})
    status, text, _ = can("bob", *SYNC)

    assert status == 1
    assert "has an invalid regular expression, *; Argo CD denies" in text


def test_default_role_is_named(cluster: FakeCluster) -> None:
    replace_policy(cluster, {"policy.default": "role:readonly"})

    _, text, _ = can("ann", "get", "applications", "team-a/web")

    assert "for everyone, by policy.default role:readonly\n" in text


def test_invalid_project_has_a_note(cluster: FakeCluster) -> None:
    role: dict[str, Any] = {"name": "x", "groups": ['a"b']}
    cluster.edit(APP_PROJECTS.path("argocd", "team-a"), {"spec": {"roles": [role]}})

    assert (
        "The roles of the project have no effect: Argo CD cannot parse App"
        in can("ann", *SYNC)[1]
    )


def test_unbound_group_has_a_note() -> None:
    assert (
        "No g line binds ops, so Argo CD ignores its p lines."
        in can("ann", *SYNC, "--group", "ops")[1]
    )


def test_quiet_prints_nothing() -> None:
    assert can("bob", *SYNC, "-q") == (0, "", "")
    assert can("ann", *SYNC, "-q") == (1, "", "")


def test_json_contains_rule_and_chain() -> None:
    status, text, _ = can("bob", *SYNC, "-o", "json")
    answer = json.loads(text)

    assert status == 0
    assert answer["allowed"] is answer["allowedNow"] is True
    assert answer["rule"]["source"] == "policy.csv line 1"
    assert answer["chain"] == [
        {"subject": "bob", "role": "role:deployer", "source": "policy.csv line 4"}
    ]
    assert [one["as"] for one in answer["asked"]] == ["the user id"]


def test_json_of_no_has_no_rule() -> None:
    answer = json.loads(can("ann", *SYNC, "-o", "json")[1])

    assert answer["allowed"] is False
    assert answer["rule"] is answer["broken"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("bob", *SYNC, "--with", "x"), 'AccessGrant "x" does not exist in namespace'),
        (("bob", *SYNC, "--instance", "x"), 'ArgoCDInstance "x" does not exist'),
    ],
)
def test_error_has_exit_status_2(words: tuple[str, ...], message: str) -> None:
    status, text, error = can(*words)

    assert (status, text) == (2, "")
    assert error.startswith(f"argogrant can: {message}")


def test_grant_of_another_instance_fails(cluster: FakeCluster) -> None:
    cluster.add(ACCESS_GRANTS.path("argogrant"), a_grant("fix", instance="prod"))

    assert "Add --instance prod." in can("bob", *SYNC, "--with", "fix")[2]


def test_invalid_grant_fails(cluster: FakeCluster) -> None:
    cluster.add(ACCESS_GRANTS.path("argogrant"), a_grant("fix", duration="soon"))

    assert 'AccessGrant "fix" is invalid: ' in can("bob", *SYNC, "--with", "fix")[2]


def test_invalid_scopes_fail(cluster: FakeCluster) -> None:
    replace_policy(cluster, {"policy.csv": RULES, "scopes": "groups"})

    status, _, error = can("bob", *SYNC)

    assert status == 2
    assert "uses the scopes that it loaded before" in error


def test_missing_permission_fails(cluster: FakeCluster) -> None:
    cluster.fail("list", Forbidden("projects: 403 no"))

    assert can("bob", *SYNC)[0] == 2


@pytest.mark.parametrize(
    "words",
    [
        ("bob", "sync", "apps", "x"),
        ("bob", "sink", "applications", "x"),
        ("bob", *SYNC, "--with", "x", "--with-role", "y"),
        ("bob", *SYNC, "--project", "x"),
    ],
)
def test_invalid_arguments_fail(words: tuple[str, ...]) -> None:
    assert can(*words)[0] == 2
