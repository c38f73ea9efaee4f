"""Sink that posts audit events over HTTPS, in order and at least once.

The audit log adds events to a spool: in memory, or in a file that survives a restart. A
separate thread waits for the receiver, so the event loop never does. An event leaves
the spool after a 2xx answer. If the answer is lost, the event is posted again.

Source: CloudEvents 1.0.2, "HTTP Protocol Binding", batched content mode.
"""

import ipaddress
import logging
import random
import sqlite3
import ssl
import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from argogrant.audit.event import AuditEvent

CONTENT_TYPE: Final = "application/cloudevents-batch+json; charset=utf-8"
BATCH: Final = 100
"""Events in one request."""
TIMEOUT: Final = 10.0
"""Seconds to wait for data from the receiver."""
FIRST_BACKOFF: Final = 0.5
LONGEST_BACKOFF: Final = 60.0
SHUTDOWN_TIMEOUT: Final = 2.0
"""Seconds that the process waits at its end for events that are still queued."""
_TOO_LARGE: Final = 413

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


Spool = MemorySpool | DiskSpool


def open_spool(folder: Path | None, dropped: Dropped) -> Spool:
    """Open the queue; it never fails, as a failed operator could not revoke access.

    Events are kept in memory without a folder, and if the folder cannot be used. A
    corrupt file is renamed.
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


_NO_URL: Final = (
    "the URL must begin with https:// and name a host, such as"
    " https://audit.example.com/events"
)


class InvalidSink(ValueError):
    """The URL of the sink is not allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkTarget:
    """URL and credentials of the receiver.

    Raises:
        InvalidSink: The URL is not an HTTPS URL.
    """

    url: str
    token_file: Path | None = None
    """File with the bearer token; read before each request, as tokens are rotated."""
    ca_file: Path | None = None
    """File with the trusted CAs, instead of the system's roots."""

    def __post_init__(self) -> None:
        """Reject URLs that would send names and justifications unencrypted."""
        try:
            parts = urlsplit(self.url)
        except ValueError:
            # Its text quotes the URL, which can contain a password.
            raise InvalidSink(f"audit sink: {_NO_URL}") from None
        is_safe = parts.scheme == "https" or (
            parts.scheme == "http" and _is_loopback(parts.hostname or "")
        )
        if not is_safe or not parts.hostname:
            raise InvalidSink(
                f"audit sink: {_NO_URL}; without TLS, events would be sent unencrypted"
                " (http:// is accepted for localhost)"
            )
        if parts.username is not None or parts.fragment:
            raise InvalidSink(
                "audit sink: the URL contains a user name, a password or a fragment;"
                " write a token to a file and pass --audit-sink-token-file"
            )


class Sink:
    """Posts the events of a spool in the background."""

    def __init__(self, target: SinkTarget, spool: Spool) -> None:
        self._target = target
        self._spool = spool
        self._wake = threading.Event()
        self._is_stopping = threading.Event()
        self._batch_size = BATCH
        self._opener: urllib.request.OpenerDirector | None = None
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def __call__(self, event: AuditEvent) -> None:
        """Queue an event; it is in the spool when this returns."""
        self._spool.put(event.line)
        self._wake.set()

    def start(self) -> None:
        """Start the thread; events that an earlier process left come first."""
        self._thread.start()

    def stop(self) -> None:
        """Post what is queued, for a limited time, and stop the thread."""
        self._is_stopping.set()
        self._wake.set()
        self._thread.join(SHUTDOWN_TIMEOUT)
        if not self._thread.is_alive():
            self._spool.close()

    def _run(self) -> None:
        backoff = FIRST_BACKOFF
        while True:
            self._wake.clear()
            try:
                is_empty = self._post_some()
            except (OSError, ValueError, HTTPException, sqlite3.Error) as error:
                self._opener = None  # The next attempt reads the CA file again.
                logger.warning(
                    "%d audit events are not posted yet: %s",
                    self._spool.count(),
                    describe_failure(error),
                )
                if self._is_stopping.wait(backoff * random.uniform(0.5, 1.0)):  # noqa: S311
                    return
                backoff = min(backoff * 2, LONGEST_BACKOFF)
                continue
            backoff = FIRST_BACKOFF
            if is_empty and self._is_stopping.is_set():
                return
            if is_empty:
                self._wake.wait()

    def _post_some(self) -> bool:
        """Post a batch; return whether the spool was empty.

        Raises:
            OSError: The receiver did not answer with 2xx.
            HTTPException: The answer is not HTTP.
            sqlite3.Error: The spool cannot be read at the moment.
        """
        batch = self._spool.peek(self._batch_size)
        if not batch:
            return True
        try:
            self._post(batch)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == _TOO_LARGE:
                self._batch_size = max(1, len(batch) // 2)
            raise
        self._spool.ack(batch[-1].number)
        return False

    def _post(self, batch: Sequence[QueuedEvent]) -> None:
        body = f"[{','.join(one.line for one in batch)}]".encode("ascii")
        request = urllib.request.Request(  # noqa: S310 - SinkTarget checks the scheme
            self._target.url, body, {"Content-Type": CONTENT_TYPE}, method="POST"
        )
        if self._target.token_file is not None:
            token = self._target.token_file.read_text("ascii").strip()
            request.add_unredirected_header("Authorization", f"Bearer {token}")
        if self._opener is None:
            self._opener = _opener(self._target.ca_file)
        with self._opener.open(request, timeout=TIMEOUT) as answer:
            answer.read(1)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Rejects redirects: a POST would become a GET, and lose its events with a 200."""

    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
        """Follow no redirect; the 3xx becomes an error."""


def _opener(ca_file: Path | None) -> urllib.request.OpenerDirector:
    context = ssl.create_default_context(cafile=ca_file)
    return urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=context), _NoRedirect
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def describe_failure(error: Exception) -> str:
    """Return an error message that contains neither the token nor an answer."""
    if isinstance(error, UnicodeError):
        return "the token file contains characters other than ASCII"
    if isinstance(error, ValueError):
        return "the token contains characters that no HTTP header may contain"
    if isinstance(error, urllib.error.HTTPError):
        return f"the receiver answered with the HTTP status {error.code}"
    if isinstance(error, sqlite3.Error):
        return "the file of the spool cannot be read"
    if isinstance(error, HTTPException):
        return "the answer of the receiver breaks the rules of HTTP"
    return _connection_problem(error)


def _connection_problem(error: Exception) -> str:
    """Return why the receiver could not be reached, in the system's own words."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return f"the receiver did not answer within {TIMEOUT:.0f} s"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate cannot be verified: {reason.verify_message}"
    if isinstance(reason, ssl.SSLError):
        return "no TLS connection could be made"
    if isinstance(reason, OSError) and reason.strerror:
        file = f"{reason.filename}: " if isinstance(reason.filename, str) else ""
        return f"{file}{reason.strerror.lower()}"
    return "no connection could be made"
