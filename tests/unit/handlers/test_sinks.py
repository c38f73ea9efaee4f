"""The outlets of a process: standard output, the sink, Events and counts."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from argogrant.audit import http_sink as sinks
from argogrant.audit.http_sink import InvalidSink
from argogrant.handlers.settings import OperatorSettings
from argogrant.handlers.sinks import Sinks
from argogrant.kube.resources import EVENTS
from argogrant.telemetry.metrics import Metrics
from support import audit_receiver as receivers
from support.audit_statuses import a_change, status
from support.fake_cluster import FakeCluster
from support.in_memory_operator import OURS, SOON

EVENT_PATH = EVENTS.path(OURS)
NEWS = a_change({}, status("+Bound", "+PolicyNotRequired"))


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def told(capsys) -> list[Any]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def test_everybody_hears_what_happened(capsys) -> None:
    cluster, metrics = FakeCluster(), Metrics()
    outlets = Sinks(cluster, OperatorSettings(), metrics.audit)
    outlets.audit.grant(NEWS)
    lines = told(capsys)  # before anything else runs: a kill would lose none
    await asyncio.sleep(SOON)
    await outlets.stop()

    assert [line["type"] for line in lines] == [
        "dev.argogrant.grant.requested",
        "dev.argogrant.grant.bound",
    ]
    assert value(metrics, "argogrant_audit_events_total", type="bound") == 1
    assert value(metrics, "argogrant_audit_sink_pending") == 0
    assert cluster.count("create", EVENT_PATH) == 1
    assert value(metrics, "argogrant_events_dropped_total") == 0


async def test_an_event_that_is_there_already_is_not_missed(capsys) -> None:
    """Another process told the same before it died."""
    cluster, metrics = FakeCluster(), Metrics()
    for _ in range(2):
        outlets = Sinks(cluster, OperatorSettings(), metrics.audit)
        outlets.audit.grant(NEWS)
        await asyncio.sleep(SOON)
        await outlets.stop()

    assert cluster.count("create", EVENT_PATH) == 2
    assert value(metrics, "argogrant_events_dropped_total") == 0
    assert len({line["id"] for line in told(capsys)}) == 2


def test_the_sink_gets_what_a_process_left_behind(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in virtual time: the sink is a thread, and a socket."""
    monkeypatch.setattr(sinks, "SHUTDOWN_TIMEOUT", 60.0)  # a busy machine needs it

    async def tell(url: str, *, news: bool) -> None:
        settings = OperatorSettings(audit_sink=url, audit_spool=tmp_path)
        outlets = Sinks(FakeCluster(), settings, Metrics().audit)
        if news:
            outlets.audit.grant(NEWS)
        await outlets.stop()

    with receivers.Receiver() as gone:
        url = gone.url
    asyncio.run(tell(url, news=True))
    with receivers.Receiver() as receiver:
        asyncio.run(tell(receiver.url, news=False))

        assert receiver.events == told(capsys)
        assert len(receiver.events) == 2


async def test_a_sink_in_the_clear_is_refused_at_the_start() -> None:
    with pytest.raises(InvalidSink):
        Sinks(
            FakeCluster(),
            OperatorSettings(audit_sink="http://x.example"),
            Metrics().audit,
        )


def test_the_settings_are_read_from_the_environment() -> None:
    settings = OperatorSettings.read(
        {
            "ARGOGRANT_AUDIT_SINK": "https://x.example",
            "ARGOGRANT_AUDIT_SINK_TOKEN_FILE": "/a/token",
            "ARGOGRANT_AUDIT_SPOOL": "/b",
        }
    )

    assert settings.audit_sink == "https://x.example"
    assert settings.audit_sink_token_file == Path("/a/token")
    assert settings.audit_sink_ca_file is None
    assert settings.audit_spool == Path("/b")
