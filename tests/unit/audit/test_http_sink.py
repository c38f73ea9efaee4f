"""HTTP sink: in order and at least once, with a receiver that fails."""

import sqlite3
import ssl
import threading
from collections.abc import Callable, Iterator
from email.message import Message
from http.client import BadStatusLine, InvalidURL
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest

from argogrant.audit import http_sink as sinks
from argogrant.audit.event import AuditEvent
from argogrant.audit.http_sink import InvalidSink, MemorySpool, Sink, SinkTarget
from support import audit_receiver as receivers
from support.audit_statuses import INSTANCE


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch) -> None:
    monkeypatch.setattr(sinks, "FIRST_BACKOFF", 0.01)
    monkeypatch.setattr(sinks, "LONGEST_BACKOFF", 0.05)


@pytest.fixture
def receiver() -> Iterator[receivers.Receiver]:
    with receivers.Receiver() as running:
        yield running


def a_record(number: int) -> AuditEvent:
    return AuditEvent(
        id=str(number),
        source="/argogrant/argogrant/default",
        type="dev.argogrant.instance.contested",
        time="2026-11-24T12:00:00.000Z",
        subject="argogrant/default",
        data=INSTANCE,
    )


class Posting:
    """A sink, and the spool that it posts."""

    def __init__(self, url: str, **receiver: Path) -> None:
        self.spool = MemorySpool(lambda _: None)
        self.sink = Sink(SinkTarget(url=url, **receiver), self.spool)

    def emit(self, *numbers: int) -> None:
        for number in numbers:
            self.sink(a_record(number))

    def until(self, condition: Callable[[], object]) -> None:
        pause = threading.Event()
        for _ in range(1000):
            if condition():
                return
            pause.wait(0.01)
        pytest.fail("the condition did not become true")

    def until_empty(self) -> None:
        self.until(lambda: self.spool.count() == 0)


@pytest.fixture
def posting(receiver) -> Iterator[Posting]:
    posting = Posting(receiver.url)
    posting.sink.start()
    yield posting
    posting.sink.stop()


def ids(receiver: receivers.Receiver) -> list[int]:
    return [int(event["id"]) for event in receiver.events]


def test_events_are_posted_as_a_batch_of_cloud_events(receiver, posting) -> None:
    posting.emit(1)
    posting.until_empty()

    (event,) = receiver.events
    assert event["specversion"] == "1.0"
    assert event["data"]["name"] == "default"
    assert receiver.headers[0]["Content-Type"] == (
        "application/cloudevents-batch+json; charset=utf-8"
    )
    assert "Authorization" not in receiver.headers[0]


def test_queued_events_are_posted_in_order_and_in_batches(receiver) -> None:
    posting = Posting(receiver.url)
    posting.emit(*range(250))
    posting.sink.start()
    posting.until_empty()
    posting.sink.stop()

    assert ids(receiver) == list(range(250))
    assert [len(batch) for batch in receiver.batches] == [100, 100, 50]


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(503, id="unavailable"),
        pytest.param(429, id="too many requests"),
        pytest.param(401, id="token expired"),
        pytest.param(400, id="bad request"),
        pytest.param(307, id="redirect, which a POST must not follow"),
    ],
)
def test_rejected_batch_is_posted_again(status, receiver, posting, caplog) -> None:
    receiver.answers = [status] * 3
    posting.emit(1, 2)
    posting.until_empty()

    assert ids(receiver) == [1, 2]
    assert receiver.requests >= 4
    assert "not posted yet" in caplog.text


def test_batch_that_is_too_large_is_halved(receiver) -> None:
    receiver.answers = [413, 413]
    posting = Posting(receiver.url)
    posting.emit(*range(100))
    posting.sink.start()
    posting.until_empty()
    posting.sink.stop()

    assert ids(receiver) == list(range(100))
    assert len(receiver.batches[0]) == 25


def test_emitting_does_not_wait_for_a_receiver_that_hangs(receiver, posting) -> None:
    receiver.answers = [receiver.hang]
    posting.emit(1)
    posting.until(lambda: receiver.requests == 1)
    posting.emit(*range(2, 100))

    assert receiver.requests == 1
    assert posting.spool.count() == 99


def test_request_to_a_receiver_that_hangs_times_out_and_is_repeated(
    receiver, monkeypatch
) -> None:
    monkeypatch.setattr(sinks, "TIMEOUT", 0.1)
    receiver.answers = [receiver.hang, receiver.hang]
    posting = Posting(receiver.url)
    posting.sink.start()
    posting.emit(1)
    posting.until_empty()
    posting.sink.stop()

    assert set(ids(receiver)) == {1}  # at least once


def test_receiver_that_returns_gets_all_events() -> None:
    with receivers.Receiver() as first:
        port = first.port
        posting = Posting(first.url)
        posting.sink.start()
        posting.emit(1)
        posting.until_empty()
    posting.emit(2, 3)
    with receivers.Receiver(port=port) as second:
        posting.until_empty()
        posting.sink.stop()

        assert ids(second) == [2, 3]


def test_answer_that_is_not_http_does_not_stop_the_sink(receiver, posting) -> None:
    receiver.answers = [b"nonsense\r\n\r\n", b""]
    posting.emit(1)
    posting.until_empty()

    assert ids(receiver) == [1]


def test_token_is_read_before_each_request(receiver, tmp_path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    posting = Posting(receiver.url, token_file=token)
    posting.sink.start()
    posting.emit(1)
    posting.until_empty()
    token.write_text("two\n")
    posting.emit(2)
    posting.until_empty()
    posting.sink.stop()

    sent = [headers["Authorization"] for headers in receiver.headers]
    assert sent == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "no such file", id="is missing"),
        pytest.param("se\ncret", "no HTTP header may contain", id="has two lines"),
        pytest.param("secrét", "characters other than ASCII", id="is not ASCII"),
    ],
)
def test_invalid_token_file_is_logged_without_its_content(
    content, message, receiver, tmp_path, caplog
) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content)
    posting = Posting(receiver.url, token_file=token)
    posting.sink.start()
    posting.emit(1)
    posting.until(lambda: message in caplog.text)
    assert "cret" not in caplog.text
    token.write_text("good")
    posting.until_empty()
    posting.sink.stop()

    assert ids(receiver) == [1]


def test_missing_ca_file_is_retried(receiver, tmp_path, caplog):
    """An operator that stopped because of it could not revoke access."""
    posting = Posting(receiver.url, ca_file=tmp_path / "ca.pem")
    posting.sink.start()
    posting.emit(1)
    posting.until(lambda: "no such file" in caplog.text)
    posting.sink.stop()

    assert receiver.requests == 0
    assert posting.spool.count() == 1


def test_stop_posts_queued_events(receiver, monkeypatch) -> None:
    monkeypatch.setattr(sinks, "SHUTDOWN_TIMEOUT", 60.0)  # a busy machine needs it
    posting = Posting(receiver.url)
    posting.sink.start()
    posting.emit(*range(150))
    posting.sink.stop()

    assert ids(receiver) == list(range(150))


def test_stop_does_not_wait_for_a_receiver_that_hangs(receiver, monkeypatch) -> None:
    monkeypatch.setattr(sinks, "SHUTDOWN_TIMEOUT", 0.05)
    receiver.otherwise = receiver.hang
    posting = Posting(receiver.url)
    posting.sink.start()
    posting.emit(1)
    posting.until(lambda: receiver.requests == 1)
    posting.sink.stop()

    assert posting.spool.count() == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://siem.example.com/events",
        "https://siem.example.com:8443/events?source=argogrant",
        "http://127.0.0.1:8080/",
        "http://localhost/",
        "http://[::1]:8080/",
    ],
)
def test_url_is_allowed(url) -> None:
    assert SinkTarget(url=url).url == url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("http://siem.example.com/", "https", id="unencrypted"),
        pytest.param(
            "http://127.0.0.1.example.com/",
            "https",
            id="name that begins with a loopback address",
        ),
        pytest.param("http://10.0.0.1/", "https", id="private network"),
        pytest.param("siem.example.com", "https", id="no scheme"),
        pytest.param("file:///etc/passwd", "https", id="file"),
        pytest.param("https:///events", "https", id="no host"),
        pytest.param("https://me:secret@x.org/", "file", id="password in the URL"),
        pytest.param("me:secret@x.org", "https", id="password in a URL without scheme"),
        pytest.param("//me:secret@x.org/", "https", id="password and no scheme"),
        pytest.param(
            "https://me:secret@x.org:x[/", "https", id="password in no URL at all"
        ),
        pytest.param(
            "https://me:secret\u2100@x.org/", "https", id="password and odd characters"
        ),
    ],
)
def test_url_is_rejected(url, message) -> None:
    with pytest.raises(InvalidSink, match=message) as raised:
        SinkTarget(url=url)

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(
            HTTPError("https://x?secret", 403, "secret", Message(), None),
            "the receiver answered with the HTTP status 403",
            id="the receiver refuses",
        ),
        pytest.param(
            URLError(ConnectionRefusedError(111, "Connection refused")),
            "connection refused",
            id="no receiver",
        ),
        pytest.param(URLError(TimeoutError()), "did not answer within 10 s", id="slow"),
        pytest.param(
            InvalidURL("/hook?token=secret has blanks"),
            "breaks the rules of HTTP",
            id="a URL that is none",
        ),
        pytest.param(BadStatusLine("secret"), "breaks the rules of HTTP", id="no HTTP"),
        pytest.param(
            UnicodeDecodeError("ascii", b"secret\xff", 6, 7, "secret"),
            "characters other than ASCII",
            id="a token that is no ASCII",
        ),
        pytest.param(
            ValueError("Invalid header value b'secret'"),
            "characters that no HTTP header may contain",
            id="a token with line feeds",
        ),
        pytest.param(
            FileNotFoundError(2, "No such file or directory", "/token"),
            "/token: no such file or directory",
            id="no token file",
        ),
        pytest.param(
            OSError("Tunnel connection failed: 407 secret"),
            "no connection could be made",
            id="a proxy that refuses",
        ),
        pytest.param(sqlite3.OperationalError("secret"), "spool", id="a broken spool"),
        pytest.param(
            URLError(ssl.SSLError(1, "secret")), "no TLS connection", id="no TLS"
        ),
    ],
)
def test_failure_is_described_without_what_was_sent_or_answered(error, words) -> None:
    described = sinks.describe_failure(error)

    assert words in described
    assert "secret" not in described
