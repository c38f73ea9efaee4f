"""Queue of audit events for the sink: in memory, or in a file that survives a restart.

The audit log adds events; the thread of the sink removes them once the receiver has
them. Both ends may be used at the same time.
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
LOCK_TIMEOUT: Final = 0.25
"""Seconds that the event loop waits for the lock of the file."""

_COUNT: Final = "SELECT count(*), coalesce(sum(length(line)), 0) FROM events"
_BROKEN: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

logger = logging.getLogger(__name__)

Dropped = Callable[[int], object]
"""Receives the number of events that were dropped."""


class QueuedEvent(NamedTuple):
    """Event in the queue, with its sequence number."""

    number: int
    line: str


class Spool(Protocol):
    """Queue of events, in the order in which they were emitted."""

    def put(self, line: str) -> None:
        """Add an event at the end; drop the oldest events if the queue is full."""
        ...

    def peek(self, count: int) -> list[QueuedEvent]:
        """Return the oldest events."""
        ...

    def ack(self, number: int) -> None:
        """Remove all events up to a sequence number."""
        ...

    def count(self) -> int:
        """Return the number of events."""
        ...

    def close(self) -> None:
        """Close the file, if there is one."""
        ...


class MemorySpool:
    """Queue in memory, lost with the process; standard output has had the events."""

    def __init__(self, dropped: Dropped, *, limit: int = MEMORY_BYTES) -> None:
        self._dropped = dropped
        self._limit = limit
        self._lock = threading.Lock()
        self._queue: deque[QueuedEvent] = deque()
        self._size = 0
        self._last = 0

    def put(self, line: str) -> None:
        """Add an event at the end."""
        with self._lock:
            self._last += 1
            self._queue.append(QueuedEvent(self._last, line))
            self._size += len(line)
            dropped = 0
            while self._size > self._limit:
                self._size -= len(self._queue.popleft().line)
                dropped += 1
        if dropped:
            self._dropped(dropped)

    def peek(self, count: int) -> list[QueuedEvent]:
        """Return the oldest events."""
        with self._lock:
            return [self._queue[i] for i in range(min(count, len(self._queue)))]

    def ack(self, number: int) -> None:
        """Remove all events up to a sequence number."""
        with self._lock:
            while self._queue and self._queue[0].number <= number:
                self._size -= len(self._queue.popleft().line)

    def count(self) -> int:
        """Return the number of events."""
        return len(self._queue)

    def close(self) -> None:
        """Do nothing: there is no file."""


class DiskSpool:
    """Queue in a SQLite file.

    The write-ahead log is written but not synced at each event: the events survive the
    process, but a power cut may lose the last moments. Events that cannot be written
    wait in memory.

    Raises:
        sqlite3.Error: The file is not a SQLite file, or cannot be created.
        OSError: The folder cannot be created.

    Source: SQLite, "Write-Ahead Logging".
    """

    def __init__(
        self, folder: Path, dropped: Dropped, *, limit: int = DISK_BYTES
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE
        self._path.touch(mode=0o600)  # Justifications are personal data.
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
        """Return the oldest events, and truncate the write-ahead log."""
        with closing(self._connect()) as connection:
            # Passive: it syncs without blocking the event loop, which may write.
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        query = "SELECT number, line FROM events ORDER BY number LIMIT ?"
        with self._lock:
            self._store()
            rows = self._writer.execute(query, (count,)).fetchall()
        return [QueuedEvent(*row) for row in rows]

    def ack(self, number: int) -> None:
        """Remove all events up to a sequence number."""
        with self._lock:
            self._delete(number)

    def count(self) -> int:
        """Return the number of events."""
        stored: int = self._count
        return stored + self._overflow.count()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=LOCK_TIMEOUT,
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
        """Write the events that wait in memory, and drop the oldest if it is full."""
        events = self._overflow.peek(self._overflow.count())
        if not events:
            return
        self._writer.execute("BEGIN IMMEDIATE")
        with self._writer:
            rows = [(one.line,) for one in events]
            self._writer.executemany("INSERT INTO events (line) VALUES (?)", rows)
        self._overflow.ack(events[-1].number)
        self._count += len(events)
        self._size += sum(len(one.line) for one in events)
        if self._size > self._limit:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Drop a tenth of the limit, so not every event has to drop another."""
        query = (
            "SELECT max(number) FROM (SELECT number,"
            " sum(length(line)) OVER (ORDER BY number) - length(line) AS before"
            " FROM events) WHERE before < ?"
        )
        excess = self._size - self._limit * 9 // 10
        (last,) = self._writer.execute(query, (excess,)).fetchone()
        self._dropped(self._delete(last))

    def _delete(self, last: int) -> int:
        """Delete the events up to a sequence number; return how many there were."""
        query = f"{_COUNT} WHERE number <= ?"
        count, size = self._writer.execute(query, (last,)).fetchone()
        self._writer.execute("DELETE FROM events WHERE number <= ?", (last,))
        self._count -= count
        self._size -= size
        deleted: int = count
        return deleted


def open_spool(folder: Path | None, dropped: Dropped) -> Spool:
    """Open the queue; it never fails, as a failed operator could not revoke access.

    Args:
        folder: Folder of the file; None keeps events in memory.
        dropped: Receives the number of events that were dropped.

    Returns:
        A queue in memory if the folder cannot be used. A corrupt file is renamed.
    """
    if folder is None:
        return MemorySpool(dropped)
    try:
        return _opened(folder, dropped)
    except (sqlite3.Error, OSError) as error:
        logger.error(  # noqa: TRY400
            "The audit spool %s cannot be used: %s. Until the next start, events are"
            " kept in memory only. Make it a folder that the operator may write.",
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
        path = folder / FILE
        renamed = path.replace(path.with_suffix(".broken"))
        logger.error("The audit spool is corrupt, renamed to %s: %s", renamed, error)  # noqa: TRY400
        return DiskSpool(folder, dropped)
