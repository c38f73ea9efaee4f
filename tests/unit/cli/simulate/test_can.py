"""``argogrant can``: the answer first, then why, and a status for scripts."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

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


def hold(cluster: FakeCluster, data: dict[str, str]) -> None:
    """Let Argo CD's RBAC ConfigMap hold this and nothing else."""
    cluster.delete_object(CONFIG_MAPS.path("argocd", CONFIG_MAP_NAME))
    add_config_map(cluster, CONFIG_MAP_NAME, data)


def can(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["can", *words], env={"COLUMNS": "400"})
    return result.exit_code, result.stdout, result.stderr


def test_a_yes_says_by_which_line() -> None:
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


def test_a_no_says_that_nothing_allows_it() -> None:
    assert can("ann", *SYNC) == (
        1,
        "no\n  No rule allows it to ann (the user id), or to everybody.\n",
        "",
    )


def test_a_no_says_which_line_denies_it() -> None:
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


def test_a_grant_that_is_not_in_force_yet(cluster: FakeCluster) -> None:
    cluster.add(ACCESS_GRANTS.path("argogrant"), a_grant("fix", "ann"))
    status, text, _ = can("ann", *SYNC, "--with", "fix")

    assert status == 0
    assert "for ann (the user id) > role:deployer (AccessGrant fix)" in text
    assert text.endswith("  As things are, without AccessGrant fix: no.\n")


@pytest.mark.parametrize("place", ["ConfigMap", "AppProject"])
def test_a_role_of_a_project(cluster: FakeCluster, place: str) -> None:
    cluster.edit(
        ARGOCD_INSTANCES.path("argogrant", "default"),
        {"spec": {"bindProjectRolesIn": place}},
    )
    status, text, _ = can(
        "ann", *SYNC, "--with-role", "deployer", "--project", "team-a"
    )

    assert status == 0
    assert "> proj:team-a:deployer (role proj:team-a:deployer)" in text


def test_a_role_that_is_not_there_is_said() -> None:
    status, text, _ = can("ann", *SYNC, "--with-role", "role:deploier")

    assert status == 1
    assert 'There is no role "role:deploier"; argogrant roles lists' in text


def test_a_grant_of_somebody_else_is_said(cluster: FakeCluster) -> None:
    cluster.add(ACCESS_GRANTS.path("argogrant"), a_grant("fix", "carol"))
    status, text, _ = can("ann", *SYNC, "--with", "fix")

    assert status == 1
    assert 'AccessGrant fix is for "carol", which is none of the names.' in text


def test_an_address_has_to_be_compared(cluster: FakeCluster) -> None:
    status, text, _ = can("ann@example.com", *SYNC, "--with-role", "role:deployer")
    hold(cluster, {"policy.csv": RULES, "scopes": "[groups, email]"})

    assert status == 1
    assert "Write scopes: '[groups, email]' into argocd-rbac-cm" in text
    assert can("ann@example.com", *SYNC, "--with-role", "role:deployer")[0] == 0


def test_who_can_not_sign_in_may_nothing(cluster: FakeCluster) -> None:
    add_config_map(cluster, "argocd-cm", {"accounts.alice": "apiKey"})
    status, text, _ = can("bob", *SYNC)

    assert status == 1
    assert text.startswith('no\n  Nobody can sign in as "bob"')
    assert "Allowed by p, role:deployer" in text, "the rules are not in the way"


def test_a_text_that_can_not_be_read(cluster: FakeCluster) -> None:
    hold(cluster, {"policy.csv": "p, \x1b[2J"})
    status, text, _ = can("admin", *SYNC)

    assert status == 1
    assert text.startswith("no\n  Argo CD can not read policy.csv line 1: a p line")
    assert "\x1b" not in text


def test_a_pattern_that_is_none(cluster: FakeCluster) -> None:
    text = "p, bob, applications, *, x, allow"
    hold(cluster, {"policy.csv": text, "policy.matchMode": "regex"})
    status, text, _ = can("bob", *SYNC)

    assert status == 1
    assert "pattern that is no regular expression, *; Argo CD refuses" in text


def test_a_default_role_is_everybodys(cluster: FakeCluster) -> None:
    hold(cluster, {"policy.default": "role:readonly"})

    _, text, _ = can("ann", "get", "applications", "team-a/web")

    assert "for everybody, by policy.default role:readonly\n" in text


def test_a_project_that_can_not_be_read_is_named(cluster: FakeCluster) -> None:
    role: dict[str, Any] = {"name": "x", "groups": ['a"b']}
    cluster.edit(APP_PROJECTS.path("argocd", "team-a"), {"spec": {"roles": [role]}})

    assert (
        "No role of the project counts: Argo CD can not read App"
        in can("ann", *SYNC)[1]
    )


def test_a_group_without_a_role_is_said() -> None:
    assert (
        "No g line binds ops, so Argo CD does not look at its p lines."
        in can("ann", *SYNC, "--group", "ops")[1]
    )


def test_only_the_status_if_asked() -> None:
    assert can("bob", *SYNC, "-q") == (0, "", "")
    assert can("ann", *SYNC, "-q") == (1, "", "")


def test_programs_get_everything() -> None:
    status, text, _ = can("bob", *SYNC, "-o", "json")
    told = json.loads(text)

    assert status == 0
    assert told["allowed"] is told["allowedNow"] is True
    assert told["rule"]["source"] == "policy.csv line 1"
    assert told["chain"] == [
        {"subject": "bob", "role": "role:deployer", "source": "policy.csv line 4"}
    ]
    assert [one["as"] for one in told["asked"]] == ["the user id"]


def test_programs_get_a_no_as_well() -> None:
    told = json.loads(can("ann", *SYNC, "-o", "json")[1])

    assert told["allowed"] is False
    assert told["rule"] is told["broken"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("bob", *SYNC, "--with", "x"), 'there is no AccessGrant "x" in namespace'),
        (("bob", *SYNC, "--instance", "x"), 'there is no ArgoCDInstance "x"'),
    ],
)
def test_trouble_is_neither_yes_nor_no(words: tuple[str, ...], said: str) -> None:
    status, text, error = can(*words)

    assert (status, text) == (2, "")
    assert error.startswith(f"argogrant can: {said}")


def test_another_instances_grant_is_refused(cluster: FakeCluster) -> None:
    cluster.add(ACCESS_GRANTS.path("argogrant"), a_grant("fix", instance="prod"))

    assert "add --instance prod." in can("bob", *SYNC, "--with", "fix")[2]


def test_a_grant_that_is_not_understood_is_refused(cluster: FakeCluster) -> None:
    cluster.add(ACCESS_GRANTS.path("argogrant"), a_grant("fix", duration="soon"))

    assert (
        'AccessGrant "fix" can not be understood: '
        in can("bob", *SYNC, "--with", "fix")[2]
    )


def test_scopes_that_can_not_be_read_are_trouble(cluster: FakeCluster) -> None:
    hold(cluster, {"policy.csv": RULES, "scopes": "groups"})

    status, _, error = can("bob", *SYNC)

    assert status == 2
    assert "goes by what it read before" in error


def test_what_can_not_be_read_is_trouble(cluster: FakeCluster) -> None:
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
def test_a_wrong_question_is_refused(words: tuple[str, ...]) -> None:
    assert can(*words)[0] == 2
