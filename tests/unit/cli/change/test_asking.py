"""``argogrant request`` asks a user of a terminal for what the options do not say."""

from typing import Any

import pytest
from click.testing import CliRunner, Result

from argogrant.cli.change import request as requesting
from argogrant.cli.main import app
from argogrant.kube.errors import Forbidden, NotFound
from argogrant.kube.resources import ACCESS_GRANTS, ACCESS_POLICIES, ARGOCD_INSTANCES
from support.fake_cluster import FakeCluster

GRANTS = ACCESS_GRANTS.path("argogrant")
ROLES = [
    {"name": "role:deployer", "description": "Syncs applications."},
    {"name": "role:admin"},
    {"name": "reader", "project": "team-a"},
]
TYPED = "1\n2h\nhotfix 4711\n"


@pytest.fixture(autouse=True)
def world(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alice may request role:deployer alone, and team-a's roles with approval."""
    path = ARGOCD_INSTANCES.path("argogrant")
    cluster.add(path, {"metadata": {"name": "default"}, "spec": {"maxDuration": "8h"}})
    cluster.edit(f"{path}/default/status", {"status": {"roles": ROLES}})
    add_policy(cluster, "deployers", roles=[{"name": "role:deployer"}])
    add_policy(
        cluster,
        "teams",
        roles=[{"name": "*", "project": "*"}],
        maxDuration="30m",
        approval={"required": 1, "approvers": [{"kind": "Group", "name": "leads"}]},
        justification={"required": True, "hint": "a ticket"},
    )
    monkeypatch.setattr(requesting, "can_ask", lambda: True)


def add_policy(cluster: FakeCluster, name: str, **spec: Any) -> None:
    defaults = {
        "requesters": [{"kind": "User", "name": "alice"}],
        "subjects": {"self": True},
    }
    body = {"metadata": {"name": name}, "spec": {**defaults, **spec}}
    cluster.add(ACCESS_POLICIES.path("argogrant"), body)


def request(*options: str, typed: str = "") -> Result:
    words = ["request", "--dry-run=server", *options]
    return CliRunner().invoke(app, words, input=typed)


def made(cluster: FakeCluster) -> dict[str, Any]:
    """The spec of the only grant."""
    (path,) = [path for path in cluster._objects if path.startswith(GRANTS)]
    spec: dict[str, Any] = cluster.object(path)["spec"]
    return spec


def offered(result: Result) -> list[str]:
    lines = (line.split() for line in result.stderr.splitlines())
    return [words[1] for words in lines if len(words) > 1 and words[0].isdigit()]


def test_user_chooses_role_duration_and_justification(cluster: FakeCluster) -> None:
    result = request(typed=TYPED)
    spec = made(cluster)

    assert result.exit_code == 0, result.output
    assert spec["role"] == {"name": "role:deployer"}
    assert (spec["duration"], spec["justification"]) == ("2h", "hotfix 4711")
    assert (
        "As options: --role role:deployer --for 2h --reason 'hotfix 4711'"
        in result.stderr
    )


def test_only_roles_that_the_user_may_request_are_offered() -> None:
    result = request()

    assert offered(result) == ["role:deployer", "proj:team-a:reader"]
    assert "Syncs applications." in result.stderr
    assert 'Group "leads"' in result.stderr


def test_roles_of_a_project_are_offered() -> None:
    assert offered(request("--project", "team-a")) == ["proj:team-a:reader"]


@pytest.mark.parametrize("error", [Forbidden("403 no"), NotFound("404 no")])
def test_every_role_is_offered_if_the_policies_are_unknown(
    cluster: FakeCluster, error: Exception
) -> None:
    cluster.fail("list", error, path="accesspolicies")
    result = request()

    assert offered(result) == ["role:deployer", "role:admin", "proj:team-a:reader"]
    assert "unknown" in result.stderr


EMPTY = {"name": "role:deployer", "allowsNothing": "policy.csv line 3 (p, x): why."}
WHY = 'The role "role:deployer" allows nothing: policy.csv line 3 (p, x): why.'


def set_roles(cluster: FakeCluster, *roles: dict[str, str]) -> None:
    path = f"{ARGOCD_INSTANCES.path('argogrant')}/default/status"
    cluster.edit(path, {"status": {"roles": list(roles)}})


def test_role_that_allows_nothing_is_left_out_with_the_reason(
    cluster: FakeCluster,
) -> None:
    set_roles(cluster, EMPTY, ROLES[2])
    result = request()

    assert offered(result) == ["proj:team-a:reader"]
    assert f"Not offered: {WHY}" in " ".join(result.stderr.split())


def test_role_that_allows_nothing_and_cannot_be_requested_is_not_mentioned(
    cluster: FakeCluster,
) -> None:
    set_roles(cluster, {**EMPTY, "name": "role:admin"}, ROLES[2])

    assert "allows nothing" not in request().stderr


def test_no_other_role_to_request_is_an_error(cluster: FakeCluster) -> None:
    set_roles(cluster, EMPTY)
    result = request()

    assert result.exit_code == 1
    assert "lists no other role that an AccessPolicy lets you request" in result.stderr


def test_named_role_that_allows_nothing_is_a_warning_before_the_first_question(
    cluster: FakeCluster,
) -> None:
    set_roles(cluster, EMPTY)
    result = request("--role", "role:deployer", typed="1h\nhotfix\n")

    assert result.exit_code == 0, result.output
    assert result.stderr.index(WHY) < result.stderr.index("For how long")
    assert result.stderr.count(WHY) == 1


def test_limit_and_hint_of_the_policy_are_shown(cluster: FakeCluster) -> None:
    result = request(typed="2\n2h\n20m\n \nOPS-1\n")

    assert "For how long, at most 30m [30m]:" in result.stderr
    assert "Error: the longest is 30m." in result.stderr
    assert "Justification (a ticket):" in result.stderr
    assert (made(cluster)["duration"], made(cluster)["justification"]) == (
        "20m",
        "OPS-1",
    )


def test_usual_duration_needs_no_typing(cluster: FakeCluster) -> None:
    request(typed="1\n\nhotfix\n")

    assert made(cluster)["duration"] == "1h"


@pytest.mark.parametrize(
    ("options", "questions"),
    [
        pytest.param([], ["role", "long", "Justification"], id="none"),
        pytest.param(["--role", "role:admin"], ["long", "Justification"], id="a role"),
        pytest.param(["--for", "1h"], ["role", "Justification"], id="a duration"),
        pytest.param(
            ["--until", "2999-01-01T00:00:00Z"], ["role", "Justification"], id="an end"
        ),
        pytest.param(["--reason", "x"], ["role", "long"], id="a justification"),
        pytest.param(
            ["--role", "role:admin", "--reason", "x", "--for", "1h"], [], id="all"
        ),
    ],
)
def test_only_what_is_missing_is_asked(
    options: list[str], questions: list[str]
) -> None:
    answers = {"role": "1\n", "long": "1h\n", "Justification": "hotfix\n"}
    result = request(*options, typed="".join(answers[one] for one in questions))

    assert result.exit_code == 0, result.output
    prompts = {"role": "Number of the role", "long": "For how long"}
    for one in answers:
        assert (prompts.get(one, f"{one}:") in result.stderr) is (one in questions)


def test_no_role_to_request_is_an_error(cluster: FakeCluster) -> None:
    cluster.user = {"username": "bob"}
    result = request()

    assert result.exit_code == 1
    assert "lists no role that an AccessPolicy lets you request" in result.stderr


def test_hostile_description_cannot_control_the_terminal(cluster: FakeCluster) -> None:
    hostile = {"name": "role:deployer", "description": "\x1b[2J\n9  role:admin"}
    path = f"{ARGOCD_INSTANCES.path('argogrant')}/default/status"
    cluster.edit(path, {"status": {"roles": [hostile]}})
    result = request()

    assert offered(result) == ["role:deployer"]
    assert "\x1b" not in result.stderr


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param([], "Missing option '--role'", id="no role"),
        pytest.param(["--role", "x"], "Missing option '--reason'", id="no reason"),
        pytest.param(
            ["--role", "x", "--reason", "y"], "one of --for and --until", id="no end"
        ),
    ],
)
def test_program_is_never_asked(
    cluster: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    problem: str,
) -> None:
    monkeypatch.setattr(requesting, "can_ask", lambda: False)
    result = request(*options, typed=TYPED)

    assert result.exit_code == 2
    assert problem in result.stderr
    assert not cluster.calls


def test_invalid_option_is_reported_before_a_question(cluster: FakeCluster) -> None:
    result = request("--for", "1x", typed=TYPED)

    assert result.exit_code == 2
    assert "Number of the role" not in result.stderr
    assert not cluster.calls
