"""The sink: in order, until the receiver has it, whatever the receiver does."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from argogrant.audit import http_sink as sinks
from argogrant.audit.cloudevents import AuditEvent, InstanceData
from argogrant.audit.event import AuditRecord
from argogrant.audit.http_sink import InvalidSink, Sink, SinkTarget
from argogrant.audit.spool import MemorySpool
from argogrant.audit.transitions import EventType, Transition
from support import audit_receiver as receivers
from support.audit_statuses import INSTANCE


@pytest.fixture(autouse=True)
def impatient(monkeypatch) -> None:
    monkeypatch.setattr(sinks, "FIRST_BACKOFF", 0.01)
    monkeypatch.setattr(sinks, "LONGEST_BACKOFF", 0.05)


@pytest.fixture
def receiver() -> Iterator[receivers.Receiver]:
    with receivers.Receiver() as listening:
        yield listening


def a_telling(number: int) -> AuditRecord:
    data = InstanceData(
        uid="i1",
        name="default",
        namespace="argogrant",
        subject=None,
        role=None,
        reason=None,
        message=None,
    )
    event = AuditEvent(
        id=str(number),
        source=INSTANCE.source,
        type="dev.argogrant.instance.contested",
        time="2026-11-24T12:00:00.000Z",
        subject="argogrant/default",
        data=data,
    )
    return AuditRecord(INSTANCE, Transition(type=EventType.CONTESTED), event)


class Posting:
    """A sink that posts, with its spool."""

    def __init__(self, url: str, **receiver: Path) -> None:
        self.spool = MemorySpool(lambda _: None)
        self.sink = Sink(SinkTarget(url=url, **receiver), self.spool)

    def tell(self, *numbers: int) -> None:
        for number in numbers:
            self.sink(a_telling(number))

    def until(self, question: Callable[[], object]) -> None:
        pause = threading.Event()
        for _ in range(1000):
            if question():
                return
            pause.wait(0.01)
        pytest.fail("still not so")

    def until_empty(self) -> None:
        self.until(lambda: self.spool.count() == 0)


@pytest.fixture
def posting(receiver) -> Iterator[Posting]:
    one = Posting(receiver.url)
    one.sink.start()
    yield one
    one.sink.stop()


def ids(receiver: receivers.Receiver) -> list[int]:
    return [int(event["id"]) for event in receiver.events]


def test_events_are_posted_as_a_batch_of_cloud_events(receiver, posting) -> None:
    posting.tell(1)
    posting.until_empty()

    (event,) = receiver.events
    assert event["specversion"] == "1.0"
    assert event["data"]["name"] == "default"
    assert receiver.headers[0]["Content-Type"] == (
        "application/cloudevents-batch+json; charset=utf-8"
    )
    assert "Authorization" not in receiver.headers[0]


def test_what_waits_is_posted_in_order_and_in_batches(receiver) -> None:
    posting = Posting(receiver.url)
    posting.tell(*range(250))
    posting.sink.start()
    posting.until_empty()
    posting.sink.stop()

    assert ids(receiver) == list(range(250))
    assert [len(batch) for batch in receiver.batches] == [100, 100, 50]


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(503, id="away"),
        pytest.param(429, id="too many"),
        pytest.param(401, id="the token has run out"),
        pytest.param(400, id="it does not like what it gets"),
        pytest.param(307, id="it sends us elsewhere, which a POST must not follow"),
    ],
)
def test_what_is_not_accepted_is_posted_again(
    status, receiver, posting, caplog
) -> None:
    receiver.answers = [status] * 3
    posting.tell(1, 2)
    posting.until_empty()

    assert ids(receiver) == [1, 2]
    assert receiver.requests >= 4
    assert "not posted yet" in caplog.text


def test_a_batch_that_is_too_large_is_made_smaller(receiver) -> None:
    receiver.answers = [413, 413]
    posting = Posting(receiver.url)
    posting.tell(*range(100))
    posting.sink.start()
    posting.until_empty()
    posting.sink.stop()

    assert ids(receiver) == list(range(100))
    assert len(receiver.batches[0]) == 25


def test_telling_does_not_wait_for_a_receiver_that_hangs(receiver, posting) -> None:
    receiver.answers = [receiver.hang]
    posting.tell(1)
    posting.until(lambda: receiver.requests == 1)
    posting.tell(*range(2, 100))

    assert receiver.requests == 1
    assert posting.spool.count() == 99


def test_a_receiver_that_hangs_is_given_up_and_asked_again(
    receiver, monkeypatch
) -> None:
    monkeypatch.setattr(sinks, "TIMEOUT", 0.1)
    receiver.answers = [receiver.hang, receiver.hang]
    posting = Posting(receiver.url)
    posting.sink.start()
    posting.tell(1)
    posting.until_empty()
    posting.sink.stop()

    assert set(ids(receiver)) == {1}  # at least once


def test_a_receiver_that_comes_back_gets_everything() -> None:
    with receivers.Receiver() as first:
        port = first.port
        posting = Posting(first.url)
        posting.sink.start()
        posting.tell(1)
        posting.until_empty()
    posting.tell(2, 3)
    with receivers.Receiver(port=port) as second:
        posting.until_empty()
        posting.sink.stop()

        assert ids(second) == [2, 3]


def test_an_answer_that_is_no_http_does_not_end_the_sink(receiver, posting) -> None:
    receiver.answers = [b"nonsense\r\n\r\n", b""]
    posting.tell(1)
    posting.until_empty()

    assert ids(receiver) == [1]


def test_the_token_is_read_anew_at_each_request(receiver, tmp_path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    posting = Posting(receiver.url, token_file=token)
    posting.sink.start()
    posting.tell(1)
    posting.until_empty()
    token.write_text("two\n")
    posting.tell(2)
    posting.until_empty()
    posting.sink.stop()

    sent = [headers["Authorization"] for headers in receiver.headers]
    assert sent == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "No such file", id="is missing"),
        pytest.param("se\ncret", "no HTTP header may hold", id="has two lines"),
        pytest.param("secrét", "does not hold ASCII", id="is not ASCII"),
    ],
)
def test_a_token_file_that_is_no_use_is_said_without_its_content(
    content, said, receiver, tmp_path, caplog
) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content)
    posting = Posting(receiver.url, token_file=token)
    posting.sink.start()
    posting.tell(1)
    posting.until(lambda: said in caplog.text)
    assert "cret" not in caplog.text
    token.write_text("good")
    posting.until_empty()
    posting.sink.stop()

    assert ids(receiver) == [1]


def test_certificates_that_are_missing_are_waited_for(receiver, tmp_path, caplog):
    """An operator that ended because of them would not revoke either."""
    posting = Posting(receiver.url, ca_file=tmp_path / "ca.pem")
    posting.sink.start()
    posting.tell(1)
    posting.until(lambda: "No such file" in caplog.text)
    posting.sink.stop()

    assert receiver.requests == 0
    assert posting.spool.count() == 1


def test_what_waits_at_the_end_has_a_last_chance(receiver, monkeypatch) -> None:
    monkeypatch.setattr(sinks, "LAST_CHANCE", 60.0)  # a busy machine needs it
    posting = Posting(receiver.url)
    posting.sink.start()
    posting.tell(*range(150))
    posting.sink.stop()

    assert ids(receiver) == list(range(150))


def test_the_end_of_the_process_does_not_wait_for_a_receiver_that_hangs(
    receiver, monkeypatch
) -> None:
    monkeypatch.setattr(sinks, "LAST_CHANCE", 0.05)
    receiver.otherwise = receiver.hang
    posting = Posting(receiver.url)
    posting.sink.start()
    posting.tell(1)
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
def test_events_may_be_sent_to(url) -> None:
    assert SinkTarget(url=url).url == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        pytest.param("http://siem.example.com/", "https", id="in the clear"),
        pytest.param("http://127.0.0.1.example.com/", "https", id="a name like ours"),
        pytest.param("http://10.0.0.1/", "https", id="a private network"),
        pytest.param("siem.example.com", "https", id="no scheme"),
        pytest.param("file:///etc/passwd", "https", id="no receiver at all"),
        pytest.param("https:///events", "https", id="no host"),
        pytest.param("https://me:secret@x.org/", "file", id="a password in a URL"),
    ],
)
def test_events_are_not_sent(url, said) -> None:
    with pytest.raises(InvalidSink, match=said) as got:
        SinkTarget(url=url)

    assert "secret" not in str(got.value)
