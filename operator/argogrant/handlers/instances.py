"""ArgoCDInstances: a daemon converges each, a timer sweeps it, deleted ones wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import kopf

from argogrant.controller.manager import NamespaceManager
from argogrant.handlers.process_tuning import trim_heap
from argogrant.handlers.settings import SETTINGS
from argogrant.kube.errors import ClusterError

INSTANCES: Final = ("argogrant.dev", "v1alpha1", "argocdinstances")
RESYNC_RETRY_SECONDS: Final = min(5.0, SETTINGS.sweep_seconds)
"""kopf's own pause after an exception is a minute without any sweep."""


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
    """Converge an instance until it was deleted and is clean, or the process ends."""
    room = memo.namespaces.get(namespace)
    async with _serving(room, name) as serving:
        while not stopped and not serving.done():
            await stopped.wait(0.5)
            if memo.namespaces.get(namespace) is not room:
                raise kopf.TemporaryError("The namespace was opened anew.", delay=1)
        if serving.done() or "deletionTimestamp" in body.metadata:
            await serving


@kopf.on.delete(*INSTANCES, backoff=1.0)
async def on_instance_deleted(
    *,
    name: str,
    namespace: str | None,
    memo: kopf.Memo,
    **_: Any,  # noqa: ANN401
) -> None:
    """Hold a deleted instance until it is clean, whoever began to serve it.

    kopf starts no daemon for an instance that was deleted before this process began,
    and would let it go at once.
    """
    while True:
        room = memo.namespaces.get(namespace)
        async with _serving(room, name) as serving:
            while not serving.done() and memo.namespaces.get(namespace) is room:
                await asyncio.wait({serving}, timeout=0.5)
            if serving.done() and not serving.cancelled():
                await serving
                return


@kopf.timer(
    *INSTANCES, interval=SETTINGS.sweep_seconds, initial_delay=SETTINGS.sweep_seconds
)
async def resync_instance(
    *,
    name: str,
    namespace: str | None,
    memo: kopf.Memo,
    **_: Any,  # noqa: ANN401
) -> None:
    """Compare everything with Argo CD: the second path to every revocation."""
    try:
        await memo.namespaces.get(namespace).resync(name)
    except ClusterError as error:
        raise kopf.TemporaryError(str(error), delay=RESYNC_RETRY_SECONDS) from error
    memo.namespaces.trim_line_caches()
    trim_heap()


@asynccontextmanager
async def _serving(
    room: NamespaceManager, name: str
) -> AsyncIterator["asyncio.Task[None]"]:
    """Serve an instance for the length of a block."""
    serving = asyncio.create_task(room.run_instance(name))
    try:
        yield serving
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
