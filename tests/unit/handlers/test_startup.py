"""Start of the process: garbage collector, kopf's diff base, namespaces, settings."""

import asyncio
import gc
import resource
import ssl
import tracemalloc
from asyncio.sslproto import SSLProtocol
from collections.abc import Iterator

import pytest

from argogrant.audit.audit_log import AuditLog
from argogrant.handlers import startup
from argogrant.handlers.instances import NamespaceRegistry
from argogrant.handlers.startup import (
    FEWEST_FILES,
    NoDiffBase,
    OperatorSettings,
    allow_open_files,
    limit_tls_buffers,
    tune_gc,
)
from argogrant.kube import own_namespace
from argogrant.telemetry.metrics import Metrics
from support.fake_clock import FakeClock
from support.fake_cluster import FakeCluster
from support.in_memory_operator import GRANTS, OURS, SETTLED


@pytest.fixture
def _gc_thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


def registry(cluster: FakeCluster) -> NamespaceRegistry:
    namespaces = NamespaceRegistry(lambda: cluster, Metrics(), AuditLog(), FakeClock())
    namespaces.leading.set()
    return namespaces


@pytest.mark.usefixtures("_gc_thresholds")
def test_ten_thousand_new_objects_start_no_garbage_collection() -> None:
    """The collector must not run in the middle of ten thousand decisions."""
    tune_gc()
    gc.collect()
    before = [generation["collections"] for generation in gc.get_stats()]

    created = [[number] for number in range(10_000)]

    assert [generation["collections"] for generation in gc.get_stats()] == before
    assert len(created) == 10_000


async def test_new_tls_connection_takes_a_quarter_of_its_usual_memory(
    monkeypatch,
) -> None:
    def connection_bytes() -> int:
        tracemalloc.start()
        connection = SSLProtocol(
            asyncio.get_running_loop(),
            asyncio.Protocol(),
            ssl.create_default_context(),
            None,
        )
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        connection.connection_lost(None)
        return size

    usual = connection_bytes()
    monkeypatch.setattr(SSLProtocol, "max_size", SSLProtocol.max_size)
    limit_tls_buffers()

    assert connection_bytes() < usual / 3


async def test_namespace_manager_is_started_once(cluster: FakeCluster) -> None:
    namespaces = registry(cluster)
    manager = namespaces.get(OURS)
    await asyncio.sleep(SETTLED)

    assert namespaces.get(OURS) is manager
    assert namespaces.are_synced()
    await namespaces.close()


async def test_failed_namespace_manager_is_started_again(cluster: FakeCluster) -> None:
    """Its parts start again by themselves; this is for the manager itself."""
    namespaces = registry(cluster)
    manager = namespaces.get(OURS)
    namespaces._managers[OURS][1].cancel()
    await asyncio.sleep(SETTLED)

    assert namespaces.get(OURS) is not manager
    await namespaces.close()


async def test_failed_watch_is_started_again(cluster: FakeCluster) -> None:
    """An unexpected exception must not end all revocations of a namespace."""
    namespaces = registry(cluster)
    manager = namespaces.get(OURS)
    cluster.fail("list", RuntimeError("a bug"), path=GRANTS)
    await asyncio.sleep(SETTLED)

    assert namespaces.get(OURS) is manager
    assert namespaces.are_synced()
    await namespaces.close()


@pytest.mark.parametrize("verb", ["build", "fetch"])
def test_diff_base_stores_no_copy_of_an_object(verb) -> None:
    """A copy in an annotation of each object would double every write."""
    assert getattr(NoDiffBase(), verb)() == {}
    assert NoDiffBase().store() is None


def test_settings_are_read_from_the_environment() -> None:
    settings = OperatorSettings.read(
        {
            "ARGOGRANT_NAMESPACES": "one,two",
            "ARGOGRANT_SWEEP_SECONDS": "3",
            "ARGOGRANT_ACCEPT_UNVERIFIED_REQUESTERS": "true",
            "ARGOGRANT_PORT": "8080",
        }
    )

    assert settings.namespaces == ("one", "two")
    assert settings.sweep_seconds == 3.0
    assert settings.accept_unverified_requesters
    assert settings.port == 8080


@pytest.mark.parametrize(
    ("pod", "environment", "own"),
    [
        pytest.param("ops\n", {"LEASE_NAMESPACE": "a"}, "ops", id="that of the pod"),
        pytest.param(
            "ops\n", {"OPERATOR_NAMESPACE": "b"}, "b", id="the one that is specified"
        ),
        pytest.param(
            None,
            {"NAMESPACES": "a,b", "LEASE_NAMESPACE": "b"},
            "b",
            id="that of the Lease",
        ),
        pytest.param(None, {"NAMESPACES": "a"}, "a", id="the only served one"),
        pytest.param(None, {"NAMESPACES": "a,b"}, "", id="none of several"),
        pytest.param(None, {}, "", id="none"),
    ],
)
def test_own_namespace_of_the_operator_is(
    pod, environment, own, tmp_path, monkeypatch
) -> None:
    file = tmp_path / "namespace"
    if pod is not None:
        file.write_text(pod)
    monkeypatch.setattr(own_namespace, "POD_NAMESPACE", file)
    settings = OperatorSettings.read(
        {f"ARGOGRANT_{name}": value for name, value in environment.items()}
    )

    assert settings.operator_namespace == own


def test_unset_settings_have_their_defaults() -> None:
    settings = OperatorSettings.read({})

    assert settings.namespaces == ()
    assert settings.sweep_seconds == 60.0
    assert settings.lease_namespace == ""
    assert not settings.accept_unverified_requesters
    assert settings.port is None
    assert settings.audit_spool is None
    assert settings.identity


@pytest.mark.parametrize(
    ("hard", "warns"),
    [
        pytest.param(1_024, True, id="few"),
        pytest.param(FEWEST_FILES, False, id="enough"),
        pytest.param(resource.RLIM_INFINITY, False, id="no limit"),
    ],
)
def test_limit_of_open_files_is_raised(hard, warns, monkeypatch, caplog) -> None:
    """Every connection is an open file, and instances have several each."""
    limits = [(512, hard)]
    monkeypatch.setattr(startup.resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(
        startup.resource, "setrlimit", lambda _, limit: limits.append(limit)
    )
    allow_open_files()

    assert limits[-1] == (hard, hard)
    assert ("nofile" in caplog.text) is warns
