"""The command ``argogrant list --watch``."""

import asyncio
from datetime import UTC

import pytest
import yaml
from click.testing import CliRunner

from argogrant.api.accessgrant_view import view_grant
from argogrant.cli.formats import ListFormat
from argogrant.cli.inspect import list_grants as command
from argogrant.cli.inspect.filters import GrantFilter
from argogrant.cli.inspect.list_grants import (
    ListedGrant,
    PrintedGrants,
    TableOptions,
    format_change,
    format_header,
)
from argogrant.cli.main import app
from argogrant.kube.errors import Forbidden, Gone, Unavailable
from argogrant.kube.resources import ACCESS_POLICIES, ARGOCD_INSTANCES
from support.builders import MINUTE, NOON
from support.fake_cluster import FakeCluster
from support.fake_cluster_grants import GRANTS
from support.stored_grants import (
    a_stored_grant,
    active_status,
    ended_status,
    not_ready_status,
)

ALICE = a_stored_grant("alice-deploys", "alice", status=active_status())
OPS = a_stored_grant(
    "ops", "operators@example.com", status=not_ready_status("AwaitingApproval")
)
ENDED = a_stored_grant("old", "carol", status=ended_status("Expired", NOON - MINUTE))
BOB = a_stored_grant("bob-reads", "bob", status=active_status())
OPTIONS = TableOptions(NOON + 5 * MINUTE, 80, zone=UTC)


ROW = "alice-deploys  alice                  role:deployer  "


def changed(body: dict, **others) -> ListedGrant:
    return ListedGrant(body, view_grant(body), **others)


@pytest.mark.parametrize(
    ("change", "row"),
    [
        pytest.param(
            changed(ALICE, is_deleted=True),
            ROW + "Deleted  in 55m",
            id="grant that was deleted",
        ),
        pytest.param(
            changed(ALICE | {"status": ENDED["status"]}),
            ROW + "Ended    6m ago",
            id="grant that ended",
        ),
        pytest.param(changed(ENDED), None, id="ended grant that was not printed"),
        pytest.param(
            changed(ENDED, is_deleted=True),
            None,
            id="deleted grant that was not printed",
        ),
        pytest.param(
            changed(BOB),
            "bob-reads      bob                    role:deployer  Active   in 55m",
            id="new grant",
        ),
    ],
)
def test_change_is_printed_in_the_columns_of_the_list(change, row) -> None:
    printed = PrintedGrants(GrantFilter())
    printed.start([ALICE, OPS, ENDED])
    before = printed.grants
    text = (
        format_change(before, change, ListFormat.TABLE, OPTIONS)
        if printed.record(change)
        else None
    )

    assert text == row


def test_end_of_a_grant_is_printed_once() -> None:
    printed = PrintedGrants(GrantFilter())
    printed.start([ALICE])
    ended = changed(ALICE | {"status": ENDED["status"]})

    assert printed.record(ended)
    assert not printed.record(ended)
    assert printed.grants == []


def test_programs_get_a_stream_of_objects() -> None:
    grants = PrintedGrants(GrantFilter()).start([ALICE, OPS])
    first = format_header(grants, ListFormat.YAML, OPTIONS)
    text = f"{first}\n{format_change([], grants[0], ListFormat.YAML, OPTIONS)}"
    bodies = list(yaml.safe_load_all(text))

    assert [one["metadata"]["name"] for one in bodies] == [
        *("alice-deploys", "ops", "alice-deploys")
    ]
    assert {one["kind"] for one in bodies} == {"AccessGrant"}


def end_watch_after(cluster: FakeCluster, event) -> None:
    """Cause an event during the watch, then end the watch by forbidding the list."""

    def end() -> None:
        cluster.fail("list", Forbidden("GET /x: 403 no"))
        cluster.break_watches(Gone("410"))

    def begin() -> None:
        event()
        asyncio.get_running_loop().call_later(0.05, end)

    cluster.before("watch", begin)


def watched(cluster: FakeCluster, *words: str, bodies=(ALICE, OPS)):
    """Run the command on a cluster with these grants."""
    for body in bodies:
        cluster.add(GRANTS, body)
        path = f"{GRANTS}/{body['metadata']['name']}/status"
        cluster.edit(path, {"status": body["status"]})
    return CliRunner().invoke(app, ["list", "--watch", *words])


def test_deletion_is_printed_below_the_list(cluster) -> None:
    end_watch_after(cluster, lambda: cluster.delete_object(f"{GRANTS}/ops"))
    result = watched(cluster)

    assert result.exit_code == 1
    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        *("NAME", "alice-deploys", "ops", "ops")
    ]
    assert "Deleted" in result.stdout.splitlines()[-1]
    assert result.stderr.startswith(
        "argogrant list: GET /x: 403 no. Ask an administrator"
    )


def test_first_grant_of_an_empty_list_is_printed_with_the_header(cluster) -> None:
    end_watch_after(cluster, lambda: cluster.add(GRANTS, a_stored_grant("new")))
    result = watched(cluster, bodies=())

    assert [line.split()[0] for line in result.stdout.splitlines()] == ["NAME", "new"]
    assert result.stderr.startswith('No grants in namespace "argogrant". No operator')


def test_failed_list_ends_the_command(cluster) -> None:
    cluster.fail("list", Unavailable("GET /x: no answer"))
    result = watched(cluster)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "GET /x: no answer" in result.stderr


def test_broken_watch_is_retried(cluster) -> None:
    away = Unavailable("GET /x: no answer")

    def lose_connection() -> None:
        asyncio.get_running_loop().call_later(0.01, cluster.break_watches, away)

    end_watch_after(cluster, lose_connection)
    result = watched(cluster, "-o", "name")

    assert "GET /x: no answer; retrying\n" in result.stderr


POLICY = {
    "requesters": [{"kind": "User", "name": "*"}],
    "subjects": {"self": True},
    "roles": [{"name": "role:*"}],
    "approval": {"required": 1, "approvers": [{"kind": "User", "name": "bob"}]},
}
POLICIES = ACCESS_POLICIES.path("argogrant")
WAITING = a_stored_grant(
    "waiting",
    "carol",
    requester={"username": "carol"},
    status=not_ready_status("AwaitingApproval"),
)


@pytest.fixture
def for_bob(cluster: FakeCluster, monkeypatch) -> None:
    """Bob watches what waits for him, and approves what others request."""
    monkeypatch.setattr("argogrant.cli.access_rules.utc_now", lambda: NOON)
    cluster.user = {"username": "bob"}
    path = ARGOCD_INSTANCES.path("argogrant")
    cluster.add(path, {"metadata": {"name": "default"}, "spec": {}})
    cluster.add(POLICIES, {"metadata": {"name": "deployers"}, "spec": POLICY})


def names(result) -> list[str]:
    return [line.split()[0] for line in result.stdout.splitlines()]


def end_grant_watch_after(cluster: FakeCluster, event) -> None:
    """Cause an event while grants are watched, then forbid their list."""

    def end() -> None:
        cluster.fail("list", Forbidden("GET /x: 403 no"), path="accessgrants")
        cluster.break_watches(Gone("410"))

    def begin() -> None:
        event()
        asyncio.get_running_loop().call_later(0.1, end)

    cluster.before("watch", begin, path="accessgrants")


@pytest.mark.usefixtures("for_bob")
def test_grant_that_comes_to_wait_for_the_user_is_printed(cluster) -> None:
    """A grant that another user has to approve is not."""

    def request() -> None:
        own = a_stored_grant("own", "bob", requester={"username": "bob"})
        for body in (WAITING, own):
            cluster.add(GRANTS, body)
            path = f"{GRANTS}/{body['metadata']['name']}/status"
            cluster.edit(path, {"status": WAITING["status"]})

    end_grant_watch_after(cluster, request)

    assert names(watched(cluster, "--for-me", bodies=())) == ["NAME", "waiting"]


@pytest.mark.usefixtures("for_bob")
def test_grant_that_waits_no_more_for_the_user_is_printed_once_more(cluster) -> None:
    def approve() -> None:
        cluster.edit(f"{GRANTS}/waiting/status", {"status": active_status()})

    end_grant_watch_after(cluster, approve)
    result = watched(cluster, "--for-me", bodies=[WAITING, ALICE])

    assert names(result) == ["NAME", "waiting", "waiting"]
    assert "Pending" not in result.stdout.splitlines()[-1]


@pytest.mark.usefixtures("for_bob")
def test_changed_policy_decides_about_later_changes_of_grants(cluster) -> None:
    others = {"required": 1, "approvers": [{"kind": "User", "name": "dan"}]}
    cluster.edit(f"{POLICIES}/deployers", {"spec": {"approval": others}})

    def change_policy() -> None:
        cluster.edit(f"{POLICIES}/deployers", {"spec": POLICY})
        asyncio.get_running_loop().call_later(0.02, touch)

    def touch() -> None:
        cluster.edit(f"{GRANTS}/waiting/status", {"status": {"url": "x"}})

    end_grant_watch_after(cluster, change_policy)
    result = watched(cluster, "--for-me", bodies=[WAITING])

    assert names(result) == ["NAME", "waiting"]


def test_interrupt_prints_nothing(cluster, monkeypatch) -> None:
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_command", interrupt)
    monkeypatch.setattr(command, "_watch", lambda *_: None)
    result = watched(cluster)

    assert (result.exit_code, result.output) == (130, "")
