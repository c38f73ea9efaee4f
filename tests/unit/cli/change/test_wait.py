"""``--wait`` ends with the condition, with a refusal, or at the timeout."""

import asyncio
from datetime import timedelta

import pytest

from argogrant.api.accessgrant_view import StoredStatus
from argogrant.cli.change.wait import (
    DELETED,
    NOT_OBSERVED,
    WaitCondition,
    WaitStatus,
    WatchedObject,
    has_ended,
    is_counted,
    is_ready,
    wait_for,
)
from argogrant.cli.errors import CommandError
from argogrant.grants.model.stored_condition import StoredCondition
from argogrant.kube.errors import Forbidden, Unavailable
from argogrant.kube.resources import ACCESS_GRANTS, Collection
from support.fake_cluster import FakeCluster

ONE = Collection(ACCESS_GRANTS, "argogrant", "hotfix")
PATH = f"{ONE.path}/hotfix"
MINUTES = timedelta(minutes=5)


def stored(
    condition: str = "",
    *,
    status: bool | None = False,
    reason: str = "R",
    is_current: bool = True,
) -> StoredStatus:
    """An object with at most one condition, whose message is its reason."""
    conditions = (
        {condition: StoredCondition(status, reason, f"{reason}!")} if condition else {}
    )
    return StoredStatus(
        uid="u", name="hotfix", is_current=is_current, conditions=conditions
    )


@pytest.mark.parametrize(
    ("condition", "found", "is_met", "text"),
    [
        pytest.param(
            is_ready,
            stored("Ready", status=True, reason="Bound"),
            True,
            "Bound!",
            id="bound",
        ),
        pytest.param(
            is_ready,
            stored("Ready", status=True, is_current=False),
            None,
            NOT_OBSERVED,
            id="the status is about an older generation",
        ),
        pytest.param(is_ready, stored(), None, NOT_OBSERVED, id="no status"),
        pytest.param(
            is_ready,
            stored("Ready", reason="AwaitingApproval"),
            None,
            "AwaitingApproval! To approve, an approver runs: argogrant approve hotfix",
            id="approval is missing",
        ),
        pytest.param(
            is_ready,
            stored("Ready", reason="RoleNotFound"),
            None,
            "RoleNotFound!",
            id="a missing role can be created",
        ),
        pytest.param(
            is_ready,
            stored("Ready", reason="NotAllowed"),
            False,
            "NotAllowed!",
            id="refused",
        ),
        pytest.param(
            is_ready,
            stored("Ready", reason="Expired"),
            False,
            "Expired!",
            id="expired",
        ),
        pytest.param(
            is_ready,
            stored("Ended", status=True, reason="Denied", is_current=False),
            False,
            "Denied!",
            id="an ended grant stays ended",
        ),
        pytest.param(is_ready, None, False, DELETED, id="deleted"),
        pytest.param(
            has_ended,
            stored("Ended", status=True, reason="Revoked"),
            True,
            "Revoked!",
            id="ended",
        ),
        pytest.param(
            has_ended,
            stored("Ready", reason="Revoked"),
            None,
            "Revoked!",
            id="revoked, but Argo CD may still allow it",
        ),
        pytest.param(has_ended, stored(), None, NOT_OBSERVED, id="not observed"),
        pytest.param(has_ended, None, True, DELETED, id="a deleted grant has ended"),
        pytest.param(
            is_counted,
            stored("Counted", status=True, reason="Counts"),
            True,
            "Counts!",
            id="the approval counts",
        ),
        pytest.param(
            is_counted,
            stored("Counted", reason="SelfApproval"),
            False,
            "SelfApproval!",
            id="the approval does not count",
        ),
        pytest.param(
            is_counted, stored(), None, NOT_OBSERVED, id="approval not observed"
        ),
        pytest.param(is_counted, None, False, DELETED, id="approval deleted"),
    ],
)
def test_condition_is_met_pending_or_unreachable(
    condition: WaitCondition,
    found: StoredStatus | None,
    *,
    is_met: bool | None,
    text: str,
) -> None:
    status = condition(found)

    assert (status.is_met, status.text) == (is_met, text)


def test_condition_without_message_is_reported_by_reason() -> None:
    found = StoredStatus(
        uid="u",
        name="x",
        is_current=True,
        conditions={"Ready": StoredCondition(status=True, reason="Bound", message="")},
    )

    assert is_ready(found).text == "Bound"


def grant_without_status() -> tuple[FakeCluster, str]:
    """A cluster with a grant that the operator has not observed, and its uid."""
    cluster = FakeCluster()
    made = cluster.add(ONE.path, {"metadata": {"name": "hotfix"}, "spec": {}})
    return cluster, made["metadata"]["uid"]


def write_ready(
    cluster: FakeCluster, status: str, reason: str, message: str = ""
) -> None:
    """Write the condition Ready as the operator does."""
    ready = {
        "type": "Ready",
        "status": status,
        "reason": reason,
        "message": message or reason,
    }
    cluster.edit(
        f"{PATH}/status", {"status": {"observedGeneration": 1, "conditions": [ready]}}
    )


async def write_later(
    seconds: float, cluster: FakeCluster, status: str, reason: str
) -> None:
    await asyncio.sleep(seconds)
    write_ready(cluster, status, reason)


async def test_wait_returns_when_grant_is_ready(capsys) -> None:
    """Each message is printed once, although the object changes in between."""
    cluster, uid = grant_without_status()
    async with asyncio.TaskGroup() as group:
        group.create_task(write_later(5, cluster, "False", "RoleNotFound"))
        group.create_task(write_later(7, cluster, "Unknown", "RoleNotFound"))
        group.create_task(write_later(9, cluster, "True", "Bound"))
        status = await wait_for(cluster, WatchedObject(ONE, uid), is_ready, MINUTES)

    assert status == WaitStatus("Bound", is_met=True)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        f"waiting: {NOT_OBSERVED}",
        "waiting: RoleNotFound",
    ]


async def test_control_characters_of_a_message_are_escaped(capsys) -> None:
    cluster, uid = grant_without_status()
    write_ready(cluster, "False", "RoleNotFound", "two\x1b[2J\nlines")
    with pytest.raises(CommandError, match=r"two\\x1b\[2J\\nlines"):
        await wait_for(cluster, WatchedObject(ONE, uid), is_ready, MINUTES)

    assert capsys.readouterr().err == "waiting: two\\x1b[2J\\nlines\n"


@pytest.mark.parametrize("width", [40, 80, 120])
async def test_message_on_a_terminal_is_wrapped_between_words(
    capsys, monkeypatch, width: int
) -> None:
    """A command is not wrapped, since users copy it."""
    monkeypatch.setenv("COLUMNS", str(width))
    name = "team-a-production-deployer-of-the-payment-service-x7k2m"
    message = f'Group "{name}" may approve, and so may many others of these people.'
    cluster, uid = grant_without_status()
    write_ready(cluster, "False", "AwaitingApproval", message)
    with pytest.raises(CommandError):
        await wait_for(cluster, WatchedObject(ONE, uid), is_ready, MINUTES)
    lines = capsys.readouterr().err.splitlines()
    command = "argogrant approve hotfix"

    assert " ".join(line.strip() for line in lines) == (
        f"waiting: {message} To approve, an approver runs: {command}"
    )
    assert any(f'"{name}"' in line for line in lines)
    assert any(command in line for line in lines)
    assert all(len(line) <= width or name in line for line in lines)


async def test_wait_fails_when_grant_is_refused() -> None:
    cluster, uid = grant_without_status()
    write_ready(cluster, "False", "NotAllowed")

    with pytest.raises(CommandError, match=r"^NotAllowed\.$"):
        await wait_for(cluster, WatchedObject(ONE, uid), is_ready, MINUTES)


async def test_timeout_reports_last_message() -> None:
    cluster, uid = grant_without_status()
    write_ready(cluster, "False", "RoleNotFound")
    began = asyncio.get_running_loop().time()
    with pytest.raises(CommandError, match="timed out after 5m: RoleNotFound"):
        await wait_for(cluster, WatchedObject(ONE, uid), is_ready, MINUTES)

    assert asyncio.get_running_loop().time() - began == pytest.approx(300, abs=1)


async def test_wait_fails_when_grant_is_deleted() -> None:
    cluster, uid = grant_without_status()
    cluster.delete_object(PATH)

    with pytest.raises(CommandError, match="was deleted"):
        await wait_for(cluster, WatchedObject(ONE, uid), is_ready, MINUTES)


async def test_grant_with_same_name_and_other_uid_counts_as_deleted() -> None:
    cluster, _ = grant_without_status()
    write_ready(cluster, "True", "Bound")

    with pytest.raises(CommandError, match="was deleted"):
        await wait_for(cluster, WatchedObject(ONE, "other"), is_ready, MINUTES)


async def test_broken_watch_is_opened_again(capsys) -> None:
    """The error is printed, and changes during the outage are seen."""
    cluster, uid = grant_without_status()

    async def break_watch() -> None:
        await asyncio.sleep(2)
        cluster.fail("list", Unavailable("no route"), times=3)
        cluster.break_watches(Unavailable("broken"))
        write_ready(cluster, "True", "Bound")

    async with asyncio.TaskGroup() as group:
        group.create_task(break_watch())
        status = await wait_for(cluster, WatchedObject(ONE, uid), is_ready, MINUTES)

    assert status.is_met
    assert "waiting: broken; retrying" in capsys.readouterr().err


async def test_missing_permission_fails_at_once() -> None:
    cluster, uid = grant_without_status()
    cluster.fail("list", Forbidden("no"), times=9)

    with pytest.raises(Forbidden):
        await wait_for(cluster, WatchedObject(ONE, uid), is_ready, MINUTES)
