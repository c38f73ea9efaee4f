"""Queues of audit events: in order, limited, in memory or in a file."""

import sqlite3
from pathlib import Path

import pytest

from argogrant.audit.http_sink import (
    FILE,
    DiskSpool,
    MemorySpool,
    Spool,
    open_spool,
)


class Dropped:
    """Counts dropped events."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, count: int) -> None:
        self.count += count


@pytest.fixture
def dropped() -> Dropped:
    return Dropped()


@pytest.fixture(params=["memory", "disk"])
def spool(request, tmp_path: Path, dropped: Dropped):
    """A queue of at most a hundred characters."""
    opened: Spool = (
        MemorySpool(dropped, limit=100)
        if request.param == "memory"
        else DiskSpool(tmp_path, dropped, limit=100)
    )
    yield opened
    opened.close()


def lines(spool: Spool, count: int = 100) -> list[str]:
    return [event.line for event in spool.peek(count)]


def test_events_are_returned_in_order(spool) -> None:
    for line in ("one", "two", "three"):
        spool.put(line)

    assert lines(spool) == ["one", "two", "three"]
    assert lines(spool, 2) == ["one", "two"]
    assert spool.count() == 3


def test_acknowledged_events_are_removed(spool) -> None:
    for line in ("one", "two", "three"):
        spool.put(line)
    spool.ack(spool.peek(2)[-1].number)
    spool.put("four")

    assert lines(spool) == ["three", "four"]
    assert spool.count() == 2


def test_empty_queue_returns_nothing(spool) -> None:
    assert spool.peek(10) == []
    assert spool.count() == 0


def test_oldest_events_are_dropped_and_counted(spool, dropped) -> None:
    for number in range(30):
        spool.put(f"{number:010}")

    left = lines(spool)
    assert left == [f"{number:010}" for number in range(30 - len(left), 30)]
    assert 5 < len(left) <= 10
    assert dropped.count == 30 - len(left)
    assert spool.count() == len(left)


def test_event_above_the_limit_is_dropped(spool, dropped) -> None:
    spool.put("x" * 101)
    spool.put("one")

    assert lines(spool) == ["one"]
    assert dropped.count == 1


def test_events_on_disk_survive_a_kill(tmp_path, dropped) -> None:
    """The first queue is never closed, as if its process was killed."""
    killed = DiskSpool(tmp_path, dropped)
    killed.put("one")
    again = DiskSpool(tmp_path, dropped)
    again.put("two")

    assert lines(again) == ["one", "two"]
    assert again.count() == 2
    again.close()
    killed.close()


def test_file_is_readable_by_its_owner_only(tmp_path, dropped) -> None:
    DiskSpool(tmp_path, dropped).close()

    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_event_waits_in_memory_while_the_file_is_locked(
    tmp_path, dropped, caplog
) -> None:
    spool = DiskSpool(tmp_path, dropped)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    spool.put("one")
    assert spool.count() == 1
    assert "waits in memory" in caplog.text
    other.execute("ROLLBACK")
    other.close()
    spool.put("two")

    assert lines(spool) == ["one", "two"]
    assert spool.count() == 2
    spool.close()


def test_write_ahead_log_does_not_grow_with_the_events(tmp_path, dropped) -> None:
    """Acknowledged events free space in the file and in the log."""
    spool = DiskSpool(tmp_path, dropped)
    for _ in range(200):
        spool.put("x" * 4000)
        spool.ack(spool.peek(1)[-1].number)

    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 400_000
    spool.close()


def test_queue_without_a_folder_is_in_memory(dropped) -> None:
    assert isinstance(open_spool(None, dropped), MemorySpool)


def test_corrupt_file_is_renamed(tmp_path, dropped, caplog) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all" * 100)
    spool = open_spool(tmp_path, dropped)
    spool.put("one")

    assert lines(spool) == ["one"]
    assert isinstance(spool, DiskSpool)
    assert "is corrupt" in caplog.text
    assert (tmp_path / "audit.broken").exists()
    spool.close()


@pytest.mark.parametrize("obstacle", ["a file", "a locked file"])
def test_unusable_folder_is_logged_and_events_wait_in_memory(
    obstacle, tmp_path, dropped, caplog
) -> None:
    """An operator that refused to run could not revoke access."""
    if obstacle == "a file":
        folder = tmp_path / "spool"
        folder.write_text("not a folder")
        spool = open_spool(folder, dropped)
    else:
        other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        spool = open_spool(tmp_path, dropped)
        other.close()

    assert isinstance(spool, MemorySpool)
    assert "cannot be used" in caplog.text
    assert not (tmp_path / "audit.broken").exists()
