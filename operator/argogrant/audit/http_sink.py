"""The sink: audit events posted over HTTPS, in order, until the receiver has them.

A thread of its own waits for the receiver, so that nobody else does. An event leaves
the spool when the receiver has answered 2xx, so that it may be posted more than once.

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
"""Seconds without a sign of the receiver."""
FIRST_BACKOFF: Final = 0.5
LONGEST_BACKOFF: Final = 60.0
LAST_CHANCE: Final = 2.0
"""Seconds that the end of the process waits for what is still to be posted."""
_TOO_LARGE: Final = 413

logger = logging.getLogger(__name__)


class InvalidSink(ValueError):
    """The sink's address is none that events may be sent to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkTarget:
    """Where events are posted, and how it is recognised.

    Raises:
        InvalidSink: The URL is no HTTPS URL.
    """

    url: str
    token_file: Path | None = None
    """Holds the bearer token; read at each request, since tokens are rotated."""
    ca_file: Path | None = None
    """Whom to trust instead of the system's roots."""

    def __post_init__(self) -> None:
        """Refuse what would send names and justifications in the clear."""
        parts = urlsplit(self.url)
        is_safe = parts.scheme == "https" or (
            parts.scheme == "http" and _is_loopback(parts.hostname or "")
        )
        if not is_safe or not parts.hostname:
            raise InvalidSink(
                f"{parts.scheme or self.url!r} is not how audit events may be sent;"
                " write an https:// URL (http:// only to this machine itself)"
            )
        if parts.username is not None or parts.fragment:
            raise InvalidSink(
                "the URL of the audit sink holds a user name, a password or a"
                " fragment; put a token into a file and name that file"
            )


class Sink:
    """Posts what is in the spool.

    Args:
        receiver: Where to.
        spool: Where events wait.
    """

    def __init__(self, receiver: SinkTarget, spool: Spool) -> None:
        self._receiver = receiver
        self._spool = spool
        self._wake = threading.Event()
        self._is_ending = threading.Event()
        self._size = BATCH
        self._opener: urllib.request.OpenerDirector | None = None
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def __call__(self, telling: AuditRecord) -> None:
        """Take an event; it is in the spool when this returns."""
        self._spool.put(telling.line)
        self._wake.set()

    def start(self) -> None:
        """Post in the background, first of all what another process left."""
        self._thread.start()

    def stop(self) -> None:
        """Give what is still there a last chance, and stop."""
        self._is_ending.set()
        self._wake.set()
        self._thread.join(LAST_CHANCE)
        if not self._thread.is_alive():
            self._spool.close()

    def _run(self) -> None:
        backoff = FIRST_BACKOFF
        while True:
            self._wake.clear()
            try:
                is_empty = self._post_some()
            except (OSError, ValueError, HTTPException, sqlite3.Error) as error:
                self._opener = None  # certificates may be others by now
                logger.warning(
                    "%d audit events are not posted yet: %s",
                    self._spool.count(),
                    _words_of(error),
                )
                if self._is_ending.wait(backoff * random.uniform(0.5, 1.0)):  # noqa: S311
                    return
                backoff = min(backoff * 2, LONGEST_BACKOFF)
                continue
            backoff = FIRST_BACKOFF
            if is_empty and self._is_ending.is_set():
                return
            if is_empty:
                self._wake.wait()

    def _post_some(self) -> bool:
        """Post a batch; tells whether there was nothing to post.

        Raises:
            OSError: The receiver did not answer, or not with 2xx.
            HTTPException: What it answered is no HTTP.
            sqlite3.Error: The spool can not be read at the moment.
        """
        waiting = self._spool.peek(self._size)
        if not waiting:
            return True
        try:
            self._post(waiting)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == _TOO_LARGE:
                self._size = max(1, len(waiting) // 2)
            raise
        self._spool.ack(waiting[-1].number)
        return False

    def _post(self, waiting: Sequence[QueuedEvent]) -> None:
        body = f"[{','.join(one.line for one in waiting)}]".encode("ascii")
        request = urllib.request.Request(  # noqa: S310 — the scheme was looked at
            self._receiver.url, body, {"Content-Type": CONTENT_TYPE}, method="POST"
        )
        if self._receiver.token_file is not None:
            token = self._receiver.token_file.read_text("ascii").strip()
            request.add_unredirected_header("Authorization", f"Bearer {token}")
        if self._opener is None:
            self._opener = _opener(self._receiver.ca_file)
        with self._opener.open(request, timeout=TIMEOUT) as answer:
            answer.read(1)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET, and events would be lost with a 200."""

    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
        """Follow none; the 3xx is an error then."""


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


def _words_of(error: Exception) -> str:
    """Say what went wrong; never with the token in it."""
    if isinstance(error, UnicodeError):
        return "the token file does not hold ASCII text"
    if isinstance(error, ValueError):
        return "the token holds what no HTTP header may hold"
    return str(error) or type(error).__name__
