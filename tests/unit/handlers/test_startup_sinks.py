"""Audit outputs of a process: standard output, HTTP sink, Events and metrics."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from argogrant.audit import http_sink as sinks
from argogrant.audit.http_sink import InvalidSink
from argogrant.handlers.startup import OperatorSettings, Sinks
from argogrant.kube.resources import EVENTS
from argogrant.telemetry.metrics import Metrics
from support import audit_receiver as receivers
from support.audit_statuses import a_change, status
from support.fake_cluster import FakeCluster
from support.in_memory_operator import OURS, SOON

EVENT_PATH = EVENTS.path(OURS)
CHANGE = a_change({}, status("+Bound", "+PolicyNotRequired"))


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def printed(capsys) -> list[Any]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def test_all_outputs_get_an_event(capsys) -> None:
    cluster, metrics = FakeCluster(), Metrics()
    process_sinks = Sinks(cluster, OperatorSettings(), metrics)
    process_sinks.audit.grant(CHANGE)
    # Read before any other task runs: a killed process must not lose the lines.
    lines = printed(capsys)
    await asyncio.sleep(SOON)
    await process_sinks.stop()

    assert [line["type"] for line in lines] == [
        "dev.argogrant.grant.requested",
        "dev.argogrant.grant.bound",
    ]
    assert value(metrics, "argogrant_audit_events_total", type="bound") == 1
    assert value(metrics, "argogrant_audit_sink_pending") == 0
    assert cluster.count("create", EVENT_PATH) == 1
    assert value(metrics, "argogrant_events_dropped_total") == 0


async def test_event_that_exists_already_is_not_counted_as_dropped(capsys) -> None:
    """An earlier process emitted the same event before it crashed."""
    cluster, metrics = FakeCluster(), Metrics()
    for _ in range(2):
        process_sinks = Sinks(cluster, OperatorSettings(), metrics)
        process_sinks.audit.grant(CHANGE)
        await asyncio.sleep(SOON)
        await process_sinks.stop()

    assert cluster.count("create", EVENT_PATH) == 2
    assert value(metrics, "argogrant_events_dropped_total") == 0
    assert len({line["id"] for line in printed(capsys)}) == 2


def test_sink_gets_the_events_that_an_earlier_process_left(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In real time, since the sink has a thread and a socket."""
    monkeypatch.setattr(sinks, "SHUTDOWN_TIMEOUT", 60.0)  # for busy machines

    async def emit(url: str, *, has_change: bool) -> None:
        settings = OperatorSettings(audit_sink=url, audit_spool=tmp_path)
        process_sinks = Sinks(FakeCluster(), settings, Metrics())
        if has_change:
            process_sinks.audit.grant(CHANGE)
        await process_sinks.stop()

    with receivers.Receiver() as stopped:
        url = stopped.url
    asyncio.run(emit(url, has_change=True))
    with receivers.Receiver() as receiver:
        asyncio.run(emit(receiver.url, has_change=False))

        assert receiver.events == printed(capsys)
        assert len(receiver.events) == 2


async def test_sink_without_tls_is_rejected_at_start() -> None:
    with pytest.raises(InvalidSink):
        Sinks(
            FakeCluster(),
            OperatorSettings(audit_sink="http://x.example"),
            Metrics(),
        )


def test_sink_settings_are_read_from_the_environment() -> None:
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
