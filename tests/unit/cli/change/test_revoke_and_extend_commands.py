"""``argogrant revoke`` and ``extend`` change when access ends, or say why not."""

import json
from typing import Any

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from argogrant.cli.main import app
from argogrant.kube.client import Body
from argogrant.kube.errors import Invalid, Unavailable
from support.fake_cluster import FakeCluster
from support.requested_grants import GRANTS, asked_for, say

END = "2999-01-01T18:00:00Z"
LATER = "2999-01-01T19:00:00Z"


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


@pytest.fixture(autouse=True)
def grant(cluster: FakeCluster) -> Body:
    """A grant that nobody has looked at yet."""
    return asked_for(cluster, "hotfix", expiresAt=END)


def test_grants_are_revoked(cluster: FakeCluster) -> None:
    asked_for(cluster, "other", duration="2h")
    result = run("revoke", "hotfix", "other", "hotfix", "--reason", "closed")
    spec = cluster.object(f"{GRANTS}/other")["spec"]

    assert result.exit_code == 0, result.output
    assert (spec["revoked"], spec["revocation"]) == (True, {"justification": "closed"})
    assert result.stdout.splitlines() == [
        "accessgrant.argogrant.dev/hotfix revoked",
        "accessgrant.argogrant.dev/other revoked",
    ]


def test_what_is_revoked_or_over_stays_as_it_is(cluster: FakeCluster) -> None:
    asked_for(cluster, "other", duration="2h", revoked=True)
    say(cluster, "Ended", "True")
    result = run("revoke", "hotfix", "other")

    assert result.stdout.splitlines() == [
        "accessgrant.argogrant.dev/hotfix unchanged: it is over already",
        "accessgrant.argogrant.dev/other unchanged: it is revoked already",
    ]
    assert cluster.count("merge_patch") == 0


def test_one_that_can_not_be_revoked_does_not_hold_up_the_others(
    cluster: FakeCluster,
) -> None:
    asked_for(cluster, "other", duration="2h")
    asked_for(cluster, "third", duration="2h")
    cluster.fail("merge_patch", Invalid("PATCH /x: 422 no"), path="hotfix")
    cluster.fail("merge_patch", Unavailable("PATCH /x: lost"), path="other")
    result = run("revoke", "hotfix", "other", "third")

    assert result.exit_code == 1
    assert "third revoked" in result.stdout
    assert result.stderr.splitlines() == [
        "argogrant revoke: no. Nothing was changed.",
        "PATCH /x: lost Does kubectl reach that cluster?",
    ]


def test_the_end_of_access_is_waited_for(cluster: FakeCluster) -> None:
    cluster.before("watch", lambda: say(cluster, "Ended", "True"))
    result = run("revoke", "hotfix", "--wait")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "hotfix: Because."


def test_an_end_that_does_not_come_is_told() -> None:
    result = run("revoke", "hotfix", "--wait", "--timeout", "1s")

    assert result.exit_code == 1
    assert "hotfix: timed out after 1s" in result.stderr


def test_those_with_labels_are_revoked_unless_they_are_over(
    cluster: FakeCluster,
) -> None:
    for name, more in (("first", {}), ("second", {"revoked": True}), ("third", {})):
        asked_for(cluster, name, duration="2h", **more)
        cluster.edit(f"{GRANTS}/{name}", {"metadata": {"labels": {"incident": "7"}}})
    result = run("revoke", "-l", "incident=7")

    assert result.stdout.splitlines() == [
        "accessgrant.argogrant.dev/first revoked",
        "accessgrant.argogrant.dev/third revoked",
    ]
    assert "revoked" not in cluster.object(f"{GRANTS}/hotfix")["spec"]


def test_labels_that_nothing_has_revoke_nothing(cluster: FakeCluster) -> None:
    result = run("revoke", "-l", "incident=7", "-o", "json")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == (
        'No grants with these labels give access in "argogrant".\n'
    )
    assert cluster.count("merge_patch") == 0


@pytest.mark.parametrize(
    "words", [(), ("hotfix", "-l", "a=b")], ids=["nothing", "names and labels"]
)
def test_what_is_to_be_revoked_is_said_in_one_way(words: tuple[str, ...]) -> None:
    result = run("revoke", *words)

    assert result.exit_code == 2
    assert "give either names or labels" in result.stderr


def test_programs_read_what_was_revoked(cluster: FakeCluster) -> None:
    asked_for(cluster, "other", duration="2h")
    result = run("revoke", "hotfix", "other", "-o", "yaml")
    bodies = list(yaml.safe_load_all(result.stdout))

    assert [one["metadata"]["name"] for one in bodies] == ["hotfix", "other"]
    assert all(one["spec"]["revoked"] for one in bodies)


def test_programs_read_what_has_ended(cluster: FakeCluster) -> None:
    cluster.before("watch", lambda: say(cluster, "Ended", "True"))
    result = run("revoke", "hotfix", "--wait", "-o", "json")
    (ended,) = json.loads(result.stdout)["status"]["conditions"]

    assert (ended["type"], ended["status"]) == ("Ended", "True")


def test_what_is_deleted_meanwhile_has_ended(cluster: FakeCluster) -> None:
    cluster.before("watch", lambda: cluster.delete_object(f"{GRANTS}/hotfix"))
    result = run("revoke", "hotfix", "--wait", "-o", "name")

    assert (result.exit_code, result.stdout) == (
        0,
        "accessgrant.argogrant.dev/hotfix\n",
    )


def test_a_revocation_can_be_tried(cluster: FakeCluster) -> None:
    result = run("revoke", "hotfix", "--dry-run=server")

    assert result.stdout == (
        "accessgrant.argogrant.dev/hotfix revoked (server dry run)\n"
    )
    assert cluster.is_dry_run


def continued(cluster: FakeCluster) -> Body:
    (body,) = [
        body
        for path, body in cluster._objects.items()
        if path.startswith(GRANTS) and body["spec"].get("extends")
    ]
    return body


@pytest.mark.parametrize(
    "options", [("--by", "1h"), ("--until", LATER)], ids=["a length", "an end"]
)
def test_more_time_is_a_new_grant(
    cluster: FakeCluster, options: tuple[str, ...]
) -> None:
    result = run("extend", "hotfix", *options, "--zone", "UTC")
    body = continued(cluster)

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
    assert "who has to agree has to agree again" in result.stdout


def test_less_time_is_written_into_the_grant(cluster: FakeCluster) -> None:
    told = run("extend", "hotfix", "--until", "2998-01-01T00:00:00Z", "--zone", "UTC")
    named = run("extend", "hotfix", "--until", "2997-01-01T00:00:00Z", "-o", "name")
    spec = cluster.object(f"{GRANTS}/hotfix")["spec"]

    assert spec["expiresAt"] == "2997-01-01T00:00:00Z"
    assert "hotfix ends earlier: 2998-01-01 00:00 UTC" in told.stdout
    assert named.stdout == "accessgrant.argogrant.dev/hotfix\n"


@pytest.mark.parametrize(
    ("spec", "status", "options", "said"),
    [
        pytest.param(
            {"revoked": True}, {}, ("--by", "1h"), "is over; ask", id="revoked"
        ),
        pytest.param(
            {"expiresAt": None, "duration": "2h"},
            {},
            ("--by", "1h"),
            "has not begun",
            id="an end that is not known",
        ),
        pytest.param(
            {"expiresAt": None, "duration": "2h"},
            {"expiresAt": END},
            ("--until", "2998-01-01T00:00:00Z"),
            "has a duration, which can not change",
            id="a duration",
        ),
        pytest.param(
            {},
            {"extendedBy": "hotfix-2"},
            ("--by", "1h"),
            'is continued by "hotfix-2" already',
            id="continued already",
        ),
        pytest.param({}, {}, ("--until", END), "its end already", id="no change"),
    ],
)
def test_what_can_not_be_extended_is_told(
    cluster: FakeCluster,
    spec: dict[str, Any],
    status: dict[str, Any],
    options: tuple[str, ...],
    said: str,
) -> None:
    cluster.edit(f"{GRANTS}/hotfix", {"spec": spec})
    cluster.edit(f"{GRANTS}/hotfix/status", {"status": status})
    result = run("extend", "hotfix", *options)

    assert result.exit_code == 1
    assert said in result.stderr


def test_a_shorter_end_may_be_refused(cluster: FakeCluster) -> None:
    cluster.fail("merge_patch", Invalid("PATCH /x: 422 no"))
    result = run("extend", "hotfix", "--until", "2998-01-01T00:00:00Z")

    assert result.stderr == "argogrant extend: no. Nothing was changed.\n"


@pytest.mark.parametrize(
    "options", [(), ("--by", "1h", "--until", "18:00"), ("--until", "soon")]
)
def test_one_new_end_is_given(options: tuple[str, ...]) -> None:
    assert run("extend", "hotfix", *options).exit_code == 2
