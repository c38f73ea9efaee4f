"""Sink that posts audit events over HTTPS, in order and at least once.

A separate thread waits for the receiver, so the event loop never does. An event leaves
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
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from argogrant.audit.event import AuditRecord
from argogrant.audit.spool import QueuedEvent, Spool

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

logger = logging.getLogger(__name__)


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
        parts = urlsplit(self.url)
        is_safe = parts.scheme == "https" or (
            parts.scheme == "http" and _is_loopback(parts.hostname or "")
        )
        if not is_safe or not parts.hostname:
            raise InvalidSink(
                f"audit sink: {parts.scheme or self.url!r} is not allowed, as events"
                " would be sent unencrypted; use an https:// URL (http:// only for"
                " localhost)"
            )
        if parts.username is not None or parts.fragment:
            raise InvalidSink(
                "audit sink: the URL contains a user name, a password or a fragment;"
                " write a token to a file and pass --audit-sink-token-file"
            )


class Sink:
    """Posts the events of a spool in the background.

    Args:
        target: The receiver.
        spool: Queue of the events.
    """

    def __init__(self, target: SinkTarget, spool: Spool) -> None:
        self._target = target
        self._spool = spool
        self._wake = threading.Event()
        self._is_stopping = threading.Event()
        self._batch_size = BATCH
        self._opener: urllib.request.OpenerDirector | None = None
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def __call__(self, record: AuditRecord) -> None:
        """Queue an event; it is in the spool when this returns."""
        self._spool.put(record.line)
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
                    _describe(error),
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


def _describe(error: Exception) -> str:
    """Return an error message that never contains the token."""
    if isinstance(error, UnicodeError):
        return "the token file contains characters other than ASCII"
    if isinstance(error, ValueError):
        return "the token contains characters that no HTTP header may contain"
    return str(error) or type(error).__name__
