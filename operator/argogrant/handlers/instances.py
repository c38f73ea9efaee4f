"""kopf handlers of ArgoCDInstances: reconcile loop, resync and finalizer."""

import asyncio
import ctypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import kopf

from argogrant.controller.manager import NamespaceManager
from argogrant.kube.errors import ClusterError

INSTANCES: Final = ("argogrant.dev", "v1alpha1", "argocdinstances")
POLL_SECONDS: Final = 0.5
_C_LIBRARY: Final = ctypes.CDLL(None)
LONGEST_RESYNC_RETRY: Final = 5.0
"""Seconds; kopf's own delay after an exception would be a minute without a resync."""


@kopf.daemon(*INSTANCES, cancellation_polling=2.0, backoff=1.0)
async def run_instance(
    *,
    name: str,
    namespace: str | None,
    body: kopf.Body,
    memo: kopf.Memo,
    stopped: kopf.DaemonStopped,
    **_: Any,  # noqa: ANN401
) -> None:
    """Reconcile an instance until it is deleted and clean, or the process ends."""
    manager = memo.namespaces.get(namespace)
    async with _reconciling(manager, name) as loop:
        while not stopped and not loop.done():
            await stopped.wait(POLL_SECONDS)
            if memo.namespaces.get(namespace) is not manager:
                raise kopf.TemporaryError(
                    f"The manager of namespace {namespace} was restarted.", delay=1
                )
        if loop.done() or "deletionTimestamp" in body.metadata:
            await loop


@kopf.on.delete(*INSTANCES, backoff=1.0)
async def on_instance_deleted(
    *,
    name: str,
    namespace: str | None,
    memo: kopf.Memo,
    **_: Any,  # noqa: ANN401
) -> None:
    """Keep the finalizer of a deleted instance until its Argo CD is clean.

    kopf starts no daemon for an instance that was deleted before this process started,
    and would remove the finalizer at once. The manager runs one reconcile loop for an
    instance, however many callers wait for it.
    """
    while True:
        manager = memo.namespaces.get(namespace)
        async with _reconciling(manager, name) as loop:
            while not loop.done() and memo.namespaces.get(namespace) is manager:
                await asyncio.wait({loop}, timeout=POLL_SECONDS)
            if loop.done() and not loop.cancelled():
                await loop
                return


def register_resync(interval: float) -> None:
    """Register the timer that compares all objects with the API servers.

    kopf wants the interval of a timer when the handler is registered, and the settings
    are read when the operator starts. Handlers that are registered in a startup handler
    are in effect, since kopf looks them up for every event.

    Args:
        interval: Seconds between two resyncs of an instance.
    """
    kopf.timer(*INSTANCES, interval=interval, initial_delay=interval)(resync_instance)


async def resync_instance(
    *,
    name: str,
    namespace: str | None,
    memo: kopf.Memo,
    **_: Any,  # noqa: ANN401
) -> None:
    """List all objects of an instance again: finds changes that the watch missed."""
    try:
        await memo.namespaces.get(namespace).resync(name)
    except ClusterError as error:
        delay = min(LONGEST_RESYNC_RETRY, memo.settings.sweep_seconds)
        raise kopf.TemporaryError(str(error), delay=delay) from error
    memo.namespaces.trim_line_caches()
    trim_heap()


def trim_heap(library: object = _C_LIBRARY) -> None:
    """Return unused pages of the C heap to the kernel.

    A burst of grants needs some megabytes for a while, and what it frees lies between
    objects that stay. glibc returns only the top of its heap, so without this call the
    process would keep the size of its largest burst. ``MALLOC_ARENA_MAX=1`` in the
    Dockerfile gives all threads one heap; other C libraries (musl, macOS) have no
    ``malloc_trim``, and nothing happens.

    Source: mallopt(3), malloc_trim(3).
    """
    trim = getattr(library, "malloc_trim", None)
    if trim is not None:
        trim(0)


@asynccontextmanager
async def _reconciling(
    manager: NamespaceManager, name: str
) -> AsyncIterator["asyncio.Task[None]"]:
    """Run the reconcile loop of an instance for the length of a block."""
    loop = asyncio.create_task(manager.run_instance(name))
    try:
        yield loop
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
