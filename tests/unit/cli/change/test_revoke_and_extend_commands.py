"""``argogrant revoke`` and ``extend`` change the end of access."""

import json
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from argogrant.cli.main import app
from argogrant.kube.client import Body
from argogrant.kube.errors import Invalid, Unavailable
from argogrant.kube.resources import ARGOCD_INSTANCES
from support.fake_cluster import FakeCluster
from support.fake_cluster_grants import GRANTS, create_grant, set_condition

END = "2999-01-01T18:00:00Z"
LATER = "2999-01-01T19:00:00Z"

WHERE = " (context one, namespace argogrant)"


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


@pytest.fixture(autouse=True)
def grant(cluster: FakeCluster) -> Body:
    """A grant that the operator has not observed yet, of an existing instance."""
    cluster.add(ARGOCD_INSTANCES.path("argogrant"), {"metadata": {"name": "default"}})
    return create_grant(cluster, "hotfix", expiresAt=END)


def test_revoke_several_grants(cluster: FakeCluster) -> None:
    create_grant(cluster, "other", duration="2h")
    result = run("revoke", "hotfix", "other", "hotfix", "--reason", "closed")
    spec = cluster.object(f"{GRANTS}/other")["spec"]

    assert result.exit_code == 0, result.output
    assert (spec["revoked"], spec["revocation"]) == (True, {"justification": "closed"})
    assert result.stdout.splitlines() == [
        "accessgrant.argogrant.dev/hotfix revoked" + WHERE,
        "Removes role:ops from alice.",
        "accessgrant.argogrant.dev/other revoked" + WHERE,
        "Removes role:ops from alice.",
    ]


def test_revoked_and_ended_grants_are_unchanged(cluster: FakeCluster) -> None:
    create_grant(cluster, "other", duration="2h", revoked=True)
    set_condition(cluster, "Ended", "True")
    result = run("revoke", "hotfix", "other")

    assert result.stdout.splitlines() == [
        "accessgrant.argogrant.dev/hotfix unchanged: the grant has already ended"
        + WHERE,
        "accessgrant.argogrant.dev/other unchanged: the grant is already revoked"
        + WHERE,
    ]
    assert cluster.count("merge_patch") == 0


def test_error_does_not_stop_the_other_revocations(
    cluster: FakeCluster,
) -> None:
    create_grant(cluster, "other", duration="2h")
    create_grant(cluster, "third", duration="2h")
    cluster.fail("merge_patch", Invalid("no"), path="hotfix")
    cluster.fail("merge_patch", Unavailable("PATCH /x: lost"), path="other")
    result = run("revoke", "hotfix", "other", "third")

    assert result.exit_code == 1
    assert "third revoked" in result.stdout
    assert result.stderr.splitlines()[1:] == [
        "argogrant revoke: no. Nothing was changed.",
        "PATCH /x: lost. Does kubectl reach this cluster?",
    ]


def test_wait_prints_the_end(cluster: FakeCluster) -> None:
    cluster.before("watch", lambda: set_condition(cluster, "Ended", "True"))
    result = run("revoke", "hotfix", "--wait")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "hotfix: Because."


def test_timeout_fails() -> None:
    result = run("revoke", "hotfix", "--wait", "--timeout", "1s")

    assert result.exit_code == 1
    assert "hotfix: timed out after 1s" in result.stderr


def test_selector_skips_revoked_grants(
    cluster: FakeCluster,
) -> None:
    for name, more in (("first", {}), ("second", {"revoked": True}), ("third", {})):
        create_grant(cluster, name, duration="2h", **more)
        cluster.edit(f"{GRANTS}/{name}", {"metadata": {"labels": {"incident": "7"}}})
    result = run("revoke", "-l", "incident=7")

    assert result.stdout.splitlines() == [
        "accessgrant.argogrant.dev/first revoked" + WHERE,
        "Removes role:ops from alice.",
        "accessgrant.argogrant.dev/third revoked" + WHERE,
        "Removes role:ops from alice.",
    ]
    assert "revoked" not in cluster.object(f"{GRANTS}/hotfix")["spec"]


def test_selector_without_matches_revokes_nothing(cluster: FakeCluster) -> None:
    result = run("revoke", "-l", "incident=7", "-o", "json")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == (
        'The selector matches no active grants in namespace "argogrant".\n'
    )
    assert cluster.count("merge_patch") == 0


@pytest.mark.parametrize(
    "words", [(), ("hotfix", "-l", "a=b")], ids=["nothing", "names and a selector"]
)
def test_names_and_selector_exclude_each_other(words: tuple[str, ...]) -> None:
    result = run("revoke", *words)

    assert result.exit_code == 2
    assert "specify either names or a selector" in result.stderr


def test_yaml_contains_the_revoked_grants(cluster: FakeCluster) -> None:
    create_grant(cluster, "other", duration="2h")
    result = run("revoke", "hotfix", "other", "-o", "yaml")
    bodies = list(yaml.safe_load_all(result.stdout))

    assert [one["metadata"]["name"] for one in bodies] == ["hotfix", "other"]
    assert all(one["spec"]["revoked"] for one in bodies)


def test_json_contains_the_ended_grant(cluster: FakeCluster) -> None:
    cluster.before("watch", lambda: set_condition(cluster, "Ended", "True"))
    result = run("revoke", "hotfix", "--wait", "-o", "json")
    (ended,) = json.loads(result.stdout)["status"]["conditions"]

    assert (ended["type"], ended["status"]) == ("Ended", "True")


def test_grant_deleted_during_wait_has_ended(cluster: FakeCluster) -> None:
    cluster.before("watch", lambda: cluster.delete_object(f"{GRANTS}/hotfix"))
    result = run("revoke", "hotfix", "--wait", "-o", "name")

    assert (result.exit_code, result.stdout) == (
        0,
        "accessgrant.argogrant.dev/hotfix\n",
    )


def test_dry_run_is_marked(cluster: FakeCluster) -> None:
    result = run("revoke", "hotfix", "--dry-run=server")

    assert result.stdout == (
        "accessgrant.argogrant.dev/hotfix revoked (server dry run)" + WHERE + "\n"
        "Removes role:ops from alice.\n"
    )
    assert cluster.is_dry_run


def extension(cluster: FakeCluster) -> Body:
    (body,) = [
        body
        for path, body in cluster._objects.items()
        if path.startswith(GRANTS) and body["spec"].get("extends")
    ]
    return body


@pytest.mark.parametrize(
    "options", [("--by", "1h"), ("--until", LATER)], ids=["a duration", "an end"]
)
def test_later_end_creates_another_grant(
    cluster: FakeCluster, options: tuple[str, ...]
) -> None:
    result = run("extend", "hotfix", *options, "--zone", "UTC")
    body = extension(cluster)

    assert result.exit_code == 0, result.output
    assert body["metadata"]["name"].startswith("hotfix-")
    assert body["spec"] == {
        "instance": "default",
        "subject": {"kind": "User", "name": "alice"},
        "role": {"name": "role:ops"},
        "expiresAt": LATER,
        "justification": "hotfix",
        "extends": "hotfix",
        "requester": {"username": "alice", "groups": ["developers"]},
    }
    assert "approvers must approve again" in result.stdout


def test_earlier_end_is_written_to_the_grant(cluster: FakeCluster) -> None:
    sentence = run(
        "extend", "hotfix", "--until", "2998-01-01T00:00:00Z", "--zone", "UTC"
    )
    named = run("extend", "hotfix", "--until", "2997-01-01T00:00:00Z", "-o", "name")
    spec = cluster.object(f"{GRANTS}/hotfix")["spec"]

    assert spec["expiresAt"] == "2997-01-01T00:00:00Z"
    assert f"hotfix ends earlier{WHERE}: 2998-01-01 00:00 UTC" in sentence.stdout
    assert named.stdout == "accessgrant.argogrant.dev/hotfix\n"


@pytest.mark.parametrize(
    ("spec", "status", "options", "message"),
    [
        pytest.param(
            {"revoked": True}, {}, ("--by", "1h"), "has ended. Request", id="revoked"
        ),
        pytest.param(
            {"expiresAt": None, "duration": "2h"},
            {},
            ("--by", "1h"),
            "has not started",
            id="an unknown end",
        ),
        pytest.param(
            {"expiresAt": None, "duration": "2h"},
            {"expiresAt": END},
            ("--until", "2998-01-01T00:00:00Z"),
            "has a duration, which cannot be changed",
            id="a duration",
        ),
        pytest.param(
            {},
            {"extendedBy": "hotfix-2"},
            ("--by", "1h"),
            'is already extended by "hotfix-2"',
            id="already extended",
        ),
        pytest.param({}, {}, ("--until", END), "already ends at", id="no change"),
    ],
)
def test_grant_that_cannot_be_extended_fails(
    cluster: FakeCluster,
    spec: dict[str, Any],
    status: dict[str, Any],
    options: tuple[str, ...],
    message: str,
) -> None:
    cluster.edit(f"{GRANTS}/hotfix", {"spec": spec})
    cluster.edit(f"{GRANTS}/hotfix/status", {"status": status})
    result = run("extend", "hotfix", *options)

    assert result.exit_code == 1
    assert message in result.stderr


def test_rejected_change_fails(cluster: FakeCluster) -> None:
    cluster.fail("merge_patch", Invalid("no"))
    result = run("extend", "hotfix", "--until", "2998-01-01T00:00:00Z")

    assert result.stderr == "argogrant extend: no. Nothing was changed.\n"


@pytest.mark.parametrize(
    "options", [(), ("--by", "1h", "--until", "18:00"), ("--until", "soon")]
)
def test_exactly_one_end_is_required(options: tuple[str, ...]) -> None:
    assert run("extend", "hotfix", *options).exit_code == 2
