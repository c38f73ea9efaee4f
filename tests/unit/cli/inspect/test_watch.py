"""``argogrant list --watch``: what becomes of what was listed."""

import asyncio
from datetime import UTC

import pytest
import yaml
from typer.testing import CliRunner

from argogrant.cli.inspect import list_grants as grants
from argogrant.cli.inspect.grant_table import (
    GrantFilter,
    TableOptions,
    TableRow,
    format_change,
    format_header,
)
from argogrant.cli.inspect.watch import Follower, GrantEvent
from argogrant.cli.main import app
from argogrant.cli.options import ListFormat
from argogrant.kube.errors import Forbidden, Gone, Unavailable
from support.builders import MINUTE, NOON
from support.fake_cluster import FakeCluster
from support.requested_grants import GRANTS
from support.stored_grants import a_body, in_force, not_ready, over

ALICE = a_body("alice-deploys", "alice", status=in_force())
OPS = a_body("ops", "operators@example.com", status=not_ready("AwaitingApproval"))
ENDED = a_body("old", "carol", status=over("Expired", NOON - MINUTE))
BOB = a_body("bob-reads", "bob", status=in_force())
PAGE = TableOptions(NOON + 5 * MINUTE, 80, zone=UTC)


ROW = "alice-deploys  alice                  role:deployer  "


@pytest.mark.parametrize(
    ("after", "row"),
    [
        pytest.param(
            GrantEvent(ALICE, is_gone=True),
            ROW + "Deleted  in 55m",
            id="deleted",
        ),
        pytest.param(
            GrantEvent(ALICE | {"status": ENDED["status"]}, is_gone=False),
            ROW + "Ended    6m ago",
            id="over",
        ),
        pytest.param(
            GrantEvent(ENDED, is_gone=False), None, id="never told of, and over"
        ),
        pytest.param(
            GrantEvent(ENDED, is_gone=True), None, id="never told of, and gone"
        ),
        pytest.param(
            GrantEvent(BOB, is_gone=False),
            "bob-reads      bob                    role:deployer  Active   in 55m",
            id="another one",
        ),
    ],
)
def test_a_list_that_goes_on_says_what_becomes_of_what_it_listed(after, row) -> None:
    """Each line stands in the columns of the list."""
    follower = Follower(GrantFilter())
    follower.begin([ALICE, OPS, ENDED])
    before, grant = follower.told, follower.take(after)
    line = grant and TableRow(after.body, grant, is_gone=after.is_gone)

    assert (line and format_change(before, line, ListFormat.TABLE, PAGE)) == row


def test_what_is_over_is_told_of_once() -> None:
    follower = Follower(GrantFilter())
    follower.begin([ALICE])
    over_now = GrantEvent(ALICE | {"status": ENDED["status"]}, is_gone=False)

    assert follower.take(over_now) is not None
    assert follower.take(over_now) is None
    assert follower.told == []


def test_programs_follow_one_object_after_the_other() -> None:
    follower = Follower(GrantFilter())
    pairs = follower.begin([ALICE, OPS])
    line = TableRow(ALICE, pairs[0][1], is_gone=False)
    first = format_header(pairs, ListFormat.YAML, PAGE)
    text = f"{first}\n{format_change([], line, ListFormat.YAML, PAGE)}"
    bodies = list(yaml.safe_load_all(text))

    assert [one["metadata"]["name"] for one in bodies] == [
        *("alice-deploys", "ops", "alice-deploys")
    ]
    assert {one["kind"] for one in bodies} == {"AccessGrant"}


def ends_after(cluster: FakeCluster, happens) -> None:
    """Let something happen while a list is followed, and then forbid to list."""

    def end() -> None:
        cluster.fail("list", Forbidden("GET /x: 403 no"))
        cluster.break_watches(Gone("410"))

    def begin() -> None:
        happens()
        asyncio.get_running_loop().call_later(0.05, end)

    cluster.before("watch", begin)


def watched(cluster: FakeCluster, *words: str, bodies=(ALICE, OPS)):
    """Run the command against these objects."""
    for body in bodies:
        cluster.add(GRANTS, body)
        path = f"{GRANTS}/{body['metadata']['name']}/status"
        cluster.edit(path, {"status": body["status"]})
    return CliRunner().invoke(app, ["list", "--watch", *words])


def test_a_list_goes_on_until_it_may_not(cluster) -> None:
    ends_after(cluster, lambda: cluster.delete_object(f"{GRANTS}/ops"))
    result = watched(cluster)

    assert result.exit_code == 1
    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        *("NAME", "alice-deploys", "ops", "ops")
    ]
    assert "Deleted" in result.stdout.splitlines()[-1]
    assert result.stderr.startswith("argogrant list: GET /x: 403 no Ask for the right")


def test_a_list_of_nothing_goes_on(cluster) -> None:
    ends_after(cluster, lambda: cluster.add(GRANTS, a_body("new")))
    result = watched(cluster, bodies=())

    assert [line.split()[0] for line in result.stdout.splitlines()] == ["NAME", "new"]
    assert result.stderr.startswith('No grants in namespace "argogrant".\n')


def test_what_can_not_be_listed_is_not_followed(cluster) -> None:
    cluster.fail("list", Unavailable("GET /x: no answer"))
    result = watched(cluster)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "GET /x: no answer" in result.stderr


def test_an_api_server_that_goes_away_is_asked_again(cluster) -> None:
    away = Unavailable("GET /x: no answer")

    def happens() -> None:
        asyncio.get_running_loop().call_later(0.01, cluster.break_watches, away)

    ends_after(cluster, happens)
    result = watched(cluster, "-o", "name")

    assert "GET /x: no answer; asked again\n" in result.stderr


def test_whoever_interrupts_it_is_told_nothing(cluster, monkeypatch) -> None:
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(grants, "run_command", interrupted)
    monkeypatch.setattr(grants, "_follow", lambda *_: None)
    result = watched(cluster)

    assert (result.exit_code, result.output) == (130, "")
