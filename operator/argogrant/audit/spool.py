"""Where audit events wait for the sink: in memory, or in a file that outlives us.

Whoever tells an event puts it here at once; the sink's thread takes it away once the
receiver has it. Both ends are safe to use at the same time.
"""

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple, Protocol

MEMORY_BYTES: Final = 8 * 2**20
DISK_BYTES: Final = 256 * 2**20
FILE: Final = "audit.sqlite3"
PATIENCE: Final = 0.25
"""Seconds that the event loop waits for the file's lock, which is held for moments."""

_COUNT: Final = "SELECT count(*), coalesce(sum(length(line)), 0) FROM events"
_BROKEN: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

logger = logging.getLogger(__name__)

Dropped = Callable[[int], object]
"""Told how many events were given up."""


class QueuedEvent(NamedTuple):
    """An event that waits, with its place in the order."""

    number: int
    line: str


class Spool(Protocol):
    """Events in the order in which they were told."""

    def put(self, line: str) -> None:
        """Add an event at the end; the oldest make room if there is none."""
        ...

    def peek(self, count: int) -> list[QueuedEvent]:
        """Give the events that have waited longest."""
        ...

    def ack(self, number: int) -> None:
        """Take away every event up to this one."""
        ...

    def count(self) -> int:
        """How many wait."""
        ...

    def close(self) -> None:
        """Let go of the file, if there is one."""
        ...


class MemorySpool:
    """Events that are lost with the process; standard output has had them."""

    def __init__(self, dropped: Dropped, *, limit: int = MEMORY_BYTES) -> None:
        self._dropped = dropped
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting: deque[QueuedEvent] = deque()
        self._size = 0
        self._last = 0

    def put(self, line: str) -> None:
        """Add an event at the end."""
        with self._lock:
            self._last += 1
            self._waiting.append(QueuedEvent(self._last, line))
            self._size += len(line)
            gone = 0
            while self._size > self._limit:
                self._size -= len(self._waiting.popleft().line)
                gone += 1
        if gone:
            self._dropped(gone)

    def peek(self, count: int) -> list[QueuedEvent]:
        """Give the events that have waited longest."""
        with self._lock:
            return [self._waiting[i] for i in range(min(count, len(self._waiting)))]

    def ack(self, number: int) -> None:
        """Take away every event up to this one."""
        with self._lock:
            while self._waiting and self._waiting[0].number <= number:
                self._size -= len(self._waiting.popleft().line)

    def count(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def close(self) -> None:
        """Nothing is open."""


class DiskSpool:
    """Events in a SQLite file, until the receiver has them.

    The log (WAL) is written but not synced at each event: it outlives the process, not
    a power cut of the last moments. What can not be written waits in memory.

    Raises:
        sqlite3.Error: The file is no such file, or can not be made.
        OSError: The folder can not be made.

    Source: SQLite, "Write-Ahead Logging".
    """

    def __init__(
        self, folder: Path, dropped: Dropped, *, limit: int = DISK_BYTES
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE
        self._path.touch(mode=0o600)  # justifications are nobody else's business
        self._dropped = dropped
        self._limit = limit
        self._overflow = MemorySpool(dropped)
        self._writer = self._connect()
        self._writer.execute(
            "CREATE TABLE IF NOT EXISTS events"
            " (number INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL)"
        )
        self._lock = threading.Lock()
        self._count, self._size = self._writer.execute(_COUNT).fetchone()

    def put(self, line: str) -> None:
        """Add an event at the end."""
        self._overflow.put(line)
        try:
            with self._lock:
                self._store()
        except sqlite3.Error as error:
            logger.warning("An audit event waits in memory: %s: %s", self._path, error)

    def peek(self, count: int) -> list[QueuedEvent]:
        """Give the events that have waited longest, and let the log shrink."""
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")  # syncs; holds nobody
        query = "SELECT number, line FROM events ORDER BY number LIMIT ?"
        with self._lock:
            self._store()
            rows = self._writer.execute(query, (count,)).fetchall()
        return [QueuedEvent(*row) for row in rows]

    def ack(self, number: int) -> None:
        """Take away every event up to this one."""
        with self._lock:
            self._delete(number)

    def count(self) -> int:
        """How many wait."""
        stored: int = self._count
        return stored + self._overflow.count()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=PATIENCE,
            isolation_level=None,
            check_same_thread=False,
        )
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "wal_autocheckpoint=0",
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _store(self) -> None:
        """Write what waits in memory, and make room if need be."""
        waiting = self._overflow.peek(self._overflow.count())
        if not waiting:
            return
        self._writer.execute("BEGIN IMMEDIATE")
        with self._writer:
            rows = [(one.line,) for one in waiting]
            self._writer.executemany("INSERT INTO events (line) VALUES (?)", rows)
        self._overflow.ack(waiting[-1].number)
        self._count += len(waiting)
        self._size += sum(len(one.line) for one in waiting)
        if self._size > self._limit:
            self._make_room()

    def _make_room(self) -> None:
        """Give up the oldest: enough of them not to do so at every event."""
        query = (
            "SELECT max(number) FROM (SELECT number,"
            " sum(length(line)) OVER (ORDER BY number) - length(line) AS before"
            " FROM events) WHERE before < ?"
        )
        wanted = self._size - self._limit * 9 // 10
        (last,) = self._writer.execute(query, (wanted,)).fetchone()
        self._dropped(self._delete(last))

    def _delete(self, last: int) -> int:
        """Delete the events up to this one; gives how many there were."""
        query = f"{_COUNT} WHERE number <= ?"
        count, size = self._writer.execute(query, (last,)).fetchone()
        self._writer.execute("DELETE FROM events WHERE number <= ?", (last,))
        self._count -= count
        self._size -= size
        gone: int = count
        return gone


def open_spool(folder: Path | None, dropped: Dropped) -> Spool:
    """Open the spool; an operator that could not would not revoke either.

    Args:
        folder: Where the file is; None keeps events in memory.
        dropped: Told of every event that is given up.

    Returns:
        A spool in memory if the folder can not be used. A file that is broken is put
        aside.
    """
    if folder is None:
        return MemorySpool(dropped)
    try:
        return _opened(folder, dropped)
    except (sqlite3.Error, OSError) as error:
        logger.error(  # noqa: TRY400
            "The audit spool %s can not be used, so that events are lost with this"
            " process: %s. Make it a folder that the operator may write.",
            folder,
            error,
        )
        return MemorySpool(dropped)


def _opened(folder: Path, dropped: Dropped) -> Spool:
    try:
        return DiskSpool(folder, dropped)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode not in _BROKEN:
            raise
        broken = folder / FILE
        aside = broken.replace(broken.with_suffix(".broken"))
        logger.error("The audit spool %s is broken: %s", aside, error)  # noqa: TRY400
        return DiskSpool(folder, dropped)
